package plan_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// seen is traffic by caller and target, in requests per second.
type seen struct {
	sent  map[string]map[string]float64
	boxes map[string]plan.Box
}

func (s seen) Sent(from string) []plan.Flow {
	var list []plan.Flow
	for to, rate := range s.sent[from] {
		list = append(list, plan.Flow{To: to, Rate: rate})
	}
	slices.SortFunc(list, func(a, b plan.Flow) int { return strings.Compare(a.To, b.To) })
	return list
}

func (s seen) Box(id string) plan.Box {
	b := s.boxes[id]
	for _, to := range s.sent {
		b.Rate += to[id]
	}
	return b
}

var now = time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)

func ten() *int { n := 10; return &n }

// shop is a gateway before a page, that calls three versions of reviews, of which two call ratings.
func shop(t *testing.T, more ...mesh.Object) mesh.Mesh {
	t.Helper()
	node := func(name string, backends ...string) mesh.VirtualNode {
		n := mesh.VirtualNode{
			Name: name, Listeners: []mesh.Listener{{Port: 9080, Protocol: mesh.HTTP}},
			ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
		}
		for _, b := range backends {
			n.Backends = append(n.Backends, mesh.Backend{Service: b})
		}
		return n
	}
	limited := node("reviews-v2", "ratings")
	limited.Listeners[0].ConnectionPool = &mesh.ConnectionPool{MaxConnections: ten(), MaxRequests: ten()}
	p := mesh.Patch{Put: append([]mesh.Object{
		mesh.Settings{Name: "shop"},
		node("page", "reviews"), node("reviews-v1"), limited, node("reviews-v3", "ratings"), node("ratings"),
		mesh.VirtualRouter{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 9080, Protocol: mesh.HTTP}}},
		route("primary", "/", 95, 5),
		mesh.VirtualService{Name: "reviews", Router: "reviews"},
		mesh.VirtualService{Name: "ratings", Node: "ratings"},
		mesh.VirtualService{Name: "page", Node: "page"},
		mesh.VirtualGateway{Name: "front", Listeners: []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}}},
		mesh.GatewayRoute{Gateway: "front", Name: "page", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"}, Target: mesh.GatewayTarget{Service: "page"}},
		mesh.GatewayRoute{
			Gateway: "front", Name: "reviews", Protocol: mesh.HTTP, Priority: 0, Match: mesh.Match{Prefix: "/reviews"}, Target: mesh.GatewayTarget{Service: "reviews"},
		},
	}, more...)}
	m, err := mesh.Mesh{}.With(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

// route leads to v1 and v2 of reviews.
func route(name, prefix string, v1, v2 int) mesh.Route {
	return mesh.Route{
		Router: "reviews", Name: name, Protocol: mesh.HTTP, Match: mesh.Match{Prefix: prefix},
		Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: v1}, {Node: "reviews-v2", Weight: v2}},
	}
}

// traffic is 100 requests per second through the page and 20 that the gateway sends to reviews itself.
func traffic() seen {
	return seen{
		sent: map[string]map[string]float64{
			"gateway/front": {"page": 100, "reviews-v1": 19, "reviews-v2": 1},
			"page":          {"reviews-v1": 95, "reviews-v2": 5},
			"reviews-v2":    {"ratings": 6},
		},
		boxes: map[string]plan.Box{
			"reviews-v1": {Instances: 2}, "reviews-v2": {Instances: 1, Pooled: true, Connections: 3, InFlight: 0.6}, "ratings": {Instances: 1},
		},
	}
}

// forecast makes the plan of a patch.
func forecast(t *testing.T, before mesh.Mesh, p mesh.Patch, s plan.Seen) *plan.Plan {
	t.Helper()
	after, err := before.With(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := after.Validate(); err != nil {
		t.Fatal(err)
	}
	in := plan.Input{At: now, Before: before, After: after, Seen: s}
	d := mesh.Diff(before, after)
	for _, o := range d.Put {
		was, _ := before.Get(o.Ref())
		in.Edits = append(in.Edits, plan.Edit{Ref: o.Ref(), Before: was, After: o})
	}
	for _, ref := range d.Delete {
		was, _ := before.Get(ref)
		in.Edits = append(in.Edits, plan.Edit{Ref: ref, Before: was})
	}
	return plan.Make(in)
}

func said(p *plan.Plan) []string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, fmt.Sprintf("%s: %s: %s → %s", s.Object, s.Field, s.Before, s.After))
	}
	for _, s := range p.Shifts {
		list = append(list, fmt.Sprintf("%s %s %.2f → %.2f: %.1f → %.1f/s", s.Route, s.Node, s.ShareBefore, s.ShareAfter, s.RateBefore, s.RateAfter))
	}
	for _, l := range p.Loads {
		list = append(list, fmt.Sprintf("load %s: %.1f → %.1f/s each of %d", l.Node, l.PerInstance, l.After, l.Instances))
	}
	for _, h := range p.Pools {
		list = append(list, fmt.Sprintf("pool %s %s: %.1f → %.1f of %d, over %v", h.Node, h.Limit, h.Used, h.After, h.Value, h.Over))
	}
	for _, u := range p.Unreachable {
		list = append(list, fmt.Sprintf("lost %s: %s", u.Object, u.Why.Text))
	}
	for _, n := range p.Notes {
		list = append(list, "note "+n.Text)
	}
	return list
}

