package xds

import (
	"fmt"
	"net"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kindsOf shortens a list of responses to "cluster+2-1": kind, resources, removals.
func kindsOf(responses []xdstest.Response) []string {
	var out []string
	for _, r := range responses {
		k, _ := kindOf(r.Type)
		text := k.String()
		if len(r.Names) > 0 {
			text += fmt.Sprintf("+%d", len(r.Names))
		}
		if len(r.Removed) > 0 {
			text += fmt.Sprintf("-%d", len(r.Removed))
		}
		out = append(out, text)
	}
	return out
}

func wantResponses(t *testing.T, e *xdstest.Envoy, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, kindsOf(e.Responses())); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
	if broken := e.Broken(); len(broken) > 0 {
		t.Errorf("requests would have failed: %q", broken)
	}
}

func TestFirstConnection(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh())
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	wantResponses(t, web, "cluster+2", "endpoint+2", "listener+1", "route+1")
	p := s.proxy("shop", "web-a")
	if p.Revision != 1 || p.NodeID != "mesh/shop/virtualNode/web/a" || p.Address != "127.0.1.1" || len(p.Resources) != 4 {
		t.Errorf("proxy = %+v", p)
	}
	for _, r := range p.Resources {
		if r.Acked == "" || r.Pending != "" || r.AckedAt.IsZero() || r.Count == 0 {
			t.Errorf("resource type %+v", r)
		}
	}
	if d := s.delivered("shop", 1); d.Total != 1 || d.Acked != 1 || d.At.IsZero() {
		t.Errorf("delivery = %+v: whoever comes first counts in the first revision", d)
	}
}

func TestMakeBeforeBreak(t *testing.T) {
	s := serve(t, Options{})
	one := shop{weights: map[string]int{"v1": 1}}.mesh()
	two := shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh()
	s.apply(1, one)
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	web.Forget()

	s.apply(2, two)
	s.delivered("shop", 2)
	wantResponses(t, web, "cluster+1", "endpoint+1", "route+1")
	web.Forget()

	s.apply(3, one)
	s.delivered("shop", 3)
	wantResponses(t, web, "route+1", "cluster-1")
	web.Forget()

	for revision := int64(4); revision < 24; revision += 2 {
		s.apply(revision, two)
		s.apply(revision+1, one) // Before the first is answered.
	}
	s.delivered("shop", 23)
	s.synced("shop", "web-a")
	if broken := web.Broken(); len(broken) > 0 {
		t.Errorf("requests would have failed: %q", broken)
	}
}

func TestEndpointsFollowTheirCluster(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	web.Forget()
	s.apply(2, shop{weights: map[string]int{"v1": 1}, outliers: 7}.mesh())
	s.delivered("shop", 2)
	wantResponses(t, web, "cluster+1", "endpoint+1")
}

func TestNothingIsSentWhenNothingChanged(t *testing.T) {
	m := shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh()
	first := serve(t, Options{})
	first.apply(7, m)
	web := fake(t, first, "web", "a")
	first.synced("shop", "web-a")
	web.Forget()

	// The proxy comes back to the same Weir.
	web.Stop()
	eventually(t, "gone", func() bool { return first.proxy("shop", "web-a").State == provider.Gone })
	web.Connect()
	first.synced("shop", "web-a")
	wantResponses(t, web)

	// Weir restarts on its old port, with the mesh as stored.
	addr := first.Addr().String()
	first.stop()
	web.Wait("stream ended", func() bool { return web.Err() != nil })
	second := serve(t, Options{Addr: addr})
	second.apply(7, m)
	web.Connect()
	second.synced("shop", "web-a")
	wantResponses(t, web)
	if second.sent != 0 {
		t.Errorf("sent %d resources after the restart, want 0", second.sent)
	}
}

func TestChangedWhileAway(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh())
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	web.Stop()
	web.Forget()
	s.apply(2, shop{weights: map[string]int{"v2": 1, "v3": 1}}.mesh())
	web.Connect()
	s.synced("shop", "web-a")
	wantResponses(t, web, "cluster+1", "endpoint+1", "route+1", "cluster-1")
	if len(web.Running(ClusterType)) != 2 {
		t.Errorf("runs %v", web.Running(ClusterType))
	}
}

func TestRefusedBeforeAnythingIsKnown(t *testing.T) {
	s := serve(t, Options{})
	web := fake(t, s, "web", "a")
	web.Wait("refused", func() bool { return web.Err() != nil })
	if got := status.Code(web.Err()); got != codes.Unavailable {
		t.Errorf("code = %v, want Unavailable: %v", got, web.Err())
	}
	if got := s.Proxies("shop"); len(got) != 0 {
		t.Errorf("proxies = %+v, want none: Weir is at fault, not the proxy", got)
	}
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	web.Connect()
	s.synced("shop", "web-a")
}

