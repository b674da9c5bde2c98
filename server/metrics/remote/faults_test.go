package remote

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/metrics/query"
)

// one is an answer with one sample.
const one = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1700000000.5,"3"]}]}}`

// text answers with a status, a type and a body.
func text(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hang takes a request and says nothing until the caller is gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// drip answers a byte at a time, without an end.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, `{"status":"success","data":`)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		time.Sleep(10 * time.Millisecond)
	}
}

// bomb answers with far more than it sends.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, `{"status":"success","data":{"resultType":"string","result":[1,"`)
	_, _ = z.Write(bytes.Repeat([]byte("a"), 3<<19))
	_, _ = io.WriteString(z, `"]}}`)
	_ = z.Close()
}

// cutOff promises more than it sends.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(one)+100))
	_, _ = io.WriteString(w, one[:len(one)-10])
}

const secret = "correct horse"

// TestFaults asks servers that do everything wrong. Each is an error in words that says where, and a state.
func TestFaults(t *testing.T) {
	const json, page, plain = "application/json", "text/html; charset=utf-8", "text/plain"
	cases := []struct {
		name    string
		handler http.HandlerFunc
		fault   query.Fault
		state   query.State
		words   string
	}{
		{"a login page", text(200, page, "<!doctype html><title>Log in</title>"), query.Unavailable, query.Down, "web page"},
		{"a page that does not say so", text(200, json, "\n <html>"), query.Unavailable, query.Down, "web page"},
		{"a page from a proxy", text(502, page, "<html><h1>Bad Gateway</h1>"), query.Unavailable, query.Down, "502, it answers with a web page"},
		{"other JSON", text(200, json, `{"message":"hello"}`), query.Unavailable, query.Down, "not a Prometheus API"},
		{"no JSON", text(200, json, "hello"), query.Unavailable, query.Down, "cannot be understood"},
		{"nothing", text(200, json, ""), query.Unavailable, query.Down, "in the middle"},
		{"two answers", text(200, json, one+one), query.Unavailable, query.Down, "follows the end"},
		{"half an answer", text(200, json, one[:len(one)/2]), query.Unavailable, query.Down, "in the middle"},
		{"less than promised", cutOff, query.Unavailable, query.Down, "in the middle"},
		{"an unknown type", text(200, json, `{"status":"success","data":{"resultType":"cube","result":[]}}`), query.Unavailable, query.Down, "cube"},
		{"no type", text(200, json, `{"status":"success","data":{"result":[]}}`), query.Unavailable, query.Down, "resultType"},
		{"no data", text(200, json, `{"status":"success"}`), query.Unavailable, query.Down, "no data"},
		{"a value that is none", text(200, json, strings.Replace(one, `"3"`, `"three"`, 1)), query.Unavailable, query.Down, "not a number"},
		{"a label twice", text(200, json, strings.Replace(one, `"job":"a"`, `"job":"a","job":"b"`, 1)), query.Unavailable, query.Down, "twice"},
		{"deep nesting", text(200, json, `{"x":`+strings.Repeat("[", 1<<16)), query.Unavailable, query.Down, "cannot be understood"},
		{"an error with a success' status", text(200, json, `{"status":"error","errorType":"bad_data","error":"no such function"}`), query.BadData, query.OK, "no such function"},
		{"unauthorized", text(401, plain, "who are you, "+secret+"?"), query.Unavailable, query.Down, "credentials"},
		{"no tenant", text(401, plain, "no org id"), query.Unavailable, query.Down, "give tenant"},
		{"forbidden", text(403, plain, "no"), query.Unavailable, query.Down, "403"},
		{"another path", text(404, plain, "404 page not found"), query.Unavailable, query.Down, "/api/v1/query"},
		{"too often", text(429, plain, "slow down"), query.Unavailable, query.Degraded, "less often"},
		{"broken", text(500, plain, "oh"), query.Unavailable, query.Down, "500, oh"},
		{"its own timeout", text(503, json, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`), query.Timeout, query.Down, "query timed out"},
		{"too much work", text(422, json, `{"status":"error","errorType":"execution","error":"too many samples"}`), query.Execution, query.OK, "too many samples"},
		{"VictoriaMetrics' words", text(422, json, `{"status":"error","errorType":"422","error":"cannot parse"}`), query.Execution, query.OK, "cannot parse"},
		{"hung", hang, query.Timeout, query.Down, "did not answer within 300ms"},
		{"dripping", drip, query.Timeout, query.Down, "did not answer within 300ms"},
		{"a bomb", bomb, query.Execution, query.Degraded, "more than 1048576 bytes"},
		{"no end", text(200, json, `{"status":"`+strings.Repeat("a", 2<<20)), query.Execution, query.Degraded, "more than 1048576 bytes"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example.com/login?token=abc", http.StatusFound)
		}, query.Unavailable, query.Down, "https://sso.example.com,"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, c.handler)
			timeout := model.Duration(patience)
			if strings.Contains(c.words, "300ms") {
				timeout = model.Duration(300 * time.Millisecond)
			}
			b := open(t, Source{
				Name: "the source", URL: strings.Replace(address, "//", "//user:correct%20horse@", 1),
				Timeout: timeout, MaxBytes: 1 << 20, HTTP: config.DefaultHTTPClientConfig,
			})
			_, err := b.Query(t.Context(), "up", time.Now())
			if err == nil || query.FaultOf(err) != c.fault {
				t.Fatalf("%v (%s), want %s", err, query.FaultOf(err), c.fault)
			}
			for _, want := range []string{`"the source"`, address, c.words} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			got := b.Status()
			if got.State != c.state || got.State != query.OK && got.Message != err.Error() {
				t.Errorf("status %+v, want %s with %q", got, c.state, err)
			}
			for _, said := range []string{err.Error(), got.Message, got.URL} {
				if strings.Contains(said, secret) || strings.Contains(said, "correct%20horse") || strings.Contains(said, "token=") || strings.ContainsAny(said, "\n\r\x00") {
					t.Errorf("says a secret, or more than a line: %q", said)
				}
			}
		})
	}
}

