package xds

import (
	"maps"
	"slices"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"pgregory.net/rapid"
)

// TestOrderHoldsForAnyMeshes walks a feed through random meshes, each replaced at a random moment, with an Envoy that
// checks what it is told (as xdstest's does).
func TestOrderHoldsForAnyMeshes(t *testing.T) {
	identity := Identity{Mesh: "shop", Node: "web", NodeID: "mesh/shop/virtualNode/web", Bind: "127.0.0.1", EgressPort: 15001}
	versions := []string{"v1", "v2", "v3", "v4"}
	rapid.Check(t, func(t *rapid.T) {
		known := make(pool)
		draw := func() *prepared {
			sh := shop{weights: make(map[string]int)}
			for _, v := range versions {
				if rapid.Bool().Draw(t, v) {
					sh.weights[v] = rapid.IntRange(1, 3).Draw(t, "weight")
				}
			}
			if len(sh.weights) == 0 {
				sh.weights["v1"] = 1
			}
			sh.outliers = rapid.IntRange(0, 2).Draw(t, "outliers")
			snap, err := Translate(Input{Mesh: sh.mesh(), Proxy: identity})
			if err != nil {
				t.Fatal(err)
			}
			return prepare(snap, known)
		}
		model := newModel(t)
		f := newFeed(time.Time{})
		p := draw()
		f.request(clusters, subscribe(), time.Time{})
		f.request(listeners, subscribe(), time.Time{})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "action") == 0 {
				p = draw()
			}
			model.turn(f, p, rapid.Bool().Draw(t, "answers"))
		}
		for range 200 {
			if !model.turn(f, p, true) {
				break
			}
		}
		if _, st := f.next(p, time.Time{}); st.state != accepted {
			t.Fatalf("standing = %+v, want everything accepted", st)
		}
		for k := range kind(kinds) {
			if want, got := slices.Sorted(maps.Keys(p.sets[k].byName)), slices.Sorted(maps.Keys(model.runs[k])); !slices.Equal(want, got) {
				t.Errorf("%s: runs %v, want %v", k, got, want)
			}
		}
	})
}

// model is an Envoy that answers late: a response is applied when it comes and acknowledged when the test says.
type model struct {
	t       *rapid.T
	runs    [kinds]map[string]*resource
	waiting []func()
	warming map[string]bool
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, warming: make(map[string]bool)}
	for k := range m.runs {
		m.runs[k] = make(map[string]*resource)
	}
	return m
}

// turn takes all that the feed has to send, and then answers one response if it may; false if there was nothing to do.
func (m *model) turn(f *feed, p *prepared, answer bool) bool {
	did := false
	for {
		resp, _ := f.next(p, time.Time{})
		if resp == nil {
			break
		}
		did = true
		k, _ := kindOf(resp.GetTypeUrl())
		m.take(f, k, f.tracks[k].flight.sent)
		nonce := resp.GetNonce()
		m.waiting = append(m.waiting, func() {
			f.request(k, &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: nonce}, time.Time{})
		})
	}
	if answer && len(m.waiting) > 0 {
		did = true
		m.waiting[0]()
		m.waiting = m.waiting[1:]
	}
	return did
}

func (m *model) take(f *feed, k kind, sent map[string]*resource) {
	for name, res := range sent {
		if res != nil {
			m.runs[k][name] = res
			continue
		}
		for _, user := range []kind{listeners, routes} {
			for _, r := range m.runs[user] {
				if k == clusters && slices.Contains(r.needs, ref{k, name}) {
					m.t.Errorf("cluster %s is removed while %s %s names it", name, user, r.name)
				}
			}
		}
		delete(m.runs[k], name)
	}
	switch k {
	case clusters:
		var more, less []string
		for name := range sent {
			if m.runs[clusters][name] != nil && m.runs[endpoints][name] == nil {
				more = append(more, name)
				m.warming[name] = true
			}
			if m.runs[clusters][name] == nil {
				less = append(less, name)
				delete(m.runs[endpoints], name)
				delete(m.warming, name)
			}
		}
		f.request(endpoints, &discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: more, ResourceNamesUnsubscribe: less}, time.Time{})
	case endpoints:
		for name := range sent {
			delete(m.warming, name)
		}
	case listeners:
		for _, r := range m.runs[listeners] {
			for _, need := range r.needs {
				if need.kind == routes && m.runs[routes][need.name] == nil {
					f.request(routes, subscribe(need.name), time.Time{})
				}
			}
		}
	case routes:
		for _, res := range sent {
			for _, need := range res.needs {
				if m.runs[clusters][need.name] == nil || m.warming[need.name] {
					m.t.Errorf("route %s names cluster %s, which does not run or is not warm", res.name, need.name)
				}
			}
		}
	}
}
