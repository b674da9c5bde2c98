package fleet_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// three runs three replicas with a proxy of web each, and of reviews at the first.
func three(t *testing.T) (all []*replica, proxies map[string]string) {
	t.Helper()
	url := database(t)
	proxies = make(map[string]string)
	for _, name := range []string{"a", "b", "c"} {
		r := start(t, url, name)
		r.apply(t, 1)
		r.envoy(t, "web", name)
		proxies["web-"+name] = name
		all = append(all, r)
	}
	all[0].envoy(t, "reviews", "1")
	proxies["reviews-1"] = "a"
	for _, r := range all {
		eventually(t, r.name+" lists every proxy", func() bool { return maps.Equal(r.listed(), r.seen(proxies)) })
	}
	return all, proxies
}

// seen is where proxies are, as a replica says it.
func (r *replica) seen(proxies map[string]string) map[string]string {
	out := maps.Clone(proxies)
	for id, at := range out {
		if at == r.name {
			out[id] = ""
		}
	}
	return out
}

func (r *replica) delivered(revision int64) provider.Delivery {
	d, _ := r.Delivery("shop", revision)
	return d
}

func TestDeliveryOfAllReplicas(t *testing.T) {
	t.Parallel()
	all, _ := three(t)
	a, b, c := all[0], all[1], all[2]
	changed, stop := a.Watch()
	defer stop()
	a.apply(t, 2)
	eventually(t, "a's own proxy runs it", func() bool { return a.xdsDone(2) })
	if d := a.delivered(2); d.Done() || d.Total < 3 || !d.At.IsZero() {
		t.Errorf("%+v, although b and c have not heard of it", d)
	}
	if _, ok := b.Delivery("shop", 7); ok {
		t.Error("b knows of a revision that nobody was given")
	}
	b.apply(t, 2)
	c.apply(t, 2)
	for _, r := range all {
		eventually(t, r.name+" knows that all of them run it", func() bool {
			d := r.delivered(2)
			return d.Done() && d.Acked == 3 && d.Total == 3 && !d.At.IsZero() &&
				slices.Equal(d.Proxies, []string{"web-a", "web-b", "web-c"})
		})
	}
	<-changed
}

func (r *replica) xdsDone(revision int64) bool {
	d, ok := r.xds.Delivery("shop", revision)
	return ok && d.Done() && d.Total > 0
}

func TestProxiesElsewhere(t *testing.T) {
	t.Parallel()
	all, _ := three(t)
	a, b := all[0], all[1]
	_, err := b.Dump("shop", "web-a", provider.Ask{Type: "cluster"})
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(fmt.Sprint(err), "replica a") {
		t.Errorf("%v, want the name of the replica", err)
	}
	if _, err := a.Dump("shop", "web-a", provider.Ask{Type: "cluster"}); err != nil {
		t.Error(err)
	}
	if _, err := a.Dump("shop", "nobody", provider.Ask{Type: "cluster"}); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("%v of a proxy that is nowhere", err)
	}
	for _, r := range all { // reviews is found by registration, at a
		eventually(t, r.name+" knows where reviews is", func() bool { return len(r.registry.Instances("shop")["reviews"]) == 1 })
	}
	eventually(t, "three replicas", func() bool {
		list := a.Replicas()
		return len(list) == 3 && list[0].Here && list[0].Name == "a" && list[0].Proxies == 2 && list[1].Name == "b" && list[1].Proxies == 1
	})
	p, err := a.Preview(t.Context(), shop(5).Mesh, 1)
	if err != nil || p.Connected != 4 || !slices.Equal(p.Changed, []string{"web-a", "web-b", "web-c"}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCountsOfAllReplicas(t *testing.T) {
	t.Parallel()
	all, _ := three(t)
	for i, r := range all {
		r.push(r.name, 10)
		r.push(r.name, float64(100*(i+1)))
	}
	for _, r := range all {
		eventually(t, r.name+" counts all of it", func() bool { return r.requests() == 600 })
	}
	// web-c goes to b, and goes on counting. What c tells of it after that is not counted again, nor what it is told.
	all[2].live.Gone(mesh.Source{Mesh: "shop", Proxy: "web-c", Node: "web"})
	all[1].push("c", 350)
	for _, r := range all {
		eventually(t, r.name+" counts it once", func() bool { return r.requests() == 650 })
	}
	all[1].push("c", 351)
	for _, r := range all {
		eventually(t, r.name+" counts what b tells", func() bool { return r.requests() == 651 })
	}
	for _, r := range all {
		parts := map[string]float64{}
		r.live.Parts("shop", func(p partOf) { parts[p.Proxy] = p.Requests })
		if want := map[string]float64{"web-a": 100, "web-b": 200, "web-c": 351}; !maps.Equal(parts, want) {
			t.Errorf("%s has the parts %v, want %v", r.name, parts, want)
		}
	}
}

func TestReplicaLeaves(t *testing.T) {
	t.Parallel()
	all, proxies := three(t)
	a, b, c := all[0], all[1], all[2]
	c.stop()
	delete(proxies, "web-c")
	for _, r := range []*replica{a, b} {
		eventually(t, r.name+" knows that c has gone", func() bool { return len(r.living()) == 2 && maps.Equal(r.listed(), r.seen(proxies)) })
	}
	a.apply(t, 2)
	b.apply(t, 2)
	eventually(t, "nobody waits for c", func() bool { d := a.delivered(2); return d.Done() && d.Total == 2 })

	// b is cut off: it is gone for a, and keeps what it knew itself.
	b.table.set(errors.New("cut off"))
	eventually(t, "b is gone for a", func() bool { return len(a.living()) == 1 })
	if got := b.listed(); !maps.Equal(got, b.seen(proxies)) {
		t.Errorf("b lists %v, want what it knew", got)
	}
	if len(b.registry.Instances("shop")["reviews"]) != 1 {
		t.Error("b forgot where reviews is")
	}
	b.table.set(nil)
	eventually(t, "b is back", func() bool { return maps.Equal(a.listed(), a.seen(proxies)) })
}

// A row that somebody removed is written again, with all that is in it.
func TestLostRow(t *testing.T) {
	t.Parallel()
	all, proxies := three(t)
	a, b := all[0], all[1]
	id := a.Replicas()[0].ID
	if err := b.table.DropReplicas(t.Context(), id, 1<<40); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a is there with its proxies", func() bool {
		rows, err := b.table.Replicas(t.Context())
		return err == nil && slices.ContainsFunc(rows, func(r rowOf) bool { return r.ID == id && r.StateSeq > 0 && r.CountsSeq > 0 }) &&
			maps.Equal(b.listed(), b.seen(proxies))
	})
}
