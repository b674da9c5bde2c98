package demo

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

func noConfig(Proxy) ([]byte, error) { return nil, errors.New("not asked for") }

func noApply(context.Context, string, func(mesh.Mesh) (mesh.Patch, error)) error {
	return errors.New("not asked for")
}

// newDemo prepares a demo that is not run.
func newDemo(t *testing.T, o Options) *Demo {
	t.Helper()
	o.Bootstrap = noConfig
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.network.release)
	return d
}

func TestSampleMesh(t *testing.T) {
	m, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if n := len(m.Nodes) + len(m.Gateways); n < 10 || n > 12 {
		t.Errorf("%d Envoys, want ten to twelve", n)
	}
	if n := len(m.Services); n < 8 || n > 10 {
		t.Errorf("%d services, want eight to ten", n)
	}
	if diff := cmp.Diff([]string{"b", "b-prime"}, m.NodesOf("b")); diff != "" {
		t.Error(diff)
	}
}

// What the applications call is what the mesh declares, and one declared backend is left over.
func TestCallsAreDeclared(t *testing.T) {
	m, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	var unused []string
	for _, n := range m.Nodes {
		declared, called := m.Backends(n.Name), calls(serviceOf(n.Name))
		for _, c := range called {
			if !slices.Contains(declared, c) {
				t.Errorf("%s calls %s, which it does not declare", n.Name, c)
			}
		}
		for _, s := range declared {
			if !slices.Contains(called, s) {
				unused = append(unused, n.Name+" → "+s)
			}
		}
		if !slices.Contains(m.ServicesOf(n.Name), serviceOf(n.Name)) {
			t.Errorf("%s is not of service %s", n.Name, serviceOf(n.Name))
		}
	}
	if diff := cmp.Diff([]string{"catalog → ratings"}, unused); diff != "" {
		t.Error(diff)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"story":       {Options{Bootstrap: noConfig, Story: "meteor"}, `story "meteor" is not known: it is one of none, bad-canary, pool-exhaustion`},
		"no door":     {Options{Bootstrap: noConfig, Story: "bad-canary"}, "story bad-canary changes the mesh, and the demo was given no way to"},
		"no rollouts": {Options{Bootstrap: noConfig, Story: "bad-canary", Apply: noApply}, "story bad-canary begins a rollout, and the demo was given no way to"},
		"rate":        {Options{Bootstrap: noConfig, Rate: 1e6}, "rate 1e+06: is from 0 to 2000 requests per second"},
		"network":     {Options{Bootstrap: noConfig, Network: "10.0.0"}, `network "10.0.0": is the first three bytes of loopback addresses, as in "127.30.1"`},
		"bootstrap":   {Options{}, "the demo needs a way to configure its proxies"},
	} {
		if _, err := New(c.o); err == nil || err.Error() != c.want {
			t.Errorf("%s: got  %v\nwant %s", name, err, c.want)
		}
	}
}

func TestNetworksDoNotCollide(t *testing.T) {
	a := newDemo(t, Options{})
	b := newDemo(t, Options{})
	if a.network.prefix == b.network.prefix {
		t.Fatalf("both have %s", a.network.prefix)
	}
	if _, err := New(Options{Bootstrap: noConfig, Network: a.network.prefix}); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("a network that is held was given away: %v", err)
	}
	seen := map[string]bool{}
	for _, p := range a.Proxies() {
		ip := net.ParseIP(p.Address)
		if ip == nil || !ip.IsLoopback() || seen[p.Address] {
			t.Errorf("%s has the address %s", p.Name(), p.Address)
		}
		seen[p.Address] = true
	}
}