// TestConnections covers what goes wrong before there is an answer.
func TestConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	encrypted := httptest.NewUnstartedServer(text(200, "application/json", one))
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	plain := serve(t, text(200, "application/json", one))
	for name, c := range map[string]struct{ url, words string }{
		"nobody listens":       {"http://" + closed, "refuses connections"},
		"an unknown authority": {encrypted.URL, "ca_file"},
		"no TLS":               {strings.Replace(plain, "http:", "https:", 1), "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, Source{Name: "s", URL: c.url})
			_, err := b.Query(t.Context(), "up", time.Now())
			if query.FaultOf(err) != query.Unavailable || !strings.Contains(fmt.Sprint(err), c.words) || b.Status().State != query.Down {
				t.Errorf("%v, %+v", err, b.Status())
			}
		})
	}
}

// TestProxy asks through one, and through one that is not there.
func TestProxy(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "prometheus.invalid:9090" || r.FormValue("query") != "up" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, one)
	})
	s := Source{Name: "s", URL: "http://prometheus.invalid:9090", HTTP: config.DefaultHTTPClientConfig}
	for address, words := range map[string]string{proxy: "", "http://127.0.0.1:1": "http.proxy_url"} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		s.HTTP.ProxyURL = config.URL{URL: u}
		if _, err := open(t, s).Query(t.Context(), "up", time.Now()); (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestWords covers errors that need another network to happen.
func TestWords(t *testing.T) {
	certificate := &x509.Certificate{DNSNames: []string{"other"}}
	for words, err := range map[string]error{
		"there is no host prom.invalid":        &url.Error{Op: "Post", URL: "http://u:p@h", Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: "prom.invalid", IsNotFound: true}}},
		"did not answer within 10s":            &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT},
		"broke the connection":                 &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		"cannot be reached (dial: no route to": &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH},
		"for another name":                     x509.HostnameError{Certificate: certificate, Host: "h"},
		"renew it":                             x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired},
		"see http.proxy_url":                   &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED},
		"cannot be understood or reached (odd": errors.New("odd " + secret),
	} {
		s := Source{Name: "s", Timeout: model.Duration(DefaultTimeout), HTTP: config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Password: secret}}}
		if f := broken(err, s); !strings.Contains(f.what, words) || strings.Contains(f.what, secret) || strings.Contains(f.what, "u:p") || f.refused {
			t.Errorf("%v: %+v, want %q", err, f, words)
		}
	}
}