func TestMake(t *testing.T) {
	put := func(objects ...mesh.Object) mesh.Patch { return mesh.Patch{Put: objects} }
	longer := route("primary", "/", 95, 5)
	longer.Timeout = &mesh.Timeout{PerRequest: new(mesh.Duration)}
	*longer.Timeout.PerRequest = mesh.Duration(2 * time.Second)
	for name, c := range map[string]struct {
		patch mesh.Patch
		want  []string
	}{
		"weights": {put(route("primary", "/", 75, 25)), []string{
			"route reviews/primary: weight reviews-v2: 5 % → 25 %", "route reviews/primary: weight reviews-v1: 95 % → 75 %",
			"reviews/primary reviews-v1 0.95 → 0.75: 114.0 → 90.0/s", "reviews/primary reviews-v2 0.05 → 0.25: 6.0 → 30.0/s",
			"load ratings: 6.0 → 30.0/s each of 1", "load reviews-v1: 57.0 → 45.0/s each of 2", "load reviews-v2: 6.0 → 30.0/s each of 1",
			"pool reviews-v2 maxConnections: 3.0 → 15.0 of 10, over true", "pool reviews-v2 maxRequests: 0.6 → 3.0 of 10, over false",
		}},
		"timeout": {put(longer), []string{"route reviews/primary: timeout perRequest:  → 2s"}},
		"a route that takes everything": {put(route("beta", "/beta", 0, 100), withPriority(route("all", "/", 0, 100), 0), withPriority(route("primary", "/", 95, 5), 9)), []string{
			"route reviews/all: :  → reviews-v1 0 %, reviews-v2 100 %", "route reviews/beta: :  → reviews-v1 0 %, reviews-v2 100 %",
			"route reviews/primary: priority: 0 → 9",
			"lost route reviews/primary: it can never match: all is tried first and takes everything that it matches",
			"reviews/all reviews-v2 0.00 → 1.00: 0.0 → 120.0/s",
		}},
		"no routes": {mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindRoute, Name: "reviews/primary"}}}, []string{
			"route reviews/primary: : reviews-v1 95 %, reviews-v2 5 % → ",
			"lost service reviews: its router reviews has no routes: calls to it would be answered 404",
			"note 100.0 requests/s of reviews from page would find no route", "note 20.0 requests/s of reviews from gateway/front would find no route",
			"note nobody is declared to call reviews-v1 any more", "reviews/primary reviews-v2 0.05 → 0.00: 6.0 → 0.0/s",
		}},
		"another provider": {put(mesh.VirtualService{Name: "reviews", Node: "reviews-v3"}), []string{
			"service reviews: node:  → reviews-v3", "service reviews: router: reviews → ",
			"service reviews reviews-v3 0.00 → 1.00: 0.0 → 120.0/s", "reviews/primary reviews-v1 0.95 → 0.95: 114.0 → 0.0/s",
			"note reviews-v3 gets next to nothing now, so what it would call in its turn is not known",
		}},
		"a version out": {put(mesh.Route{
			Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"}, Targets: []mesh.WeightedTarget{{Node: "reviews-v2", Weight: 1}},
		}), []string{"route reviews/primary: weight reviews-v1: 95 % → ", "note nobody is declared to call reviews-v1 any more", "reviews/primary reviews-v2 0.05 → 1.00: 6.0 → 120.0/s"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := said(forecast(t, shop(t), c.patch, traffic()))
			for _, want := range c.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is missing in\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
}

func withPriority(r mesh.Route, p int) mesh.Route { r.Priority = p; return r }

// TestSharedSplit moves every route of a split, and says so once.
func TestSharedSplit(t *testing.T) {
	a, b := route("primary", "/", 1, 0), route("beta", "/beta", 1, 0)
	a.Split, b.Split, a.Targets, b.Targets = "half", "half", nil, nil
	split := mesh.Split{Name: "half", Targets: route("", "", 95, 5).Targets}
	m := shop(t, split, b)
	m, err := m.With(mesh.Patch{Put: []mesh.Object{a}})
	if err != nil {
		t.Fatal(err)
	}
	split.Targets = route("", "", 50, 50).Targets
	p := forecast(t, m, mesh.Patch{Put: []mesh.Object{split}}, traffic())
	if len(p.Steps) != 2 || p.Steps[0].Object != split.Ref() || p.Steps[0].Field != "weight reviews-v2" {
		t.Errorf("steps %v, want those of the split alone", said(p))
	}
	more := 0.0
	for _, s := range p.Shifts {
		if s.Node == "reviews-v2" {
			more += s.RateAfter - s.RateBefore
		}
	}
	if math.Abs(more-54) > 0.1 {
		t.Errorf("reviews-v2 gets %.1f/s more over both routes, want 54:\n%s", more, strings.Join(said(p), "\n"))
	}
}

// TestRoutesAreToldApart: a route of its own for some requests keeps them when the other moves.
func TestRoutesAreToldApart(t *testing.T) {
	s := traffic()
	s.sent["page"] = map[string]float64{"reviews-v1": 80, "reviews-v3": 20}
	s.sent["gateway/front"] = map[string]float64{"page": 100}
	beta := route("beta", "/beta", 1, 0)
	beta.Targets = []mesh.WeightedTarget{{Node: "reviews-v3", Weight: 1}}
	primary := route("primary", "/", 1, 0)
	m := shop(t, beta)
	m, err := m.With(mesh.Patch{Put: []mesh.Object{primary}})
	if err != nil {
		t.Fatal(err)
	}
	got := said(forecast(t, m, mesh.Patch{Put: []mesh.Object{route("primary", "/", 50, 50)}}, s))
	for _, want := range []string{"reviews/primary reviews-v1 1.00 → 0.50: 80.0 → 40.0/s", "reviews/primary reviews-v2 0.00 → 0.50: 0.0 → 40.0/s"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "reviews/beta") }) {
		t.Errorf("beta does not move:\n%s", strings.Join(got, "\n"))
	}
}

