package xds

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
	"github.com/weirmesh/weir/server/registry"
)

// names says whether a route configuration sends anything to a version of reviews.
func namesVersion(body *anypb.Any, version string) bool {
	var rc routev3.RouteConfiguration
	return body.UnmarshalTo(&rc) == nil && strings.Contains(rc.String(), "cds_egress_shop_"+version+"_")
}

// valve holds an Envoy's answers to routes back while it is closed.
type valve struct {
	mu     sync.Mutex
	closed chan struct{}
}

func (v *valve) shut() (open func()) {
	ch := make(chan struct{})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = ch
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.closed = nil
		close(ch)
	}
}

func (v *valve) pass(typeURL, _ string, _ *anypb.Any) string {
	v.mu.Lock()
	ch := v.closed
	v.mu.Unlock()
	if ch != nil && typeURL == RouteType {
		<-ch
	}
	return ""
}

// trio starts proxies web-a, web-b and web-c at revision 1. refuse is web-a's, who tries every revision first.
func trio(t *testing.T, s *served, refuse func(string, string, *anypb.Any) string) (a, b, c *xdstest.Envoy) {
	t.Helper()
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	a = xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: envoyNode("web", "a"), Refuse: refuse})
	b, c = fake(t, s, "web", "b"), fake(t, s, "web", "c")
	s.synced("shop", "web-a", "web-b", "web-c")
	for _, e := range []*xdstest.Envoy{a, b, c} {
		e.Forget()
	}
	return a, b, c
}

func TestOneProxyTriesARevisionFirst(t *testing.T) {
	s := serve(t, Options{})
	var answers valve
	_, b, c := trio(t, s, answers.pass)
	open := answers.shut()
	s.apply(2, shop{weights: map[string]int{"v1": 1}, timeout: 1e9}.mesh())
	never(t, "the others get it before the first has answered", func() bool { return len(b.Responses())+len(c.Responses()) > 0 })
	open()
	if d := s.delivered("shop", 2); d.Acked != 3 || d.Total != 3 {
		t.Errorf("delivery = %+v", d)
	}
	wantResponses(t, b, "route+1")
	wantResponses(t, c, "route+1")
}

func TestSilenceOfTheFirstIsWaitedForASecond(t *testing.T) {
	s := serve(t, Options{})
	var answers valve
	_, b, _ := trio(t, s, answers.pass)
	open := answers.shut()
	start := time.Now()
	s.apply(2, shop{weights: map[string]int{"v1": 1}, timeout: 1e9}.mesh())
	s.synced("shop", "web-b", "web-c")
	if took := time.Since(start); took < trialPatience {
		t.Errorf("the others had it after %v, want them to wait %v", took, trialPatience)
	}
	if d, _ := s.Delivery("shop", 2); d.Acked != 2 || d.Total != 3 || d.Done() || !d.At.IsZero() {
		t.Errorf("delivery = %+v, want 2 of 3", d)
	}
	if p := s.proxy("shop", "web-a"); p.State != provider.Pending || p.Revision != 1 {
		t.Errorf("proxy = %+v, want it pending", p)
	}
	// The next revision is tried on somebody who answers.
	b.Forget()
	start = time.Now()
	s.apply(3, shop{weights: map[string]int{"v1": 1}, timeout: 2e9}.mesh())
	s.synced("shop", "web-b", "web-c")
	if took := time.Since(start); took >= trialPatience {
		t.Errorf("the next revision took %v", took)
	}
	open()
	for _, revision := range []int64{2, 3} {
		if d := s.delivered("shop", revision); d.Acked != 3 {
			t.Errorf("delivery = %+v", d)
		}
	}
}

const dislike = "route: I do not like v2"

// dislikesV2 refuses routes to version v2.
func dislikesV2(typeURL, _ string, body *anypb.Any) string {
	if typeURL == RouteType && namesVersion(body, "v2") {
		return dislike
	}
	return ""
}

