package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

var told = Payload{Name: "reviews/primary", Namespace: "shop", Phase: "Progressing", Checksum: "85d557f47b", Metadata: map[string]string{"team": "a"}}

// serve starts a receiver that counts the calls it gets.
func serve(t *testing.T, answer http.HandlerFunc) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func local() *Sender { return New(Options{Loopback: true, Version: "1.2"}) }

func TestSendsFlaggersPayload(t *testing.T) {
	var got struct {
		body   []byte
		header http.Header
		method string
	}
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.body, _ = io.ReadAll(r.Body)
		got.header, got.method = r.Header, r.Method
		w.WriteHeader(http.StatusAccepted)
	})
	if err := local().Send(t.Context(), Hook{Name: "gate", URL: url, Secret: "s3cret"}, told); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"reviews/primary","namespace":"shop","phase":"Progressing","checksum":"85d557f47b","metadata":{"team":"a"}}`
	if string(got.body) != want || got.method != http.MethodPost {
		t.Errorf("got %s %s, want %s", got.method, got.body, want)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("User-Agent") != "Weir/1.2" {
		t.Errorf("headers %v", got.header)
	}
	if sig := got.header.Get(SignatureHeader); sig != Sign("s3cret", got.body) || sig == Sign("other", got.body) {
		t.Errorf("signature %q does not fit", sig)
	}
}

func TestTriesAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		codes   []int // of the attempts
		retries int
		calls   int64
		fails   string
	}{
		{"500 then 200", []int{500, 200}, 2, 2, ""},
		{"429 then 204", []int{429, 204}, 1, 2, ""},
		{"never better", []int{503, 503, 503}, 2, 3, "503 Service Unavailable"},
		{"no retries", []int{500}, 0, 1, "500"},
		{"403 is an answer", []int{403}, 5, 1, "403 Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			url, calls := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.codes[min(int(n.Add(1)), len(c.codes))-1])
			})
			err := local().Send(t.Context(), Hook{Name: "h", URL: url, Retries: c.retries}, told)
			if got := calls.Load(); got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
			switch {
			case c.fails == "" && err != nil:
				t.Error(err)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v, want %q in it", err, c.fails)
			}
		})
	}
}

func TestBadReceivers(t *testing.T) {
	elsewhere, followed := serve(t, func(http.ResponseWriter, *http.Request) {})
	redirecting, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) })
	hanging, hung := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
	})
	huge, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		piece := bytes.Repeat([]byte("x"), 1<<16)
		for range 1 << 12 { // 256 MiB, if anybody reads them
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	for _, c := range []struct {
		name, url, want string
		code            mesh.Code
	}{
		{"redirect", redirecting, "sends callers on", mesh.Invalid},
		{"hang", hanging, "did not answer in 100ms", mesh.Unavailable},
		{"huge", huge, "418", mesh.Unavailable},
		{"nobody", "http://127.0.0.1:1/", "could not be called", mesh.Unavailable},
		{"scheme", "ftp://127.0.0.1/", "http:// or https://", mesh.Invalid},
		{"no address", "::", "http:// or https://", mesh.Invalid},
	} {
		timeout := 20 * time.Second
		if c.name == "hang" {
			timeout = 100 * time.Millisecond
		}
		err := local().Send(t.Context(), Hook{Name: c.name, URL: c.url, Timeout: timeout, Retries: 1}, told)
		if mesh.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%s), want %q (%s)", c.name, err, mesh.CodeOf(err), c.want, c.code)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: the error has %d bytes", c.name, len(err.Error()))
		}
	}
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if hung.Load() != 2 {
		t.Errorf("the hanging receiver was called %d times, want 2", hung.Load())
	}
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	err := local().Send(t.Context(), Hook{Name: "h", URL: "http://127.0.0.1:1/?token=hush", Secret: "s3cret"}, told)
	if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error is %v", err)
	}
}

func TestAllowedAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"10.1.2.3:80": true, "192.168.1.1:443": true, "93.184.216.34:443": true, "[2001:db8::1]:443": true,
		"127.0.0.1:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"169.254.169.254:80": false, "[fe80::1]:80": false, "[::ffff:169.254.169.254]:80": false, "[fd00:ec2::254]:80": false,
		"100.100.100.200:80": false, "224.0.0.1:80": false, "nonsense": false,
	} {
		if got := allowed(address, false) == nil; got != want {
			t.Errorf("%s allowed: %v, want %v", address, got, want)
		}
	}
	url, calls := serve(t, func(http.ResponseWriter, *http.Request) {})
	err := New(Options{}).Send(t.Context(), Hook{Name: "h", URL: url, Retries: 3}, told)
	if mesh.CodeOf(err) != mesh.Invalid || calls.Load() != 0 || !strings.Contains(err.Error(), "rollouts: {loopback: true}") {
		t.Errorf("loopback: %v after %d calls", err, calls.Load())
	}
}

func TestGivesUpWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusInternalServerError)
	})
	if err := local().Send(ctx, Hook{Name: "h", URL: url, Retries: 10}, told); err == nil {
		t.Error("no error")
	}
}

func TestUnwritable(t *testing.T) {
	err := local().Send(t.Context(), Hook{Name: "h", URL: "http://127.0.0.1:1"}, json.RawMessage("{"))
	if mesh.CodeOf(err) != mesh.Internal {
		t.Errorf("%v", err)
	}
}

// TestStrangersCertificate: nothing is told to a receiver that cannot prove its name.
func TestStrangersCertificate(t *testing.T) {
	calls := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	err := local().Send(t.Context(), Hook{Name: "h", URL: s.URL}, told)
	if mesh.CodeOf(err) != mesh.Unavailable || calls != 0 {
		t.Errorf("%v after %d calls", err, calls)
	}
}