// TestPoolMadeSmaller is told of, whether or not requests move.
func TestPoolMadeSmaller(t *testing.T) {
	m := shop(t)
	n, _ := m.Node("reviews-v2")
	two := 2
	n.Listeners = slices.Clone(n.Listeners)
	n.Listeners[0].ConnectionPool = &mesh.ConnectionPool{MaxConnections: &two, MaxRequests: ten()}
	got := said(forecast(t, m, mesh.Patch{Put: []mesh.Object{n}}, traffic()))
	for _, want := range []string{"node reviews-v2: pool maxConnections: 10 → 2", "pool reviews-v2 maxConnections: 3.0 → 3.0 of 2, over true"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestManyObjects are summed up, and a mesh of which nothing is seen says so.
func TestManyObjects(t *testing.T) {
	var more []mesh.Object
	for i := range 200 {
		more = append(more, mesh.VirtualService{Name: fmt.Sprintf("s%03d", i), Node: "ratings"})
	}
	p := forecast(t, shop(t), mesh.Patch{Put: more}, nil)
	last := p.Steps[len(p.Steps)-1]
	if len(p.Steps) != 61 || last.After != "140 created" || last.Object.Kind != mesh.KindService {
		t.Errorf("%d steps, the last %+v", len(p.Steps), last)
	}
	if len(p.Shifts) != 0 || !slices.ContainsFunc(p.Notes, func(n plan.Note) bool { return n.Code == "traffic.unknown" }) {
		t.Errorf("shifts %v notes %v", p.Shifts, p.Notes)
	}
}

// TestRecall says when a load is more than was ever seen.
func TestRecall(t *testing.T) {
	p := forecast(t, shop(t), mesh.Patch{Put: []mesh.Object{route("primary", "/", 75, 25)}}, traffic())
	p.Recall(map[string]plan.Peak{"reviews-v2": {Rate: 20, At: now}, "ratings": {Rate: 400, At: now}})
	for _, l := range p.Loads {
		switch {
		case l.Node == "reviews-v2" && (!l.Over || *l.Highest != 20), l.Node == "ratings" && l.Over, l.Node == "reviews-v1" && l.Highest != nil:
			t.Errorf("load %+v", l)
		}
	}
}
