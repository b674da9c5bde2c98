package change

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

// routed is a mesh in which web and gateway front call service reviews, whose router has the routes.
func routed(routes ...mesh.Route) mesh.Mesh {
	m := mesh.Mesh{
		Name: "m",
		Nodes: []mesh.VirtualNode{
			{Name: "other", Backends: []mesh.Backend{{Service: "elsewhere"}}},
			{Name: "v1"},
			{Name: "v2"},
			{Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}},
		},
		Routers:       []mesh.VirtualRouter{{Name: "reviews"}},
		Services:      []mesh.VirtualService{{Name: "elsewhere", Node: "v1"}, {Name: "reviews", Router: "reviews"}},
		Gateways:      []mesh.VirtualGateway{{Name: "front"}},
		GatewayRoutes: []mesh.GatewayRoute{{Gateway: "front", Name: "r", Target: mesh.GatewayTarget{Service: "reviews"}}},
		Routes:        routes,
	}
	return m.Sorted()
}

var landed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after is a moment after the change landed.
func after(seconds float64) time.Time {
	return landed.Add(time.Duration(seconds * float64(time.Second)))
}

func count(from, to string, requests float64, at time.Time) mesh.EdgeCount {
	return mesh.EdgeCount{From: from, To: to, Requests: requests, At: at}
}

// split5050 measures a change from 75:25 to 50:50.
func split5050() *meter {
	is := route(target("v1", 50), target("v2", 50))
	return &meter{plan: expect([]Edit{step(route(target("v1", 75), target("v2", 25)), is)}, routed(is)), since: landed}
}

func TestMeterWaitsForEveryReport(t *testing.T) {
	m := split5050()
	// web's counters are from before the change: 900 requests that must never be counted as the new split's.
	old := []mesh.EdgeCount{count("web", "v1", 900, after(-1)), count("web", "v2", 300, after(0.4)), count("other", "v1", 1, after(-9))}
	if seen, done := m.read(after(0.5), old); seen != nil || done {
		t.Fatalf("began at once: %+v", seen)
	}
	begin := []mesh.EdgeCount{count("web", "v1", 910, after(0.9)), count("web", "v2", 310, after(0.9)), count("other", "v1", 1, after(-9))}
	if seen, _ := m.read(after(1), begin); seen == nil || seen.Requests != 0 || seen.Agrees != nil || seen.Note == "" {
		t.Fatalf("at the beginning: %+v", seen)
	}
	seen, done := m.read(after(11), []mesh.EdgeCount{
		count("web", "v1", 910+510, after(10.9)), count("web", "v2", 310+490, after(10.9)), count("other", "v1", 1000, after(10.9)),
	})
	agrees := true
	low, high := Wilson(510, 1000)
	low2, high2 := Wilson(490, 1000)
	want := &Observed{Window: "10s", Requests: 1000, Agrees: &agrees, Shares: map[string]Share{
		"v1": {Want: 0.5, Got: 0.51, Low: low, High: high}, "v2": {Want: 0.5, Got: 0.49, Low: low2, High: high2},
	}}
	if diff := cmp.Diff(want, seen); diff != "" || done {
		t.Errorf("done %v (-want +got):\n%s", done, diff)
	}
	// A minute in, it is over; nothing new was reported, so the window stays.
	if seen, done := m.read(after(66), []mesh.EdgeCount{count("web", "v1", 1420, after(10.9)), count("web", "v2", 800, after(10.9))}); !done || seen.Window != "10s" {
		t.Errorf("after a minute: done %v, %+v", done, seen)
	}
}

func TestMeterSeesAWrongSplit(t *testing.T) {
	m := split5050()
	m.read(after(1), []mesh.EdgeCount{count("web", "v1", 0, after(1)), count("web", "v2", 0, after(1))})
	seen, _ := m.read(after(11), []mesh.EdgeCount{count("web", "v1", 750, after(11)), count("web", "v2", 250, after(11))})
	if seen.Agrees == nil || *seen.Agrees {
		t.Errorf("75:25 passes for 50:50: %+v", seen)
	}
	few := split5050()
	few.read(after(1), []mesh.EdgeCount{count("web", "v1", 0, after(1)), count("web", "v2", 0, after(1))})
	if seen, _ := few.read(after(11), []mesh.EdgeCount{count("web", "v1", 20, after(11)), count("web", "v2", 20, after(11))}); seen.Agrees != nil || !strings.Contains(seen.Note, "40 of 100") || len(seen.Shares) != 2 {
		t.Errorf("40 requests say %+v", seen)
	}
}

