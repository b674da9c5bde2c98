package mesh_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/weirmesh/weir/server/mesh"
)

func TestRoutesOfIsTheMatchingOrder(t *testing.T) {
	m := Mesh{Routes: []Route{
		{Router: "r", Name: "all", Match: Match{Prefix: "/"}},
		{Router: "r", Name: "all-get", Match: Match{Prefix: "/", Method: "GET"}},
		{Router: "r", Name: "exact", Match: Match{Path: &PathMatch{Exact: "/cart/total"}}},
		{Router: "r", Name: "first", Match: Match{Prefix: "/"}, Priority: -1},
		{Router: "r", Name: "longer", Match: Match{Prefix: "/cart"}},
		{Router: "r", Name: "pattern", Match: Match{Path: &PathMatch{Regex: "/.*"}}},
		{Router: "other", Name: "x"},
		{Router: "r", Name: "rpc", Match: Match{Service: "s", RPC: "Get"}, Priority: 5},
		{Router: "r", Name: "grpc", Match: Match{Service: "s"}, Priority: 5},
	}}
	var got []string
	for _, r := range m.RoutesOf("r") {
		got = append(got, r.Name)
	}
	want := []string{"first", "exact", "pattern", "longer", "all-get", "all", "rpc", "grpc"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGatewayRoutesOfPutsHostsFirst(t *testing.T) {
	m := Mesh{GatewayRoutes: []GatewayRoute{
		{Gateway: "g", Name: "any", Match: Match{Prefix: "/very/long"}},
		{Gateway: "g", Name: "exact", Match: Match{Prefix: "/", Hostname: &HostMatch{Exact: "a"}}},
		{Gateway: "g", Name: "suffix", Match: Match{Prefix: "/", Hostname: &HostMatch{Suffix: ".a.example.com"}}},
		{Gateway: "g", Name: "shorter", Match: Match{Prefix: "/", Hostname: &HostMatch{Suffix: ".com"}}},
	}}
	var got []string
	for _, r := range m.GatewayRoutesOf("g") {
		got = append(got, r.Name)
	}
	if diff := cmp.Diff([]string{"exact", "suffix", "shorter", "any"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVersionOf(t *testing.T) {
	for _, c := range []struct{ service, node, want string }{
		{"reviews", "reviews-v2", "v2"},
		{"reviews.shop.local", "reviews-v2", "v2"},
		{"b", "b-prime", "prime"},
		{"reviews", "reviews", "reviews"},
		{"reviews", "reviews-", "reviews-"},
		{"review", "reviews-v1", "reviews-v1"},
		{"ratings", "stars_v1", "stars_v1"},
	} {
		if got := VersionOf(c.service, c.node); got != c.want {
			t.Errorf("VersionOf(%q, %q) = %q, want %q", c.service, c.node, got, c.want)
		}
	}
}

func TestReach(t *testing.T) {
	m := sample()
	share := func(f float64) *float64 { return &f }
	// reviews-v1 is the only target of one route and has 75 % of the other: its share depends on what is called.
	reviews := []Hop{
		{Service: "reviews", Node: "reviews-v1", Protocol: HTTP, Routes: []string{"admin", "primary"}},
		{Service: "reviews", Node: "reviews-v2", Protocol: HTTP2, Routes: []string{"primary"}},
	}
	if diff := cmp.Diff(append([]Hop{{Service: "not-there.yet"}}, reviews...), m.Reach("front")); diff != "" {
		t.Errorf("front (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(reviews, m.Reach(GatewayID("ingress"))); diff != "" {
		t.Errorf("gateway (-want +got):\n%s", diff)
	}
	next, err := m.With(Patch{Delete: []Ref{{KindRoute, "reviews/admin"}}})
	if err != nil {
		t.Fatal(err)
	}
	reviews[0].Routes, reviews[0].Share, reviews[1].Share = []string{"primary"}, share(0.75), share(0.25)
	if diff := cmp.Diff(reviews, next.Reach(GatewayID("ingress"))); diff != "" {
		t.Errorf("one route (-want +got):\n%s", diff)
	}
	if got := m.Reach("store"); got != nil {
		t.Errorf("store reaches %v", got)
	}
}

func TestLookups(t *testing.T) {
	m := sample()
	if diff := cmp.Diff([]string{"reviews-v1", "reviews-v2"}, m.NodesOf("reviews")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"store"}, m.NodesOf("store")); diff != "" {
		t.Error(diff)
	}
	if got := append(m.NodesOf("empty.example"), m.NodesOf("nope")...); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff([]string{"reviews"}, m.ServicesOf("reviews-v2")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"front", "gateway/ingress"}, m.Callers("reviews-v2")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]RouterListener{{5432, TCP}}, m.Ports("store")); diff != "" {
		t.Error(diff)
	}
	r, _ := m.Route("reviews", "primary")
	if diff := cmp.Diff(map[string]float64{"reviews-v1": 0.75, "reviews-v2": 0.25}, r.Shares()); diff != "" {
		t.Error(diff)
	}
	n, _ := m.Node("store")
	if l, ok := n.Listener(0); !ok || l.Port != 5432 {
		t.Errorf("got %v, %v", l, ok)
	}
}
