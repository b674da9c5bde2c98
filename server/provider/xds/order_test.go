package xds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"pgregory.net/rapid"
)

// bare makes a snapshot of resources without contents: clusters and endpoints by name and version.
func bare(of map[kind]map[string]string) *prepared {
	snap := &Snapshot{Resources: make(map[string]map[string]Resource)}
	for k, versions := range of {
		snap.Resources[k.url()] = make(map[string]Resource)
		for name, version := range versions {
			snap.Resources[k.url()][name] = Resource{Name: name, Version: version, Body: &anypb.Any{}}
		}
	}
	return prepare(snap, make(pool))
}

// talk drives a feed for one kind by hand.
type talk struct {
	t    *testing.T
	feed *feed
	kind kind
	p    *prepared
	last string // nonce
}

func (c *talk) say(req *discoveryv3.DeltaDiscoveryRequest) { c.feed.request(c.kind, req, time.Time{}) }

// want checks the next message: its resources and removals in order, "-" before a removal; nothing at all: no message.
func (c *talk) want(names ...string) {
	c.t.Helper()
	resp, _ := c.feed.next(c.p, time.Time{}.Add(time.Hour))
	var got []string
	for _, r := range resp.GetResources() {
		got = append(got, r.GetName())
	}
	for _, name := range resp.GetRemovedResources() {
		got = append(got, "-"+name)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		c.t.Errorf("next message (-want +got):\n%s", diff)
	}
	if resp != nil {
		c.last = resp.GetNonce()
	}
}

func (c *talk) ack() { c.say(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: c.last}) }

func (c *talk) nack(words string) {
	c.say(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: c.last, ErrorDetail: &statuspb.Status{Message: words}})
}

func newTalk(t *testing.T, k kind, versions map[string]string) *talk {
	return &talk{t: t, feed: newFeed(time.Time{}), kind: k, p: bare(map[kind]map[string]string{k: versions})}
}

func subscribe(names ...string) *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: names}
}

func unsubscribe(names ...string) *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{ResourceNamesUnsubscribe: names}
}

func TestSubscriptions(t *testing.T) {
	t.Run("by name", func(t *testing.T) {
		c := newTalk(t, endpoints, map[string]string{"a": "1", "b": "1"})
		c.say(subscribe("a", "none"))
		c.want("a", "-none")
		c.say(subscribe("b")) // While the first is unanswered: one in flight.
		c.want()
		c.ack()
		c.want("b")
		c.ack()
		c.want()
		c.say(subscribe("a")) // It may have dropped it: it is owed an answer.
		c.want("a")
		c.ack()
		c.say(unsubscribe("a"))
		c.p = bare(map[kind]map[string]string{endpoints: {"a": "2", "b": "2"}})
		c.want("b")
	})
	t.Run("unsubscribed in flight", func(t *testing.T) {
		c := newTalk(t, endpoints, map[string]string{"a": "1"})
		c.say(subscribe("a"))
		c.want("a")
		c.say(unsubscribe("a"))
		c.ack()
		c.say(subscribe("a"))
		c.want("a")
	})
	t.Run("wildcard", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1", "b": "1"})
		c.say(subscribe())
		c.want("a", "b")
		c.ack()
		c.p = bare(map[kind]map[string]string{clusters: {"b": "2", "c": "1"}})
		c.want("b", "c", "-a")
		c.ack()
		c.want()
		c.say(subscribe("c"))
		c.want("c")
		c.ack()
		c.say(unsubscribe("c")) // Still wanted by wildcard, and said so.
		c.want("c")
		c.ack()
		c.say(unsubscribe("*"))
		c.p = bare(map[kind]map[string]string{clusters: {"b": "3", "c": "2"}})
		c.want()
	})
	t.Run("explicit wildcard", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1"})
		c.say(subscribe("*"))
		c.want("a")
	})
	t.Run("nothing there", func(t *testing.T) {
		c := newTalk(t, clusters, nil)
		c.say(subscribe())
		resp, _ := c.feed.next(c.p, time.Time{})
		if resp == nil || len(resp.GetResources())+len(resp.GetRemovedResources()) != 0 {
			t.Errorf("response = %v, want an empty one, or the client waits for ever", resp)
		}
		c.last = resp.GetNonce()
		c.ack()
		c.want()
	})
	t.Run("initial versions", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"same": "1", "changed": "2"})
		c.say(&discoveryv3.DeltaDiscoveryRequest{InitialResourceVersions: map[string]string{"same": "1", "changed": "1", "gone": "1"}})
		c.want("changed", "-gone")
	})
	t.Run("stale nonce", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1"})
		c.say(subscribe())
		c.want("a")
		c.say(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "other"})
		c.p = bare(map[kind]map[string]string{clusters: {"a": "2"}})
		c.want()
		c.ack()
		c.want("a")
	})
}

func TestRefusals(t *testing.T) {
	t.Run("parked until it changes", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1"})
		c.say(subscribe())
		c.want("a")
		c.nack("no")
		c.want()
		c.p = bare(map[kind]map[string]string{clusters: {"a": "1", "b": "1"}})
		c.want("b")
		c.ack()
		c.p = bare(map[kind]map[string]string{clusters: {"a": "2", "b": "1"}})
		c.want("a")
		c.ack()
		c.want()
	})
	t.Run("Envoy blames one", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1", "ab": "1", "c": "1"})
		c.say(subscribe())
		c.want("a", "ab", "c")
		c.nack("Error adding/updating cluster(s) ab: bad")
		c.want("a", "c")
		c.ack()
		c.want()
	})
	t.Run("the message blames nobody", func(t *testing.T) {
		c := newTalk(t, clusters, map[string]string{"a": "1", "b": "1", "c": "1", "d": "1", "e": "1"})
		c.say(subscribe())
		c.want("a", "b", "c", "d", "e")
		c.nack("something is wrong")
		c.want("a", "b")
		c.ack()
		c.want("c", "d", "e")
		c.nack("something is wrong")
		c.want("c")
		c.ack()
		c.want("d", "e")
		c.nack("d is wrong")
		c.want("e")
		c.ack()
		c.want("d")
		c.nack("wrong")
		c.want()
	})
}

