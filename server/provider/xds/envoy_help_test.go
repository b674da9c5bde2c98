package xds

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// realEnvoy is a running Envoy beside a virtual node of mesh shop.
type realEnvoy struct {
	id     string // the proxy's ID in Weir
	egress string // host:port where its application calls out
}

// startEnvoy runs Envoy until the test ends.
func startEnvoy(t testing.TB, xdsAddr string, o BootstrapOptions) realEnvoy {
	t.Helper()
	o.XDS, o.Bind = xdsAddr, "127.0.0.1"
	o.EgressPort = freePort(t, o.Bind)
	config, err := Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "envoy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), translationEnvoy(t),
		"-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "--drain-time-s", "1")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
		if t.Failed() {
			if text, err := os.ReadFile(out.Name()); err == nil {
				t.Logf("Envoy %s said:\n%s", o.Node, text)
			}
		}
	})
	return realEnvoy{id: o.Node + "-" + o.Instance, egress: net.JoinHostPort(o.Bind, strconv.Itoa(o.EgressPort))}
}

// distant gives an address from which addr is reached with a delay each way.
func distant(t testing.TB, addr string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relays sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		relays.Wait()
	})
	relays.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
			if err != nil {
				_ = near.Close()
				continue
			}
			relays.Go(func() { relay(near, far, delay) })
			relays.Go(func() { relay(far, near, delay) })
		}
	})
	return l.Addr().String()
}

// relay copies from one connection to the other, each piece a while after it came, until either is closed.
func relay(from, to net.Conn, delay time.Duration) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			pieces <- piece{data[:n], time.Now().Add(delay)}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	for range pieces { // Lets the reader finish.
	}
}

// upstream is an application that answers with its name; it gives its port.
func upstream(t testing.TB, name string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return upstreamOn(t, name, l)
}

func upstreamOn(t testing.TB, name string, l net.Listener) int {
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, name)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// load is a bounded stream of calls to service reviews through an Envoy.
type load struct {
	t      testing.TB
	client *http.Client
	url    string

	calls  atomic.Int64
	mu     sync.Mutex
	counts map[string]int // by answer
	failed []string
}

// startLoad makes calls at a rate (a second) until stop, or the test's end.
func startLoad(t testing.TB, e realEnvoy, rate int) (l *load, stop func()) {
	t.Helper()
	l = newLoad(t, e)
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	const streams = 4
	for range streams {
		workers.Go(func() {
			tick := time.NewTicker(time.Second * streams / time.Duration(rate))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					l.call()
				}
			}
		})
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			workers.Wait()
			l.client.CloseIdleConnections()
		})
	}
	t.Cleanup(stop)
	return l, stop
}

func newLoad(t testing.TB, e realEnvoy) *load {
	return &load{
		t: t, url: "http://" + e.egress + "/", counts: make(map[string]int),
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
}

// call makes one call and gives the answer.
func (l *load) call() string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, l.url, nil)
	if err != nil {
		l.t.Error(err)
		return ""
	}
	req.Host = "reviews"
	answer, failure := "", ""
	if resp, err := l.client.Do(req); err != nil {
		failure = err.Error()
	} else {
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answer = string(body)
		if err != nil || resp.StatusCode != http.StatusOK {
			failure = fmt.Sprintf("%d %s (%v)", resp.StatusCode, body, err)
		}
	}
	l.calls.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if failure != "" {
		l.failed = append(l.failed, time.Now().Format("05.000 ")+failure)
		return ""
	}
	l.counts[answer]++
	return answer
}

// answered waits until more calls were made.
func (l *load) answered(more int64) {
	l.t.Helper()
	until := l.calls.Load() + more
	eventually(l.t, "calls", func() bool { return l.calls.Load() >= until })
}

// share makes calls of its own and gives the part that an application answered.
func (l *load) share(name string, calls int) float64 {
	got := 0
	for range calls {
		if l.call() == name {
			got++
		}
	}
	return float64(got) / float64(calls)
}

// noFailures fails the test if a call failed, or too few were made to say.
func (l *load) noFailures(atLeast int64) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failed) > 0 {
		l.t.Errorf("%d of %d calls failed; the first: %q", len(l.failed), l.calls.Load(), l.failed[:min(3, len(l.failed))])
	}
	if l.calls.Load() < atLeast {
		l.t.Errorf("only %d calls were made, want at least %d", l.calls.Load(), atLeast)
	}
	l.t.Logf("%d calls, %v", l.calls.Load(), l.counts)
}

// applied applies a revision, waits until every proxy has answered, and gives the time that took.
func (s *served) applied(revision int64, sh shop) (provider.Delivery, time.Duration) {
	s.t.Helper()
	changed, stop := s.Watch()
	defer stop()
	start := time.Now()
	s.apply(revision, sh.mesh())
	deadline := time.After(10 * time.Second)
	for {
		if d, ok := s.Delivery("shop", revision); ok && d.Done() {
			return d, time.Since(start)
		}
		select {
		case <-changed:
		case <-deadline:
			d, _ := s.Delivery("shop", revision)
			s.t.Fatalf("revision %d was not delivered within 10 s: %+v", revision, d)
		}
	}
}