func TestStrangersAreRefusedAndListed(t *testing.T) {
	s := serve(t, Options{})
	m := shop{weights: map[string]int{"v1": 1}}.mesh()
	s.apply(1, m)
	s.apply(1, m) // The same again is nothing to do.
	s.apply(1, mesh.Mesh{Name: "bank", Nodes: []mesh.VirtualNode{{Name: "vault"}}})
	for _, tc := range []struct {
		id, reason string
		code       codes.Code
	}{
		{"mesh/nowhere/virtualNode/web/a", `there is no mesh "nowhere" here`, codes.NotFound},
		{"mesh/shop/virtualNode/cart/a", `mesh shop has no virtual node "cart"; create it`, codes.NotFound},
		{"mesh/shop/virtualNode/vault/a", `mesh shop has no virtual node "vault", but mesh bank has`, codes.NotFound},
		{"mesh/shop/virtualGateway/front", `mesh shop has no virtual gateway "front"`, codes.NotFound},
		{"cart-7f3a", `node id "cart-7f3a"`, codes.InvalidArgument},
		{strings.Repeat("x", 5000), "is longer than", codes.InvalidArgument},
	} {
		e := xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: &corev3.Node{Id: tc.id}})
		e.Wait("refused", func() bool { return e.Err() != nil })
		if got := status.Code(e.Err()); got != tc.code {
			t.Errorf("%.40s: code = %v, want %v", tc.id, got, tc.code)
		}
		p := s.proxy("shop", shorten(tc.id))
		if p.State != provider.Refused || !strings.Contains(p.Message, tc.reason) || len(p.Message) > 1000 {
			t.Errorf("%.40s: listed as %+v, want a refusal that says %q", tc.id, p, tc.reason)
		}
	}
	// The node is created, and the proxy's next attempt succeeds.
	cart := xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: envoyNode("cart", "a")})
	cart.Wait("refused", func() bool { return cart.Err() != nil })
	m.Nodes = append([]mesh.VirtualNode{{Name: "cart"}}, m.Nodes...)
	s.apply(2, m)
	cart.Connect()
	s.synced("shop", "cart-a")
	if p := s.proxy("shop", "mesh/shop/virtualNode/cart/a"); p.State == provider.Refused {
		t.Errorf("still listed as refused: %+v", p)
	}
	// And taken away again.
	m.Nodes = m.Nodes[1:]
	s.apply(3, m)
	cart.Wait("sent away", func() bool { return cart.Err() != nil })
	if got := status.Code(cart.Err()); got != codes.NotFound {
		t.Errorf("code = %v, want NotFound", got)
	}
	if d := s.delivered("shop", 3); d.Total != 0 {
		t.Errorf("delivery = %+v, want nobody", d)
	}
}

func TestRefusedListIsBounded(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	for i := range maxRefused + 50 {
		node := &corev3.Node{Id: fmt.Sprintf("mesh/shop/virtualNode/stranger/%d", i)}
		if _, _, err := s.identify(t.Context(), node); status.Code(err) != codes.NotFound {
			t.Fatalf("code = %v", err)
		}
	}
	if got := len(s.Proxies("shop")); got != maxRefused {
		t.Errorf("%d refused proxies are listed, want %d", got, maxRefused)
	}
}

func TestSlowReaderHoldsUpNobody(t *testing.T) {
	wide := func(in Input) (*Snapshot, error) { // 8 MB of routes: more than any window takes in.
		snap, err := Translate(in)
		if err == nil && in.Proxy.Node == "web" {
			big := snap.Resources[ClusterType]
			for i := range 80 {
				name := fmt.Sprintf("bulk_%d_%s", i, strings.Repeat("x", 100_000))
				big[name] = Resource{Name: name, Body: &anypb.Any{TypeUrl: ClusterType}}
			}
		}
		return snap, err
	}
	s := serve(t, Options{Translate: wide})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	deaf := xdstest.Start(t, xdstest.Options{
		Addr: s.Addr().String(), Node: envoyNode("web", "a"), Deaf: true,
		Dial: []grpc.DialOption{grpc.WithInitialWindowSize(64 << 10), grpc.WithInitialConnWindowSize(64 << 10)},
	})
	eventually(t, "connected", func() bool { return s.proxy("shop", "web-a").State == provider.Pending })
	big := []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20))}
	xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: envoyNode("web", "b"), Dial: big})
	s.synced("shop", "web-b")
	s.apply(2, shop{weights: map[string]int{"v1": 1, "v2": 3}}.mesh())
	s.synced("shop", "web-b")
	d, _ := s.Delivery("shop", 2)
	if d.Total != 2 || d.Acked != 1 || d.Done() {
		t.Errorf("delivery = %+v, want 1 of 2", d)
	}
	deaf.Stop()
	if d := s.delivered("shop", 2); d.Total != 1 {
		t.Errorf("delivery = %+v, want the one that is left", d)
	}
}

func TestProxiesThatShareANodeID(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	anonymous := &corev3.Node{Id: "mesh/shop/virtualNode/web"}
	for range 2 {
		xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: anonymous})
	}
	s.synced("shop", "web", "web-2")

	// With an instance in it the node id is one proxy: the new stream replaces the old one.
	old := fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	fake(t, s, "web", "a")
	old.Wait("replaced", func() bool { return status.Code(old.Err()) == codes.Aborted })
	s.synced("shop", "web-a")
}

func TestApplyTakesNewerRevisionsOnly(t *testing.T) {
	s := serve(t, Options{})
	s.apply(5, shop{weights: map[string]int{"v1": 1}}.mesh())
	err := s.Apply(t.Context(), provider.Desired{Revision: 4, Mesh: shop{weights: map[string]int{"v2": 1}}.mesh()})
	if mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("err = %v, want a conflict", err)
	}
	if _, ok := s.Delivery("shop", 4); ok {
		t.Error("revision 4 has a delivery although it was not applied")
	}
	if _, ok := s.Delivery("elsewhere", 5); ok {
		t.Error("a mesh that was never applied has a delivery")
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = New(Options{Addr: l.Addr().String()})
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("err = %v, want one line that names the address", err)
	}
}

func TestStateOfTheWorldIsRefusedInWords(t *testing.T) {
	if err := (ads{}).StreamAggregatedResources(nil); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "DELTA_GRPC") {
		t.Errorf("err = %v", err)
	}
}