func TestKnobs(t *testing.T) {
	k := newKnobs("a", 1, Behaviour{Latency: mesh.Duration(10 * time.Millisecond), Spread: 0.5})
	var all []time.Duration
	for range 10001 {
		d, fails := k.draw()
		if fails {
			t.Fatal("a request failed at an error rate of 0")
		}
		all = append(all, d)
	}
	slices.Sort(all)
	if m := all[5000]; m < 9500*time.Microsecond || m > 10500*time.Microsecond {
		t.Errorf("the median is %v, want 10 ms", m)
	}
	if p99 := all[9900]; p99 < 28*time.Millisecond || p99 > 37*time.Millisecond {
		t.Errorf("the p99 is %v, want 32 ms", p99)
	}
	if err := k.Set(Behaviour{ErrorRate: 0.25}); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 10000 {
		if d, fails := k.draw(); fails {
			failed++
		} else if d != 0 {
			t.Fatalf("a request took %v at a latency of 0", d)
		}
	}
	if math.Abs(float64(failed)-2500) > 260 {
		t.Errorf("%d of 10000 failed, want 2500", failed)
	}
	for _, bad := range []Behaviour{{Latency: -1}, {Latency: mesh.Duration(time.Hour)}, {ErrorRate: 1.1}, {ErrorRate: math.NaN()}, {Spread: -1}} {
		if err := k.Set(bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%+v was taken: %v", bad, err)
		}
	}
}

func TestKnobsAreSeeded(t *testing.T) {
	draw := func(node string, seed uint64) (all []time.Duration) {
		k := newKnobs(node, seed, usual("payment"))
		for range 50 {
			d, _ := k.draw()
			all = append(all, d)
		}
		return all
	}
	if !slices.Equal(draw("a", 1), draw("a", 1)) {
		t.Error("the same seed draws differently")
	}
	if slices.Equal(draw("a", 1), draw("a", 2)) || slices.Equal(draw("a", 1), draw("b", 1)) {
		t.Error("another seed or node draws the same")
	}
}

// backends is an HTTP server in the place of an application's proxy; it notes the hosts that were asked for.
func backends(t *testing.T, status int) (url string, hosts func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Host)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/", func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func testApp(t *testing.T, node string) *app {
	t.Helper()
	d := newDemo(t, Options{})
	i := slices.IndexFunc(d.apps, func(a *app) bool { return a.node == node })
	a := d.apps[i]
	t.Cleanup(a.client.CloseIdleConnections)
	return a
}