// TestRedirect follows a redirect on the same host without losing the question.
func TestRedirect(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		mux := http.NewServeMux()
		mux.HandleFunc("/old/", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(r.URL.RequestURI(), "/old", "/new", 1), status)
		})
		mux.HandleFunc("/new/", func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); r.FormValue("query") != "up" || user != "u" || password != "p" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			_, _ = io.WriteString(w, one)
		})
		b := open(t, Source{Name: "s", URL: strings.Replace(serve(t, mux.ServeHTTP), "//", "//u:p@", 1) + "/old", HTTP: config.DefaultHTTPClientConfig})
		if _, err := b.Query(t.Context(), "up", time.Now()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestConcurrency asks many questions at once, of which the server sees few.
func TestConcurrency(t *testing.T) {
	var now, most atomic.Int32
	b := open(t, Source{Name: "s", Concurrency: 3, Timeout: model.Duration(patience), URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
		_, _ = io.WriteString(w, one)
	})})
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if _, err := b.Query(t.Context(), "up", time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d questions at once, and 3 are allowed", most.Load())
	}
}

// TestBusy asks a server whose only slot is taken by a question that is never answered.
func TestBusy(t *testing.T) {
	asked := make(chan struct{})
	b := open(t, Source{Name: "s", Concurrency: 1, Timeout: model.Duration(patience), URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		hang(w, r)
	})})
	ctx, cancel := contextWith(t, time.Hour)
	done := make(chan error, 1)
	go func() {
		_, err := b.Query(ctx, "up", time.Now())
		done <- err
	}()
	<-asked
	short, stop := contextWith(t, 20*time.Millisecond)
	defer stop()
	if _, err := b.Query(short, "up", time.Now()); query.FaultOf(err) != query.Timeout || !strings.Contains(err.Error(), "concurrency (1)") {
		t.Error(err)
	}
	cancel()
	if err := <-done; query.FaultOf(err) != query.Canceled {
		t.Error(err)
	}
	if got := b.Status(); got.State != query.Idle {
		t.Errorf("callers that went away say nothing about the server: %+v", got)
	}
}

// TestPartial shows answers that are not whole.
func TestPartial(t *testing.T) {
	for name, c := range map[string]struct {
		kind    Kind
		body    string
		partial bool
		state   query.State
	}{
		"thanos":          {Thanos, `"warnings":["receive series from store-1: connection refused"],`, true, query.Degraded},
		"victoriametrics": {VictoriaMetrics, `"isPartial":true,`, true, query.Degraded},
		"whole":           {VictoriaMetrics, `"isPartial":false,`, false, query.OK},
		"an annotation":   {Prometheus, `"warnings":["PromQL warning: bucket label is missing"],`, false, query.OK},
		"a hint":          {Prometheus, `"warnings":["PromQL info: no counter"],"infos":["PromQL info: another"],`, false, query.OK},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"status":"success",` + c.body + one[len(`{"status":"success",`):]
			b := open(t, Source{Name: "s", Kind: c.kind, Timeout: model.Duration(2 * patience), URL: serve(t, text(200, "application/json", body))})
			a, err := b.Query(t.Context(), "up", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			got := b.Status()
			if a.Partial != c.partial || got.Partial != c.partial || got.State != c.state || len(a.Vector) != 1 {
				t.Errorf("%+v, %+v", a, got)
			}
			if hint := name == "a hint"; hint != (len(a.Infos) == 2) || (hint || name == "whole") != (len(a.Warnings) == 0) {
				t.Errorf("warnings %q, infos %q", a.Warnings, a.Infos)
			}
		})
	}
}
