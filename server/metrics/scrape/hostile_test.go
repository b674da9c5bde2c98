package scrape

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

const rq = `envoy_cluster_upstream_rq_total{envoy_cluster_name="cds_egress_demo_cart_http_8080"`

// villain is a target that does harm. Its error, once it is down or degraded, says each of the words.
type villain struct {
	name  string
	state query.State
	words []string
	serve func(t *testing.T) string
	tune  func(j *Job)
}

// answer serves fixed bytes under a content type.
func fixed(contentType, body string) func(t *testing.T) string {
	return func(t *testing.T) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, body)
		})
	}
}

const text = "text/plain; version=0.0.4"

// request reads until the end of a request.
func request(c net.Conn) {
	buf := make([]byte, 4096)
	for all := ""; !strings.Contains(all, "\r\n\r\n"); {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		all += string(buf[:n])
	}
}

// raw answers each connection with bytes of its own making.
func raw(f func(c net.Conn)) func(t *testing.T) string {
	return func(t *testing.T) string {
		return listen(t, func(c net.Conn) {
			request(c)
			f(c)
		})
	}
}

// endless writes a line again and again for as long as anybody reads.
func endless(w io.Writer, line string) {
	chunk := strings.Repeat(line, 1000)
	for {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func villains() []villain {
	small := func(j *Job) { j.Limits.BodyBytes = 1 << 20 }
	brief := func(j *Job) { j.Timeout = 500 * time.Millisecond }
	return []villain{
		{"hung", query.Down, []string{"sent nothing within"}, func(t *testing.T) string {
			return listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
		}, brief},
		{"dripping", query.Down, []string{"sent only", "bytes within"}, raw(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n", text)
			for _, b := range []byte(strings.Repeat(rq+"} 1\n", 100)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}), brief},
		{"shorter than said", query.Down, []string{"closed the connection before the page was complete"}, raw(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 5000\r\n\r\n%s} 1\n", text, rq)
		}), nil},
		{"no http", query.Down, []string{"does not speak HTTP"}, raw(func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.9\r\n") }), nil},
		{"wrong content type", query.Down, []string{`as "image/png"`, "Content-Type"}, fixed("image/png", rq+"} 1\n"), nil},
		{"html", query.Down, []string{`as "text/html`, "correct the job's path"}, fixed("text/html; charset=utf-8", "<html><body>Welcome</body></html>"), nil},
		{"html as text", query.Down, []string{"cannot be read"}, fixed(text, "<html><body>Welcome</body></html>"), nil},
		{"text as protobuf", query.Down, []string{"application/vnd.google.protobuf", "cannot be read"}, fixed("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", rq+"} 1\n"), nil},
		{"no gzip", query.Down, []string{"gzip"}, func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", text)
				w.Header().Set("Content-Encoding", "gzip")
				io.WriteString(w, rq+"} 1\n")
			})
		}, nil},
		{"gzip bomb", query.Down, []string{"larger than 1048576 bytes", "limits.bodyBytes"}, func(t *testing.T) string {
			var bomb bytes.Buffer
			z := gzip.NewWriter(&bomb)
			for range 8 << 10 {
				io.WriteString(z, "# "+strings.Repeat("0", 1021)+"\n")
			}
			z.Close()
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", text)
				w.Header().Set("Content-Encoding", "gzip")
				w.Write(bomb.Bytes())
			})
		}, small},
		{"endless", query.Down, []string{"larger than 1048576 bytes"}, func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", text)
				endless(w, rq+"} 1\n")
			})
		}, small},
		{"malformed", query.Down, []string{"cannot be read", "as \"text/plain; version=0.0.4\""}, fixed(text, rq+"} 1\n}{ this is = not\n"), nil},
		{"long label", query.Down, []string{"label_value_length_limit", "limits.labels"}, fixed(text, rq+`,x="`+strings.Repeat("x", 10000)+"\"} 1\n"), nil},
		{"many values", query.Down, []string{"more than 1000 samples", "limits.samples"}, func(t *testing.T) string {
			var b strings.Builder
			for i := range 100000 {
				fmt.Fprintf(&b, "istio_x{u=\"%d\"} 1\n", i)
			}
			return fixed(text, b.String())(t)
		}, func(j *Job) { j.Limits.Samples = 1000 }},
		{"new series each time", query.Down, []string{"new series within an hour", "limits.newSeries"}, func(t *testing.T) string {
			var n atomic.Int64
			return pages(t, func() string {
				var b strings.Builder
				for range 40 {
					fmt.Fprintf(&b, "%s,request=\"%d\"} 1\n", rq, n.Add(1))
				}
				return b.String()
			})
		}, func(j *Job) { j.Limits.Samples, j.Limits.NewSeries = 50, 50 }},
		{"twice", query.Degraded, []string{"left out of the page: 1", "twice"}, fixed(text, rq+"} 1\n"+rq+"} 2\n"), nil},
		{"elsewhere", query.Down, []string{"302", `"http://192.0.2.1/secret"`, "not followed"}, func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://192.0.2.1/secret", http.StatusFound)
			})
		}, nil},
		{"wrong certificate", query.Down, []string{"certificate", "ca_file"}, func(t *testing.T) string {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.ErrorLog = quiet()
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.Listener.Addr().String()
		}, func(j *Job) { j.Scheme = "https" }},
		{"no tls", query.Down, []string{"does not speak TLS", "scheme"}, fixed(text, "up 1\n"), func(j *Job) { j.Scheme = "https" }},
		{"failing", query.Down, []string{"answered 500"}, func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "boom", http.StatusInternalServerError) })
		}, nil},
		{"locked", query.Down, []string{"answered 401", "credentials"}, func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who?", http.StatusUnauthorized) })
		}, nil},
		{"refused", query.Down, []string{"nothing listens on"}, func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			return l.Addr().String()
		}, nil},
		{"no such name", query.Down, []string{"does not resolve"}, func(*testing.T) string { return "proxy.invalid:9901" }, nil},
	}
}

