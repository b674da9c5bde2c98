package xds

import (
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/registry"
)

// The tests in this file run a real Envoy. They are the three traps of the stock caches, and the promises.

func TestEnvoyVersionsComeAndGo(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ports := map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}
	one := shop{weights: map[string]int{"v1": 1}, ports: ports}
	two := shop{weights: map[string]int{"v1": 1, "v2": 1}, ports: ports}
	s.apply(1, one.mesh())
	// On a wire this short a wrong order hardly shows; with 10 ms each way it fails a tenth of the calls.
	far := distant(t, s.Addr().String(), 10*time.Millisecond)
	envoy := startEnvoy(t, far, BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	s.synced("shop", envoy.id)
	load, stop := startLoad(t, envoy, 300)
	load.answered(20)
	var times []time.Duration
	for i := range int64(20) {
		for j, sh := range []shop{two, one} {
			d, took := s.applied(2+2*i+int64(j), sh)
			if d.Acked != 1 {
				t.Fatalf("delivery = %+v", d)
			}
			times = append(times, took)
			load.answered(10)
		}
	}
	stop()
	load.noFailures(400)
	if load.counts["v2"] == 0 {
		t.Error("v2 never answered")
	}
	t.Logf("a version added or removed: median %v to the last ACK", median(times))
}

func TestEnvoyTakesEndpointsAfterTheirCluster(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Translate: func(in Input) (*Snapshot, error) {
		snap, err := Translate(in)
		if err == nil {
			patient(t, snap)
		}
		return snap, err
	}})
	sh := shop{weights: map[string]int{"v1": 1}, ports: map[string]int{"v1": upstream(t, "v1")}}
	s.apply(1, sh.mesh())
	envoy := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	s.synced("shop", envoy.id)
	load, stop := startLoad(t, envoy, 300)
	load.answered(20)
	var times []time.Duration
	for i := range 20 {
		sh.outliers = i + 1
		d, took := s.applied(int64(2+i), sh)
		if d.Acked != 1 || took > 2*time.Second {
			t.Errorf("delivery = %+v after %v, want an ACK within 2 s", d, took)
		}
		times = append(times, took)
		load.answered(5)
	}
	stop()
	load.noFailures(100)
	t.Logf("an EDS cluster changed: median %v to the last ACK, longest %v", median(times), slices.Max(times))
}

// patient takes the net away that Translate spans for this trap: without a timeout of its own Envoy waits 15 s for
// endpoints that do not come.
func patient(t testing.TB, snap *Snapshot) {
	for name, r := range snap.Resources[ClusterType] {
		var c clusterv3.Cluster
		if err := r.Body.UnmarshalTo(&c); err != nil {
			t.Error(err)
			return
		}
		c.GetEdsClusterConfig().GetEdsConfig().InitialFetchTimeout = nil
		body, err := anypb.New(&c)
		if err != nil {
			t.Error(err)
			return
		}
		snap.Resources[ClusterType][name] = Resource{Name: name, Body: body}
	}
}

func TestEnvoyRefusesARoute(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	spoilt := func(in Input) (*Snapshot, error) {
		snap, err := Translate(in)
		if err == nil && broken.Load() {
			spoilRoutes(t, snap)
		}
		return snap, err
	}
	s := serve(t, Options{Translate: spoilt})
	ports := map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}
	s.apply(1, shop{weights: map[string]int{"v1": 1}, ports: ports}.mesh())
	envoy := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	s.synced("shop", envoy.id)
	load, stop := startLoad(t, envoy, 200)
	load.answered(10)

	broken.Store(true)
	d, _ := s.applied(2, shop{weights: map[string]int{"v2": 1}, ports: ports})
	if len(d.Rejected) != 1 || d.Rejected[0].Proxy != envoy.id || !strings.Contains(d.Rejected[0].Message, "unknown cluster") {
		t.Errorf("delivery = %+v, want a rejection in Envoy's words", d)
	}
	before := s.refusals()
	time.Sleep(2 * time.Second)
	if after := s.refusals(); before != 1 || after != 1 {
		t.Errorf("refused %d times at once and %d times after 2 s, want once: it is parked", before, after)
	}
	p := s.proxy("shop", envoy.id)
	if p.State != provider.Rejected || p.Revision != 1 || !strings.Contains(p.Message, "unknown cluster") {
		t.Errorf("proxy = %+v, want the refusal and the last good revision", p)
	}
	if got := load.share("v1", 20); got != 1 {
		t.Errorf("v1 answers %.0f %%, want the last good configuration", 100*got)
	}

	broken.Store(false)
	if d, _ := s.applied(3, shop{weights: map[string]int{"v2": 1}, ports: ports}); d.Acked != 1 {
		t.Errorf("delivery of the corrected revision = %+v", d)
	}
	if got := load.share("v2", 20); got != 1 {
		t.Errorf("v2 answers %.0f %% after the correction", 100*got)
	}
	if p := s.proxy("shop", envoy.id); p.State != provider.Synced || p.Message != "" {
		t.Errorf("proxy = %+v, want it synced", p)
	}
	stop()
	load.noFailures(100)
}

