package xds

import (
	"fmt"
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

func TestReconnectedProxyKeepsWhatItsRoutesMayName(t *testing.T) {
	proxy := Identity{Mesh: "shop", Node: "web", NodeID: "x", Bind: "127.0.0.1", EgressPort: 15001}
	of := func(sh shop) *prepared {
		snap, err := Translate(Input{Mesh: sh.mesh(), Proxy: proxy})
		if err != nil {
			t.Fatal(err)
		}
		return prepare(snap, make(pool))
	}
	before, after := of(shop{weights: map[string]int{"v1": 1, "v2": 1}}), of(shop{weights: map[string]int{"v1": 1}})
	f := newFeed(time.Time{})
	ask := func(k kind) {
		req := &discoveryv3.DeltaDiscoveryRequest{InitialResourceVersions: make(map[string]string)}
		for name, res := range before.sets[k].byName {
			req.InitialResourceVersions[name] = res.version
			if k == endpoints || k == routes {
				req.ResourceNamesSubscribe = append(req.ResourceNamesSubscribe, name)
			}
		}
		f.request(k, req, time.Time{})
	}
	// The requests of one moment arrive one by one; the routes are the last.
	for _, k := range []kind{clusters, listeners, endpoints} {
		ask(k)
		if resp, _ := f.next(after, time.Time{}); resp != nil {
			t.Fatalf("after the request for %s: %v", k, resp)
		}
	}
	ask(routes)
	resp, _ := f.next(after, time.Time{})
	if resp.GetTypeUrl() != RouteType {
		t.Fatalf("response = %v, want the route first", resp)
	}
	f.request(routes, &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: resp.GetNonce()}, time.Time{})
	resp, _ = f.next(after, time.Time{})
	if diff := cmp.Diff([]string{"cds_egress_shop_v2_http_8080"}, resp.GetRemovedResources()); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
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
