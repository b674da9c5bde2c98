package scrape

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits for what shall come true on the slowest machine too.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// begin runs a Scraper until the test ends.
func begin(t testing.TB, o Options) *Scraper {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// store opens Prometheus' own database.
func store(t testing.TB) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// serve answers with a handler.
func serve(t testing.TB, h http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// pages answers with whatever text the function gives.
func pages(t testing.TB, text func() string) (address string) {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, text())
	})
}

// listen accepts connections by hand.
func listen(t testing.TB, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// target finds one by its job.
func target(s *Scraper, job string) query.Target {
	for _, t := range s.Targets() {
		if t.Job == job {
			return t
		}
	}
	return query.Target{}
}

// quick is a job that is scraped every second.
func quick(name string, targets ...string) Job {
	return Job{Name: name, Mesh: "demo", Node: name, Targets: targets, Interval: time.Second, Timeout: time.Second}
}

// series counts what the store has under a name, and gives the newest of the last series.
func series(t testing.TB, db *tsdb.DB, match ...*labels.Matcher) (n int, last labels.Labels, newest query.Point) {
	t.Helper()
	q, err := db.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(context.Background(), true, nil, match...)
	for set.Next() {
		n++
		last = set.At().Labels()
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != 0; kind = it.Next() {
			switch kind.String() {
			case "float":
				newest.T, newest.V = it.At()
			default:
				newest.T, newest.H = it.AtFloatHistogram(nil)
			}
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return n, last, newest
}

func named(name string) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name)
}

func job(name string) *labels.Matcher { return labels.MustNewMatcher(labels.MatchEqual, "job", name) }

var _ Live = (*metrics.Live)(nil)