// A healthy split, looked at twice a second for a minute, is hardly ever called wrong; one that is off by five points is.
func TestDecisionDoesNotFlap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a simulation that must repeat itself
	flapped := func(share float64) (n int) {
		const runs = 300
		for range runs {
			m := split5050()
			m.read(after(1), []mesh.EdgeCount{count("web", "v1", 0, after(1)), count("web", "v2", 0, after(1))})
			var v1, v2 float64
			for tick := range 118 {
				for range 38 { // 75 requests a second
					if random.Float64() < share {
						v1++
					} else {
						v2++
					}
				}
				now := after(1 + float64(tick+1)/2)
				if seen, _ := m.read(now, []mesh.EdgeCount{count("web", "v1", v1, now), count("web", "v2", v2, now)}); seen.Agrees != nil && !*seen.Agrees {
					n++
					break
				}
			}
		}
		return n
	}
	if n := flapped(0.5); n > 4 {
		t.Errorf("a healthy split was called wrong in %d of 300 changes", n)
	}
	if n := flapped(0.55); n < 297 {
		t.Errorf("a split that is off by five points was found in %d of 300 changes only", n)
	}
}

func TestMeterCountsANewTargetFromItsFirstRequest(t *testing.T) {
	is := route(target("v1", 50), target("v2", 50))
	m := &meter{plan: expect([]Edit{step(route(target("v1", 1)), is)}, routed(is)), since: landed}
	if seen, _ := m.read(after(1), []mesh.EdgeCount{count("web", "v1", 100, after(1))}); seen != nil {
		t.Fatalf("did not wait for the new target: %+v", seen)
	}
	// Nothing arrives at v2 within five seconds: the measurement begins, and then all of v2's requests count.
	m.read(after(6), []mesh.EdgeCount{count("web", "v1", 200, after(6))})
	seen, _ := m.read(after(12), []mesh.EdgeCount{count("web", "v1", 800, after(12)), count("web", "v2", 150, after(12))})
	if seen.Requests != 750 || *seen.Agrees {
		t.Errorf("got %+v", seen)
	}
	// A caller that appears later brings counters from before the change.
	m.read(after(13), []mesh.EdgeCount{count("web", "v1", 800, after(12)), count("web", "v2", 150, after(12)), count("gateway/front", "v1", 5000, after(13))})
	if seen, _ = m.read(after(14), []mesh.EdgeCount{count("web", "v1", 800, after(12)), count("web", "v2", 150, after(12)), count("gateway/front", "v1", 5010, after(14))}); seen.Requests != 760 {
		t.Errorf("the late caller's past was counted: %+v", seen)
	}
}

func TestMeterBeginsAgainWhenCountersGoAway(t *testing.T) {
	m := split5050()
	m.read(after(1), []mesh.EdgeCount{count("web", "v1", 100, after(1)), count("web", "v2", 100, after(1))})
	if seen, done := m.read(after(5), []mesh.EdgeCount{count("web", "v1", 40, after(5)), count("web", "v2", 400, after(5))}); seen != nil || done {
		t.Errorf("compared counters of different proxies: %+v", seen)
	}
	seen, _ := m.read(after(9), []mesh.EdgeCount{count("web", "v1", 240, after(9)), count("web", "v2", 600, after(9))})
	if seen.Window != "4s" || seen.Requests != 400 || !*seen.Agrees {
		t.Errorf("got %+v", seen)
	}
}

func TestMeterNotesOtherWays(t *testing.T) {
	is := route(target("v1", 50), target("v2", 50))
	beta := route(target("v2", 1))
	beta.Name = "beta"
	edits := []Edit{step(route(target("v1", 75), target("v2", 25)), is)}
	m := &meter{plan: expect(edits, routed(is, beta)), since: landed}
	m.read(after(1), []mesh.EdgeCount{count("web", "v1", 0, after(1)), count("web", "v2", 0, after(1))})
	seen, _ := m.read(after(9), []mesh.EdgeCount{count("web", "v1", 500, after(9)), count("web", "v2", 900, after(9))})
	if seen.Agrees != nil || seen.Requests != 1400 || !strings.Contains(seen.Note, "route reviews/beta also leads") {
		t.Errorf("got %+v", seen)
	}
}