func TestAppCallsItsBackends(t *testing.T) {
	a := testApp(t, "cart")
	egress, hosts := backends(t, http.StatusOK)
	a.egress = egress
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/anything", http.NoBody))
	if w.Code != http.StatusOK || w.Header().Get(NodeHeader) != "cart" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if diff := cmp.Diff([]string{"payment", "inventory"}, hosts()); diff != "" {
		t.Error(diff)
	}
	a.egress, _ = backends(t, http.StatusServiceUnavailable)
	w = httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "cart: payment answered 503") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestKnobsOverHTTP(t *testing.T) {
	a := testApp(t, "payment")
	post := func(body, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/knobs", strings.NewReader(body))
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	if w := post(`{"errorRate":0.5}`, ""); w.Code != 200 || w.Body.String() != `{"latency":"20ms","spread":0.4,"errorRate":0.5}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, bad := range []string{`{"errorRate":2}`, `{"rate":1}`, `{"latency":5}`, ``, `{} {}`} {
		if w := post(bad, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
	if w := post(`{}`, "https://example.com"); w.Code != http.StatusForbidden {
		t.Errorf("a web page turned the knobs: %d", w.Code)
	}
	if got := a.knobs.Behaviour().ErrorRate; got != 0.5 {
		t.Errorf("the error rate is %v", got)
	}
}

func TestArrivals(t *testing.T) {
	d := newDemo(t, Options{Rate: 100})
	for service, want := range map[string]float64{"front": 30, "reviews": 60, "ratings": 60, "inventory": 60, "payment": 20, "b": 20} {
		if got := d.arrivals(service); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v requests/s, want %v", service, got, want)
		}
	}
	if got := d.latencyFor("ratings", 30); got != 500*time.Millisecond {
		t.Errorf("30 requests are within ratings at %v, want 500 ms", got)
	}
}

// Each story's steps change what they say, through the door or at the knobs, and the mesh stays valid.
func TestStories(t *testing.T) {
	for _, name := range Stories() {
		t.Run(name, func(t *testing.T) {
			m, err := Sample()
			if err != nil {
				t.Fatal(err)
			}
			var reasons, rolled []string
			apply := func(_ context.Context, reason string, edit func(mesh.Mesh) (mesh.Patch, error)) error {
				p, err := edit(m)
				if err == nil {
					m, err = m.With(p)
				}
				reasons = append(reasons, reason)
				return errors.Join(err, m.Validate())
			}
			out := &lines{}
			roll := func(_ context.Context, _ string, r Rollout) error {
				rolled = append(rolled, r.Canary)
				return nil
			}
			d := newDemo(t, Options{Rate: 150, Story: name, Apply: apply, Roll: roll, Out: out})
			for i := range d.story {
				d.story[i].After = 0
			}
			d.tell(t.Context())
			checkStory(t, name, d, m)
			if got := strings.Count(out.String(), "\n"); got != len(d.story) {
				t.Errorf("%d lines of progress for %d steps", got, len(d.story))
			}
			want := map[string][]int{"none": {0, 0}, "bad-canary": {2, 2}, "pool-exhaustion": {1, 0}}[name]
			if got := []int{len(reasons), len(rolled)}; !slices.Equal(got, want) {
				t.Errorf("%v changes and rollouts, want %v", got, want)
			}
		})
	}
}

// checkStory looks at what a story left.
func checkStory(t *testing.T, name string, d *Demo, m mesh.Mesh) {
	t.Helper()
	sample, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	changed := mesh.Diff(sample, m).Put
	switch name {
	case "none":
		if len(changed) > 0 {
			t.Errorf("changed %v", changed)
		}
	case "bad-canary":
		r, _ := m.Route("reviews", "primary")
		b, _ := m.Route("b", "primary")
		if len(changed) != 2 || r.Shares()["reviews-v2"] != 0 || b.Shares()["b-prime"] != 0 {
			t.Errorf("changed %v", changed)
		}
		if b := d.Knobs("reviews-v2").Behaviour(); b.ErrorRate != 0.08 {
			t.Errorf("reviews-v2 behaves as %+v", b)
		}
	case "pool-exhaustion":
		n, _ := m.Node("ratings")
		if p := n.Listeners[0].ConnectionPool; len(changed) != 1 || *p.MaxConnections != 10 {
			t.Errorf("changed %v", changed)
		}
		// At 90 requests/s, 25 are within ratings when each takes 278 ms: more than the pool's 10 and 5 waiting.
		if b := d.Knobs("ratings").Behaviour(); time.Duration(b.Latency).Round(time.Millisecond) != 278*time.Millisecond {
			t.Errorf("ratings takes %v", b.Latency)
		}
	}
	if again, _ := Sample(); !cmp.Equal(sample, again) {
		t.Error("the story changed a mesh that it was only shown")
	}
}

// A story that cannot go on says why and ends; the demo goes on.
func TestStoryThatFails(t *testing.T) {
	apply := func(context.Context, string, func(mesh.Mesh) (mesh.Patch, error)) error {
		return mesh.Errorf(mesh.Conflict, "somebody else changed it")
	}
	out := &lines{}
	roll := func(context.Context, string, Rollout) error { return nil }
	d := newDemo(t, Options{Story: "bad-canary", Apply: apply, Roll: roll, Out: out})
	for i := range d.story {
		d.story[i].After = 0
	}
	d.tell(t.Context())
	if want := "story bad-canary, 0 s: the story ends here: somebody else changed it\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", out)
	}
	if d.Knobs("reviews-v2").Behaviour() != usual("reviews-v2") {
		t.Error("the story went on")
	}
}