func TestRefusedByTheFirstIsSentToNobodyElse(t *testing.T) {
	s := serve(t, Options{})
	a, b, c := trio(t, s, dislikesV2)
	bad := shop{weights: map[string]int{"v1": 1, "v2": 1}}
	s.apply(2, bad.mesh())
	d := s.delivered("shop", 2)
	want := []provider.Rejection{
		{Proxy: "web-a", Message: dislike, Caused: true},
		{Proxy: "web-b", Message: "not sent: web-a refused it"},
		{Proxy: "web-c", Message: "not sent: web-a refused it"},
	}
	if diff := cmp.Diff(want, d.Rejected); diff != "" || d.Acked != 0 || d.At.IsZero() {
		t.Errorf("delivery = %+v; rejected (-want +got):\n%s", d, diff)
	}
	// Nothing is left half applied: the first gives the cluster back that came before the route.
	eventually(t, "web-a runs what it ran", func() bool { return len(a.Running(ClusterType)) == 1 })
	wantResponses(t, a, "cluster+1", "endpoint+1", "route+1", "cluster-1")
	wantResponses(t, b)
	wantResponses(t, c)
	for _, id := range []string{"web-a", "web-b"} {
		if p := s.proxy("shop", id); p.State != provider.Rejected || p.Revision != 1 || p.Message == "" {
			t.Errorf("proxy = %+v, want it rejected at revision 1", p)
		}
	}

	// Whoever joins gets what the others run.
	d4 := fake(t, s, "web", "d")
	eventually(t, "web-d runs revision 1", func() bool { return s.proxy("shop", "web-d").Revision == 1 })
	if namesVersion(d4.Body(RouteType, "rds_egress_http_15001"), "v2") {
		t.Error("a proxy that joins is given what was refused")
	}

	// The same again, with another change, is not sent either.
	a.Forget()
	s.apply(3, bad.mesh()) // No difference.
	if d := s.delivered("shop", 3); d.Total != 0 {
		t.Errorf("delivery = %+v: revision 3 changes nothing", d)
	}
	bad.unrouted = []string{"v3"}
	s.apply(4, bad.mesh()) // A node that web does not call.
	if d := s.delivered("shop", 4); d.Total != 0 {
		t.Errorf("delivery = %+v: revision 4 changes nothing for web", d)
	}
	bad.ports = map[string]int{"v1": 9999} // Changes the endpoints that web knows; the route is still the refused one.
	s.apply(5, bad.mesh())
	if d := s.delivered("shop", 5); len(d.Rejected) != 4 || d.Rejected[0].Message != dislike {
		t.Errorf("delivery = %+v: what was refused is still in it", d)
	}
	wantResponses(t, a)

	s.apply(6, shop{weights: map[string]int{"v1": 1, "v3": 1}}.mesh())
	if d := s.delivered("shop", 6); d.Acked != 4 || len(d.Rejected) != 0 {
		t.Errorf("delivery of the corrected revision = %+v", d)
	}
	s.synced("shop", "web-a", "web-b", "web-c", "web-d")
	if p := s.proxy("shop", "web-b"); p.Message != "" || p.Revision != 6 {
		t.Errorf("proxy = %+v", p)
	}
}

func TestUndoOfARefusedRevision(t *testing.T) {
	s := serve(t, Options{})
	trio(t, s, dislikesV2)
	s.apply(2, shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh())
	s.delivered("shop", 2)
	s.apply(3, shop{weights: map[string]int{"v1": 1}}.mesh())
	if d := s.delivered("shop", 3); d.Total != 3 || d.Acked != 3 {
		t.Errorf("delivery of the undo = %+v", d)
	}
	s.synced("shop", "web-a", "web-b", "web-c")
}

func TestRefusedByALaterProxy(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	fake(t, s, "web", "a")
	odd := xdstest.Start(t, xdstest.Options{
		Addr: s.Addr().String(), Node: envoyNode("web", "b"),
		Refuse: func(typeURL, name string, _ *anypb.Any) string {
			if typeURL == ClusterType && strings.Contains(name, "_v2_") {
				return fmt.Sprintf("Error adding/updating cluster(s) %s: too old for this", name)
			}
			return ""
		},
	})
	s.synced("shop", "web-a", "web-b")
	odd.Forget()
	s.apply(2, shop{weights: map[string]int{"v1": 1, "v2": 1, "v3": 1}}.mesh())
	d := s.delivered("shop", 2)
	if d.Acked != 1 || len(d.Rejected) != 1 || d.Rejected[0].Proxy != "web-b" || !strings.Contains(d.Rejected[0].Message, "too old") {
		t.Errorf("delivery = %+v", d)
	}
	// The route that names the refused cluster did not go out, and what did is taken back.
	eventually(t, "web-b runs what it ran", func() bool { return len(odd.Running(ClusterType)) == 1 })
	for _, r := range odd.Responses() {
		if r.Type == RouteType {
			t.Errorf("a route was sent to a proxy that refused its cluster: %+v", r)
		}
	}
	if broken := odd.Broken(); len(broken) > 0 {
		t.Errorf("requests would have failed: %q", broken)
	}
	// A weight between the versions that web-b does run still reaches it: nothing of it was refused.
	s.apply(3, shop{weights: map[string]int{"v1": 1, "v3": 2}}.mesh())
	if d := s.delivered("shop", 3); d.Acked != 2 {
		t.Errorf("delivery = %+v", d)
	}
}

