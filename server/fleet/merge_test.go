package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/provider"
)

func moment(second int) time.Time { return time.Unix(int64(second), 0) }

func connection(id string, second int) provider.Proxy {
	return provider.Proxy{ID: id, State: provider.Synced, Since: moment(second)}
}

// However proxies are spread over replicas, the sum is what one replica with all of them would say.
func TestDeliverAnyPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := provider.Delivery{Revision: 7}
		views := make([]view, rapid.IntRange(1, 4).Draw(t, "replicas"))
		for i := range views {
			views[i] = view{replica: fmt.Sprint("r", i), applied: 7, deliveries: []provider.Delivery{{Revision: 3}, {Revision: 7}}}
		}
		waiting := false
		for i := range rapid.IntRange(0, 12).Draw(t, "proxies") {
			v := &views[rapid.IntRange(0, len(views)-1).Draw(t, "at")]
			id, at := fmt.Sprintf("p%02d", i), moment(rapid.IntRange(1, 99).Draw(t, "second"))
			v.proxies = append(v.proxies, connection(id, 1))
			for _, d := range []*provider.Delivery{&want, &v.deliveries[1]} {
				d.Total++
				d.Proxies = append(d.Proxies, id)
			}
			switch rapid.IntRange(0, 4).Draw(t, "answer") {
			case 0:
				waiting = true
				continue
			case 1:
				refusal := provider.Rejection{Proxy: id, Message: "no"}
				want.Rejected, v.deliveries[1].Rejected = append(want.Rejected, refusal), append(v.deliveries[1].Rejected, refusal)
			default:
				want.Acked++
				v.deliveries[1].Acked++
			}
			for _, d := range []*provider.Delivery{&want, &v.deliveries[1]} {
				if at.After(d.At) {
					d.At = at
				}
			}
		}
		if waiting {
			want.At = time.Time{}
		}
		for i := range views {
			if d := &views[i].deliveries[1]; !d.Done() {
				d.At = time.Time{}
			}
		}
		got, ok := deliver(views, 7)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Fatalf("known %t (-want +got):\n%s", ok, diff)
		}
		if got.Done() == waiting {
			t.Fatalf("done %t, waiting %t", got.Done(), waiting)
		}
	})
}