// spoilRoutes adds a route to a cluster that does not exist, which no validation of Weir's would let through.
func spoilRoutes(t testing.TB, snap *Snapshot) {
	for name, r := range snap.Resources[RouteType] {
		var rc routev3.RouteConfiguration
		if err := r.Body.UnmarshalTo(&rc); err != nil {
			t.Error(err)
			return
		}
		rc.VirtualHosts = append(rc.VirtualHosts, &routev3.VirtualHost{
			Name: "broken", Domains: []string{"broken"}, Routes: []*routev3.Route{{
				Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "nope"}}},
			}},
		})
		body, err := anypb.New(&rc)
		if err != nil {
			t.Error(err)
			return
		}
		snap.Resources[RouteType][name] = Resource{Name: name, Body: body}
	}
}

func TestEnvoyFollowsWeights(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	sh := shop{weights: map[string]int{"v1": 1, "v2": 0}, ports: map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}}
	s.apply(1, sh.mesh())
	envoy := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	s.synced("shop", envoy.id)
	load, stop := startLoad(t, envoy, 300)
	load.answered(20)
	probe := newLoad(t, envoy)
	defer probe.client.CloseIdleConnections()
	var acks, seen []time.Duration
	for i := range 100 {
		want := "v2"
		sh.weights = map[string]int{"v1": 0, "v2": 1}
		if i%2 == 1 {
			want, sh.weights = "v1", map[string]int{"v1": 1, "v2": 0}
		}
		start := time.Now()
		d, took := s.applied(int64(2+i), sh)
		if d.Acked != 1 {
			t.Fatalf("delivery = %+v", d)
		}
		acks = append(acks, took)
		for probe.call() != want {
		}
		seen = append(seen, time.Since(start))
	}
	sh.weights = map[string]int{"v1": 30, "v2": 70}
	s.applied(102, sh)
	const calls = 1000
	got := probe.share("v2", calls)
	if sigma := math.Sqrt(0.7 * 0.3 / calls); math.Abs(got-0.7) > 5*sigma {
		t.Errorf("v2 answers %.1f %%, want 70 %% (± %.1f)", 100*got, 500*sigma)
	}
	stop()
	load.noFailures(100)
	probe.noFailures(calls)
	t.Logf("100 flips: median %v to the ACK, %v to the first call of the new split", median(acks), median(seen))
}

func TestEnvoyOutlivesWeir(t *testing.T) {
	t.Parallel()
	first := serve(t, Options{})
	sh := shop{weights: map[string]int{"v1": 1, "v2": 1}, ports: map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}}
	first.apply(9, sh.mesh())
	envoy := startEnvoy(t, first.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	first.synced("shop", envoy.id)
	load, stop := startLoad(t, envoy, 200)
	load.answered(20)
	first.stop()
	time.Sleep(2 * time.Second)
	second := serve(t, Options{Addr: first.Addr().String()})
	second.apply(9, sh.mesh())
	second.synced("shop", envoy.id)
	if second.sent != 0 {
		t.Errorf("sent %d resources to an Envoy that had them all", second.sent)
	}
	if p := second.proxy("shop", envoy.id); p.Revision != 9 {
		t.Errorf("proxy = %+v, want it at revision 9", p)
	}
	if d, _ := second.applied(10, shop{weights: map[string]int{"v1": 1}, ports: sh.ports}); d.Acked != 1 {
		t.Errorf("delivery after the restart = %+v", d)
	}
	load.answered(20)
	stop()
	load.noFailures(300)
}