// TestHostile scrapes everything bad at once, beside a good target that stays fresh.
func TestHostile(t *testing.T) {
	t.Parallel()
	db, live := store(t), metrics.New(metrics.Options{})
	var n atomic.Int64
	good := quick("good", pages(t, func() string { return fmt.Sprintf("%s} %d\n", rq, n.Add(1)) }))
	jobs := []Job{good}
	for _, v := range villains() {
		j := quick(v.name, v.serve(t))
		j.Node = strings.ReplaceAll(v.name, " ", "-")
		if v.tune != nil {
			v.tune(&j)
		}
		jobs = append(jobs, j)
	}
	s := begin(t, Options{Jobs: jobs, Appendable: db, Live: live, Resolver: nameserver(t, nil)})
	for _, v := range villains() {
		eventually(t, v.name+" is found out: "+strings.Join(v.words, ", "), func() bool {
			got := target(s, v.name)
			said := got.State == v.state
			for _, w := range v.words {
				said = said && strings.Contains(got.Error, w)
			}
			return said
		})
	}
	since := time.Now()
	eventually(t, "the good target is scraped on", func() bool {
		got := target(s, "good")
		return got.State == query.OK && got.LastScrape.After(since)
	})
	count, ls, newest := series(t, db, named("envoy_cluster_upstream_rq_total"), job("good"))
	if count != 1 || newest.V < 2 || ls.Get("mesh") != "demo" || ls.Get("source_node") != "good" || ls.Get("proxy") != good.Targets[0] {
		t.Errorf("the store has %d series, the last %v with %v", count, ls, newest.V)
	}
	if count, _, _ := series(t, db, named("envoy_cluster_upstream_rq_total"), job("long label")); count != 0 {
		t.Errorf("%d series of a refused page are in the store", count)
	}
	known := false
	live.Rollups("demo", func(r *metrics.Rollup) { known = known || r.To == "good" && r.Proxies == 1 })
	if !known {
		t.Error("the live graph does not know the good proxy")
	}
}

// TestUnusualValues keeps what is allowed in a page and means nothing.
func TestUnusualValues(t *testing.T) {
	t.Parallel()
	db, live := store(t), metrics.New(metrics.Options{})
	address := pages(t, func() string {
		return rq + ",v=\"nan\"} NaN\n" + rq + ",v=\"inf\"} +Inf\n" + rq + ",v=\"minus\"} -5\n" +
			rq + ",v=\"old\"} 7 1000\n" + rq + ",v=\"future\"} 8 99999999999999\n"
	})
	s := begin(t, Options{Jobs: []Job{quick("odd", address)}, Appendable: db, Live: live})
	eventually(t, "a page is in", func() bool { return target(s, "odd").State == query.OK })
	got := target(s, "odd")
	if got.Samples != 5 || got.Dropped != 0 || got.Format != "text" || got.Bytes == 0 {
		t.Errorf("%+v", got)
	}
	n, _, newest := series(t, db, named("envoy_cluster_upstream_rq_total"))
	if age := time.Since(time.UnixMilli(newest.T)); n != 5 || age > time.Hour || age < -time.Minute {
		t.Errorf("%d series, the newest %v old: a page has no say in when it is", n, age)
	}
}