func TestDeliver(t *testing.T) {
	here := view{applied: 7, proxies: []provider.Proxy{connection("a", 1)}, deliveries: []provider.Delivery{
		{Revision: 7, Acked: 1, Total: 1, Proxies: []string{"a"}, At: moment(5)},
	}}
	for name, c := range map[string]struct {
		views              []view
		acked, total       int
		done, known, ended bool
	}{
		"alone":               {views: []view{here}, acked: 1, total: 1, done: true, known: true, ended: true},
		"nobody knows it":     {views: []view{{applied: 9}, {applied: 9}}, done: true},
		"one without proxies": {views: []view{here, {applied: 3}}, acked: 1, total: 1, done: true, known: true, ended: true},
		"one has not heard of it": {
			views: []view{here, {applied: 6, proxies: []provider.Proxy{connection("b", 1), {ID: "c", State: provider.Gone}}}},
			acked: 1, total: 2, known: true,
		},
		"this one has not heard of it": {
			views: []view{{applied: 6, proxies: []provider.Proxy{connection("b", 1)}}, here}, acked: 1, total: 2, known: true,
		},
		"one was given a later one at once": {
			views: []view{here, {applied: 8, deliveries: []provider.Delivery{{Revision: 8, Total: 2, Acked: 1, Proxies: []string{"b", "c"}}}}},
			acked: 2, total: 3, known: true,
		},
		"a proxy that acknowledged at both": {
			views: []view{here, {
				replica: "other", applied: 7, proxies: []provider.Proxy{connection("a", 9)},
				deliveries: []provider.Delivery{{Revision: 7, Acked: 1, Total: 1, Proxies: []string{"a"}, At: moment(9)}},
			}},
			acked: 1, total: 1, done: true, known: true, ended: true,
		},
		"a proxy that left before it answered": {
			views: []view{{applied: 7, deliveries: []provider.Delivery{{Revision: 7, Acked: 1, Total: 2, Proxies: []string{"a", "b"}}}}, {
				replica: "other", applied: 7, proxies: []provider.Proxy{connection("a", 9)},
				deliveries: []provider.Delivery{{Revision: 7, Acked: 1, Total: 1, Proxies: []string{"a"}, At: moment(9)}},
			}},
			acked: 2, total: 2, done: true, known: true,
		},
		"a proxy that refused it where it was": {
			views: []view{{applied: 7, deliveries: []provider.Delivery{{
				Revision: 7, Total: 1, Proxies: []string{"a"}, Rejected: []provider.Rejection{{Proxy: "a"}}, At: moment(3),
			}}}, {
				replica: "other", applied: 7, proxies: []provider.Proxy{connection("a", 9)},
				deliveries: []provider.Delivery{{Revision: 7, Total: 1, Proxies: []string{"a"}}},
			}},
			total: 1, known: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, known := deliver(c.views, 7)
			if d.Acked != c.acked || d.Total != c.total || len(d.Proxies) != c.total || d.Done() != c.done || known != c.known {
				t.Errorf("%+v, known %t", d, known)
			}
			if d.At.IsZero() == c.ended {
				t.Errorf("at %s", d.At)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	gone := provider.Proxy{ID: "a", State: provider.Gone, Since: moment(9)}
	here, other := view{}, view{replica: "other"}
	for name, c := range map[string]struct {
		here, other []provider.Proxy
		want        []string // ID@replica
	}{
		"each":               {[]provider.Proxy{connection("b", 1)}, []provider.Proxy{connection("a", 1)}, []string{"a@other", "b@"}},
		"newest connection":  {[]provider.Proxy{connection("a", 1)}, []provider.Proxy{connection("a", 2)}, []string{"a@other"}},
		"came back here":     {[]provider.Proxy{connection("a", 3)}, []provider.Proxy{connection("a", 2)}, []string{"a@"}},
		"connected wins":     {[]provider.Proxy{gone}, []provider.Proxy{connection("a", 1)}, []string{"a@other"}},
		"connected here":     {[]provider.Proxy{connection("a", 1)}, []provider.Proxy{gone}, []string{"a@"}},
		"equal: this one":    {[]provider.Proxy{gone}, []provider.Proxy{gone}, []string{"a@"}},
		"nobody has a proxy": {},
	} {
		t.Run(name, func(t *testing.T) {
			here.proxies, other.proxies = c.here, c.other
			var got []string
			for _, p := range join([]view{here, other}) {
				got = append(got, p.ID+"@"+p.Replica)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestClock(t *testing.T) {
	var c clock
	c.sync(moment(10), moment(12), moment(100))
	if c.ahead != 89*time.Second {
		t.Errorf("%s ahead, want 89s", c.ahead)
	}
	c.sync(moment(20), moment(24), moment(110)) // 86 to 90: it agrees
	if c.ahead != 89*time.Second {
		t.Errorf("%s ahead, want 89s still", c.ahead)
	}
	c.sync(moment(30), moment(32), moment(61))
	if c.ahead != 30*time.Second {
		t.Errorf("%s ahead after the clock was set, want 30s", c.ahead)
	}
}

func TestDocuments(t *testing.T) {
	p, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s, err := p.readState(p.state([]byte(`{"clock":5,"meshes":[{"name":"m","applied":4,"proxies":[{"id":"a","state":"synced","since":"2026-01-01T00:00:00Z"}]}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	s.shift(time.Hour)
	if got := s.Meshes[0].Proxies[0]; got.Since.Hour() != 1 || !got.AckedAt.IsZero() || s.Meshes[0].Applied != 4 {
		t.Errorf("%+v", s)
	}
	want := counts{Taken: 1234}
	for _, name := range []string{"", "m", "모"} {
		want.Meshes = append(want.Meshes, metrics.Told{Mesh: name, Report: []byte(name + "!")})
	}
	packed := p.counts(want)
	got, err := p.readCounts(packed)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, broken := range [][]byte{nil, packed[:len(packed)/2], []byte("what"), p.enc.EncodeAll([]byte{1, 200}, nil)} {
		if c, err := p.readCounts(broken); err == nil {
			t.Errorf("%q was read as %+v", broken, c)
		}
	}
}