func TestEnvoysAreInstances(t *testing.T) {
	t.Parallel()
	reg := registry.New(registry.Options{})
	ctx := t.Context()
	go func() { _ = reg.Run(ctx) }()
	s := serve(t, Options{Registry: reg})
	sh := shop{weights: map[string]int{"v1": 1}, discovery: map[string]string{"v1": "registration"}}
	s.apply(1, sh.mesh())
	web := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	instance := func(t *testing.T, name, app string) {
		l, err := net.Listen("tcp", app+":8080")
		if err != nil {
			t.Fatal(err)
		}
		upstreamOn(t, name, l)
		startEnvoy(t, s.Addr().String(), BootstrapOptions{
			Mesh: "shop", Node: "v1", Instance: name, Address: "127.0.0.1", AppAddress: app,
			IngressPorts: map[int]int{8080: freePort(t, "127.0.0.1")},
		})
	}
	instance(t, "one", "127.0.3.1")
	s.synced("shop", web.id, "v1-one")
	probe := newLoad(t, web)
	defer probe.client.CloseIdleConnections()
	eventually(t, "the first instance answers", func() bool { return probe.call() == "one" })
	load, stop := startLoad(t, web, 200)
	t.Run("second", func(t *testing.T) {
		instance(t, "two", "127.0.3.2")
		eventually(t, "the second instance answers", func() bool { return probe.call() == "two" })
		load.noFailures(1)
	})
	stop() // The second Envoy was killed: calls to it fail until it is dropped, which takes its grace.
	eventually(t, "the second instance is dropped", func() bool { return len(reg.Instances("shop")["v1"]) == 1 })
	eventually(t, "the first instance alone answers", func() bool { return probe.share("one", 20) == 1 })
	if p := s.proxy("shop", "v1-two"); p.State != provider.Gone {
		t.Errorf("proxy = %+v, want it gone", p)
	}
	if d, ok := s.Delivery("shop", 2); ok {
		t.Errorf("instances made a revision: %+v", d)
	}
}

// sink keeps the names of the families that each proxy pushed.
type sink struct {
	mu       sync.Mutex
	families map[mesh.Source]map[string]bool
	gone     []mesh.Source
}

func (s *sink) Push(src mesh.Source, _ time.Time, families []*dto.MetricFamily) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.families == nil {
		s.families = make(map[mesh.Source]map[string]bool)
	}
	if s.families[src] == nil {
		s.families[src] = make(map[string]bool)
	}
	for _, f := range families {
		s.families[src][f.GetName()] = true
	}
}

// Over says of a proxy with a family "many" that the aggregator dropped seven of its series.
func (s *sink) Over(src mesh.Source) int {
	if s.has(src, "many") {
		return 7
	}
	return 0
}

func (s *sink) Gone(src mesh.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, src)
}

func (s *sink) has(src mesh.Source, part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.families[src] {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func TestEnvoyPushesNumbersAndStrangersAreListed(t *testing.T) {
	t.Parallel()
	numbers := &sink{}
	s := serve(t, Options{Sink: numbers})
	s.apply(1, shop{weights: map[string]int{"v1": 1}, ports: map[string]int{"v1": upstream(t, "v1")}}.mesh())
	web := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "other", Node: "web", Instance: "a"})
	startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "ghost", Instance: "a"})
	s.synced("shop", web.id)
	load := newLoad(t, web)
	defer load.client.CloseIdleConnections()
	load.share("v1", 10)
	src := mesh.Source{Mesh: "shop", Proxy: web.id, Node: "web"}
	eventually(t, "numbers of the cluster arrive", func() bool { return numbers.has(src, "upstream_rq_total") })
	eventually(t, "its last report and its version are known", func() bool {
		p := s.proxy("shop", web.id) // whoever takes the numbers has them a moment before the proxy is said to have sent them
		return !p.MetricsAt.IsZero() && strings.HasPrefix(p.Version, "envoy ")
	})
	for id, reason := range map[string]string{
		"mesh/other/virtualNode/web/a":  `there is no mesh "other" here`,
		"mesh/shop/virtualNode/ghost/a": `mesh shop has no virtual node "ghost"`,
	} {
		eventually(t, id+" is listed as refused", func() bool {
			p := s.proxy("shop", id)
			return p.State == provider.Refused && strings.Contains(p.Message, reason)
		})
	}
	numbers.mu.Lock()
	defer numbers.mu.Unlock()
	if len(numbers.families) != 1 {
		t.Errorf("numbers came from %d proxies, want those of the one that was let in", len(numbers.families))
	}
}

// refusals counts the messages that proxies refused.
func (s *served) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nacks
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
