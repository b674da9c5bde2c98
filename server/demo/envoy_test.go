package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// lines collects progress.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newStatic prepares a demo whose Envoys are configured without a control plane.
func newStatic(t *testing.T, o Options) *Demo {
	t.Helper()
	if _, err := FindEnvoy(); err != nil {
		t.Fatalf("%v: run `make envoy`", err)
	}
	var s static
	o.Bootstrap = func(p Proxy) ([]byte, error) { return s.bootstrap(p) }
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s = static{mesh: d.Mesh(), proxies: d.Proxies()}
	return d
}

// start runs a demo until the test ends and gives what stops it early.
func start(t *testing.T, d *Demo) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() { cancel(); result = <-ended })
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	select {
	case <-d.Ready():
	case err := <-ended:
		ended <- err
		t.Fatalf("the demo ended before it was ready: %v", err)
	}
	return stop
}

// until polls for something that takes its time on a busy machine.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in 60 s it did not come true: %s", what)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

// get asks the gateway for a path and gives the status and the node that answered.
func get(t *testing.T, d *Demo, path string) (status int, node string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Gateway()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get(NodeHeader)
}

// children lists this process's Envoys.
func children(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// "pid (name) state ppid …"
		name, rest, ok := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if !ok || !strings.HasSuffix(name, "(envoy") || len(fields) < 2 || fields[1] != strconv.Itoa(parent) || fields[0] == "Z" {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSuffix(strings.Fields(name)[0], "("))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// The whole demo on real Envoys: every path answers, the split is the mesh's, the knobs turn, an Envoy that is killed
// comes back, and nothing is left behind.
func TestDemoOnEnvoys(t *testing.T) {
	out := &lines{}
	before := children(t, os.Getpid())
	d := newStatic(t, Options{Rate: 40, Seed: 1, Out: out})
	stop := start(t, d)
	mine := slices.DeleteFunc(children(t, os.Getpid()), func(pid int) bool { return slices.Contains(before, pid) })
	if len(mine) != len(d.Proxies()) {
		t.Errorf("%d Envoys run, want %d", len(mine), len(d.Proxies()))
	}
	for path, service := range map[string]string{"/": "front", "/reviews": "reviews", "/cart": "cart", "/a": "a"} {
		if status, node := get(t, d, path); status != 200 || !slices.Contains(nodesIn(d.Mesh(), service), node) {
			t.Errorf("%s: %d by %q", path, status, node)
		}
	}
	until(t, "100 requests have gone through", func() bool { return d.Load().Sent >= 100 })
	if c := d.Load(); c.Failed > 0 { // a busy machine may drop some
		t.Errorf("%+v of which none should fail", c)
	}
	split(t, d)
	breakRatings(t, d)
	killOne(t, d, out, mine)
	if err := stop(); err != nil {
		t.Error(err)
	}
	left := slices.DeleteFunc(children(t, os.Getpid()), func(pid int) bool { return slices.Contains(before, pid) })
	if len(left) > 0 {
		t.Errorf("Envoys are left: %v", left)
	}
	f, ok := d.sidecars.(*fleet)
	if _, err := os.Stat(f.dir); !ok || !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
	t.Log(out.String())
}

// split checks that both versions of reviews are reached, the first about three times as often.
func split(t *testing.T, d *Demo) {
	t.Helper()
	for _, node := range []string{"reviews-v1", "reviews-v2", "ratings"} {
		if err := d.Knobs(node).Set(Behaviour{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for range 200 {
		status, node := get(t, d, "/reviews")
		if status != 200 {
			t.Fatalf("status %d", status)
		}
		seen[node]++
	}
	// 150 ± 6 standard deviations of sqrt(200 × 0.75 × 0.25).
	if v1 := seen["reviews-v1"]; v1 < 113 || v1 > 187 || v1+seen["reviews-v2"] != 200 {
		t.Errorf("the split is %v, want about 150 to 50", seen)
	}
}

// breakRatings turns the knobs of ratings until the callers see it, and back.
func breakRatings(t *testing.T, d *Demo) {
	t.Helper()
	good := d.Knobs("ratings").Behaviour()
	if err := d.Knobs("ratings").Set(Behaviour{ErrorRate: 1}); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, d, "/reviews"); status != http.StatusBadGateway {
		t.Errorf("status %d while ratings fails, want 502", status)
	}
	if err := d.Knobs("ratings").Set(good); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, d, "/reviews"); status != http.StatusOK {
		t.Errorf("status %d after ratings was repaired", status)
	}
}

// killOne kills an Envoy and waits until it was started again and all paths answer.
func killOne(t *testing.T, d *Demo, out *lines, pids []int) {
	t.Helper()
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the Envoy is started again", func() bool { return strings.Contains(out.String(), "is started again") })
	if err := d.load.warm(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two demos at a time have networks of their own.
func TestTwoDemos(t *testing.T) {
	a, b := newStatic(t, Options{}), newStatic(t, Options{})
	start(t, a)
	start(t, b)
	if a.Gateway() == b.Gateway() {
		t.Errorf("both have the gateway %s", a.Gateway())
	}
	for _, d := range []*Demo{a, b} {
		if status, _ := get(t, d, "/"); status != 200 {
			t.Errorf("%s: status %d", d.Gateway(), status)
		}
	}
}

func TestEnvoyThatDoesNotStart(t *testing.T) {
	d := newStatic(t, Options{})
	d.options.Bootstrap = func(Proxy) ([]byte, error) { return []byte("{nonsense: true}"), nil }
	err := d.Run(t.Context())
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "the Envoy of ingress ended at once") ||
		!strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

// A demo that is stopped while it starts ends without an error and leaves nothing.
func TestStoppedWhileStarting(t *testing.T) {
	d := newStatic(t, Options{})
	// An Envoy without a control plane to ask never becomes ready.
	d.options.Bootstrap = func(p Proxy) ([]byte, error) {
		return fmt.Appendf(nil, waiting, p.Name(), p.AdminPath), nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := d.Run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
	// The same when it is the start that takes too long: that is an error.
	d = newStatic(t, Options{Start: time.Second})
	d.options.Bootstrap = func(p Proxy) ([]byte, error) {
		return fmt.Appendf(nil, waiting, p.Name(), p.AdminPath), nil
	}
	if err := d.Run(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "is not ready in time") {
		t.Errorf("got %v", err)
	}
}

const waiting = `
node: {id: %q, cluster: demo}
admin: {address: {pipe: {path: %q}}}
dynamic_resources:
  lds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  ads_config: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: nowhere}}]}
static_resources:
  clusters:
  - name: nowhere
    type: STATIC
    load_assignment:
      cluster_name: nowhere
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]
`

// The Envoys of a demo whose process is killed are gone a moment later. The test runs itself as that process.
func TestKilledDemoLeavesNoEnvoys(t *testing.T) {
	if os.Getenv("WEIR_DEMO_CHILD") != "" {
		d := newStatic(t, Options{Out: os.Stdout})
		t.Fatal(d.Run(t.Context()))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledDemoLeavesNoEnvoys$", "-test.v")
	cmd.Env = append(os.Environ(), "WEIR_DEMO_CHILD=1", "TMPDIR="+shortDir(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() && !strings.Contains(scanner.Text(), "every service answers") {
	}
	envoys := children(t, cmd.Process.Pid)
	if len(envoys) == 0 {
		t.Error("the demo has no Envoys")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // it was killed
	until(t, "the Envoys are gone", func() bool {
		return !slices.ContainsFunc(envoys, func(pid int) bool { return running(pid) })
	})
}

// shortDir is a temporary directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// running says whether a process is there and not merely waiting to be collected.
func running(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}