func TestTheFirstLeavesDuringItsTrial(t *testing.T) {
	s := serve(t, Options{})
	var answers valve
	a, b, _ := trio(t, s, answers.pass)
	open := answers.shut()
	s.apply(2, shop{weights: map[string]int{"v1": 1}, timeout: 1e9}.mesh())
	never(t, "others get it", func() bool { return len(b.Responses()) > 0 })
	start := time.Now()
	open()
	a.Stop()
	s.synced("shop", "web-b", "web-c")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if d := s.delivered("shop", 2); d.Acked < 2 || len(d.Rejected) != 0 {
		t.Errorf("delivery = %+v", d)
	}
}

func TestTranslationFails(t *testing.T) {
	var fails atomic.Bool
	s := serve(t, Options{Translate: func(in Input) (*Snapshot, error) {
		if fails.Load() && in.Proxy.Node == "web" {
			return nil, errors.New("mesh shop cannot be translated")
		}
		return Translate(in)
	}})
	a, _, _ := trio(t, s, nil)
	fake(t, s, "v1", "x")
	s.synced("shop", "v1-x")
	fails.Store(true)
	s.apply(2, shop{weights: map[string]int{"v1": 1}, outliers: 5}.mesh())
	d := s.delivered("shop", 2)
	if len(d.Rejected) != 3 || !strings.Contains(d.Rejected[0].Message, "cannot be translated") {
		t.Errorf("delivery = %+v", d)
	}
	wantResponses(t, a)
	if p := s.proxy("shop", "web-a"); p.State != provider.Rejected || p.Revision != 1 {
		t.Errorf("proxy = %+v", p)
	}
	fails.Store(false)
	s.apply(3, shop{weights: map[string]int{"v1": 1}, outliers: 5}.mesh())
	if d := s.delivered("shop", 3); d.Acked != 3 {
		t.Errorf("delivery = %+v", d)
	}
	s.synced("shop", "web-a", "web-b", "web-c", "v1-x")
}

func TestManyRevisionsAtOnceAreCoalesced(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	web.Forget()
	start := time.Now()
	const last = 1000
	for revision := int64(2); revision <= last; revision++ {
		s.apply(revision, shop{weights: map[string]int{"v1": 1}, timeout: mesh.Duration(revision) * 1e9}.mesh())
	}
	d := s.delivered("shop", last)
	if d.Acked != 1 {
		t.Errorf("delivery = %+v", d)
	}
	most := pushBurst + int(time.Since(start)/pushGap) + 2
	if got := len(web.Responses()); got > most {
		t.Errorf("%d responses for %d revisions in %v, want at most %d", got, last, time.Since(start), most)
	}
	for revision := int64(2); revision < last; revision++ {
		if d, ok := s.Delivery("shop", revision); !ok || d.Acked != 1 || d.Total != 1 {
			t.Fatalf("delivery of revision %d = %+v, want it acknowledged with a later one", revision, d)
		}
	}
}

func TestInstancesReachTheirCallers(t *testing.T) {
	reg := registry.New(registry.Options{})
	s := serve(t, Options{Registry: reg})
	m := shop{weights: map[string]int{"v1": 1}, discovery: map[string]string{"v1": "registration"}}.mesh()
	s.apply(1, m)
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	web.Forget()
	before, _ := s.Delivery("shop", 1)

	one := fake(t, s, "v1", "x")
	web.Wait("endpoints", func() bool { return len(web.Responses()) > 0 })
	s.synced("shop", "web-a", "v1-x")
	wantResponses(t, web, "endpoint+1")
	want := map[string][]registry.Instance{"v1": {{ID: "v1-x", Address: "127.0.1.1", Ports: map[int]int{8080: 15000}}}}
	got := reg.Instances("shop")
	delete(got, "web") // Has no listener but is connected all the same.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	if after, _ := s.Delivery("shop", 1); after.Total != before.Total {
		t.Errorf("delivery = %+v, was %+v: an instance is no part of a revision", after, before)
	}
	// A node's new listener gives its instances a new port.
	m.Nodes[0].Listeners = append(m.Nodes[0].Listeners, m.Nodes[0].Listeners[0])
	m.Nodes[0].Listeners[1].Port = 9090
	s.apply(2, m)
	s.delivered("shop", 2)
	eventually(t, "the port is registered", func() bool {
		return cmp.Equal(reg.Instances("shop")["v1"][0].Ports, map[int]int{8080: 15000, 9090: 15002})
	})
	one.Stop()
	eventually(t, "gone", func() bool { return s.proxy("shop", "v1-x").State == provider.Gone })
	if got := reg.Instances("shop")["v1"]; len(got) != 1 {
		t.Errorf("instances = %v, want the last one kept", got)
	}
}