func TestPlan(t *testing.T) {
	is := route(target("v1", 50), target("v2", 50))
	m := routed(is)
	splits := expect([]Edit{step(route(target("v1", 1)), is)}, m).splits
	if len(splits) != 1 || !cmp.Equal(splits[0].want, map[string]float64{"v1": 0.5, "v2": 0.5}) ||
		!cmp.Equal(splits[0].callers, map[string]bool{"web": true, "gateway/front": true}) || splits[0].shared != nil {
		t.Errorf("split %+v", splits)
	}
	one := route(target("v1", 1))
	if s := expect([]Edit{step(is, one)}, routed(one)).splits; !cmp.Equal(s[0].want, map[string]float64{"v1": 1, "v2": 0}) {
		t.Errorf("a target that was taken out is wanted at %+v", s)
	}
	both := m
	both.Nodes = slices.Clone(m.Nodes)
	both.Nodes[3].Backends = append(slices.Clone(both.Nodes[3].Backends), mesh.Backend{Service: "elsewhere"})
	if s := expect([]Edit{step(one, is)}, both).splits; !cmp.Equal(s[0].shared, []string{"service elsewhere"}) {
		t.Errorf("another service to v1: %+v", s)
	}
	timeout := is
	timeout.Priority = 3
	for name, c := range map[string]struct {
		edit Edit
		want expectation
	}{
		"not weights":   {step(is, timeout), expectation{touched: map[string]bool{"v1": true, "v2": true}}},
		"one target":    {step(nil, one), expectation{touched: map[string]bool{"v1": true}}},
		"node":          {step(m.Nodes[3], both.Nodes[3]), expectation{touched: map[string]bool{"web": true}}},
		"service":       {step(nil, m.Services[0]), expectation{touched: map[string]bool{"v1": true}}},
		"routed":        {step(nil, m.Services[1]), expectation{touched: map[string]bool{"v1": true, "v2": true}}},
		"router":        {step(nil, m.Routers[0]), expectation{touched: map[string]bool{"v1": true, "v2": true}}},
		"gateway route": {step(nil, m.GatewayRoutes[0]), expectation{touched: map[string]bool{"gateway/front": true}}},
		"gateway":       {step(nil, m.Gateways[0]), expectation{touched: map[string]bool{"gateway/front": true}}},
		"settings":      {step(nil, m.Settings()), expectation{touched: map[string]bool{"other": true, "v1": true, "v2": true, "web": true, "gateway/front": true}}},
		"deleted node":  {step(m.Nodes[1], nil), expectation{gone: map[string]bool{"v1": true}}},
		"deleted route": {step(is, nil), expectation{}},
	} {
		got := expect([]Edit{c.edit}, m)
		if len(got.splits) != 0 || !sameSet(got.touched, c.want.touched) || !sameSet(got.gone, c.want.gone) {
			t.Errorf("%s: %+v", name, got)
		}
		if empty := name == "deleted route"; got.empty() != empty {
			t.Errorf("%s: empty %v", name, got.empty())
		}
	}
}

func sameSet(a, b map[string]bool) bool {
	return len(a) == len(b) && (len(a) == 0 || cmp.Equal(a, b))
}

func TestFlowAndQuiet(t *testing.T) {
	m := routed(route(target("v1", 1)))
	flow := &meter{plan: expect([]Edit{step(pooled(7), mesh.VirtualNode{Name: "v1"})}, m), since: landed}
	flow.read(after(1), []mesh.EdgeCount{count("web", "v1", 10, after(1))})
	if seen, _ := flow.read(after(2), []mesh.EdgeCount{count("web", "v1", 10, after(2))}); seen.Agrees != nil || seen.Note == "" {
		t.Errorf("no traffic says %+v", seen)
	}
	c := count("web", "v1", 30, after(3))
	c.Errors = 4
	if seen, _ := flow.read(after(3), []mesh.EdgeCount{c}); seen.Requests != 20 || seen.Errors != 4 || !*seen.Agrees {
		t.Errorf("got %+v", seen)
	}
	quiet := &meter{plan: expect([]Edit{step(mesh.VirtualNode{Name: "v1"}, nil)}, m), since: landed}
	quiet.read(after(1), []mesh.EdgeCount{count("web", "v1", 10, after(1))})
	if seen, _ := quiet.read(after(2), []mesh.EdgeCount{count("web", "v1", 10, after(2))}); seen.Agrees != nil {
		t.Errorf("too early: %+v", seen)
	}
	if seen, _ := quiet.read(after(9), []mesh.EdgeCount{count("web", "v1", 10, after(2))}); !*seen.Agrees {
		t.Errorf("got %+v", seen)
	}
	if seen, done := (&meter{plan: expect([]Edit{step(route(target("v1", 1)), nil)}, m)}).read(after(1), nil); seen != nil || !done {
		t.Errorf("nothing to measure: %+v, %v", seen, done)
	}
}