// TestAnyRefusalIsFound lets Envoy refuse any set of clusters, in any of its ways of saying so: in the end it runs the
// others, and no more is sent.
func TestAnyRefusalIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 12).Draw(t, "count")
		versions := make(map[string]string)
		var bad []string
		for i := range count {
			name := fmt.Sprintf("c%d", i)
			versions[name] = "1"
			if rapid.Bool().Draw(t, name) {
				bad = append(bad, name)
			}
		}
		verbose := rapid.Bool().Draw(t, "names the culprit")
		f := newFeed(time.Time{})
		p := bare(map[kind]map[string]string{clusters: versions})
		f.request(clusters, subscribe(), time.Time{})
		running := make(map[string]bool)
		for turn := 0; ; turn++ {
			resp, _ := f.next(p, time.Time{})
			if resp == nil {
				break
			}
			if turn > 4*count {
				t.Fatal("it never ends")
			}
			req := &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: resp.GetNonce()}
			for _, r := range resp.GetResources() {
				if slices.Contains(bad, r.GetName()) && req.GetErrorDetail() == nil {
					req.ErrorDetail = &statuspb.Status{Message: "wrong"}
					if verbose {
						req.ErrorDetail.Message = r.GetName() + " is wrong"
					}
				}
			}
			for _, r := range resp.GetResources() {
				if req.GetErrorDetail() == nil {
					running[r.GetName()] = true
				}
			}
			f.request(clusters, req, time.Time{})
		}
		for name := range versions {
			if running[name] == slices.Contains(bad, name) {
				t.Errorf("%s: running = %v", name, running[name])
			}
		}
	})
}

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

func TestNeeds(t *testing.T) {
	snap, err := Translate(Input{
		Mesh:  shop{weights: map[string]int{"v1": 1, "v2": 0}}.mesh(),
		Proxy: Identity{Mesh: "shop", Node: "web", NodeID: "x", Bind: "127.0.0.1", EgressPort: 15001},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := prepare(snap, make(pool))
	var got []string
	for k := range kind(kinds) {
		for _, name := range sortedNames(p.sets[k].byName) {
			for _, need := range p.sets[k].byName[name].needs {
				got = append(got, fmt.Sprintf("%s %s → %s %s", k, name, need.kind, need.name))
			}
		}
	}
	want := []string{
		"cluster cds_egress_shop_v1_http_8080 → endpoint cds_egress_shop_v1_http_8080",
		"cluster cds_egress_shop_v2_http_8080 → endpoint cds_egress_shop_v2_http_8080",
		"listener lds_egress_127.0.0.1_15001 → route rds_egress_http_15001",
		"route rds_egress_http_15001 → cluster cds_egress_shop_v1_http_8080",
		"route rds_egress_http_15001 → cluster cds_egress_shop_v2_http_8080",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
}

func TestDeliveries(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var d deliveries
	d.add(1, []string{"a", "b", "c"}, nil, at(1))
	d.add(2, []string{"a"}, map[string]struct{}{"g": {}}, at(2))
	d.acked("a", 2, at(3)) // Runs 1 as well.
	d.refused("b", 1, "no", at(4))
	d.left("c", at(5))
	if got, _ := d.get(1); got.Done() || got.Acked != 1 || got.Total != 3 || len(got.Rejected) != 1 || !got.At.IsZero() {
		t.Errorf("delivery 1 = %+v", got)
	}
	if got, _ := d.get(2); !got.Done() || !got.At.Equal(at(3)) {
		t.Errorf("delivery 2 = %+v", got)
	}
	d.expire(at(9))
	d.joined("c", "g")
	d.expire(at(60)) // It came back in time.
	if got, _ := d.get(1); got.Total != 3 {
		t.Errorf("delivery 1 = %+v", got)
	}
	d.left("c", at(61))
	d.expire(at(66))
	if got, _ := d.get(1); !got.Done() || got.Total != 2 || !slices.Equal(got.Proxies, []string{"a", "b"}) {
		t.Errorf("delivery 1 = %+v", got)
	}
	for revision := int64(3); revision < keepDeliveries+10; revision++ {
		d.add(revision, []string{"a"}, nil, at(70))
	}
	if _, ok := d.get(9); ok || len(d.byRevision) != keepDeliveries || len(d.open) != keepDeliveries {
		t.Errorf("%d deliveries are kept, %d of them open, want %d", len(d.byRevision), len(d.open), keepDeliveries)
	}
}

func TestBlames(t *testing.T) {
	for _, tc := range []struct {
		message, name string
		want          bool
	}{
		{"Error adding/updating cluster(s) a: no, b: no", "b", true},
		{"Error adding/updating cluster(s) ab: no", "a", false},
		{"Error adding/updating cluster(s) ab: no", "b", false},
		{"route: unknown weighted cluster 'nope'", "nope", true},
		{"a", "a", true},
		{strings.Repeat("a", 1000), "a", false},
	} {
		if got := blames(tc.message, tc.name); got != tc.want {
			t.Errorf("blames(%.50q, %q) = %v", tc.message, tc.name, got)
		}
	}
}
