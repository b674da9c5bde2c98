package metrics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Each proxy's own counters are there one by one, as it last said them, and fall when it starts again.
func TestParts(t *testing.T) {
	l := New(Options{})
	a, b, stable := newProxy("m", "front", "1"), newProxy("m", "front", "2"), newProxy("m", "v1", "1")
	at := begin()
	push := func() {
		at = at.Add(500 * time.Millisecond)
		for _, p := range []*proxy{a, b, stable} {
			p.push(l, at)
		}
	}
	a.answer(egress("m", "v1"), 2, 1000) // before it was first seen
	push()
	a.answer(egress("m", "v1"), 5, 5)
	b.answer(egress("m", "v1"), 2, 7)
	stable.receive(2, 1000)
	stable.receive(4, 2)
	stable.receive(5, 5)
	push()
	want := []Part{
		{Proxy: "front-1", From: "front", To: "v1", Requests: 1005, Errors: 5},
		{Proxy: "front-2", From: "front", To: "v1", Requests: 7},
		{Proxy: "v1-1", To: "v1", Requests: 1007, Errors: 5},
	}
	check := func() {
		t.Helper()
		var got []Part
		l.Parts("m", func(p Part) { got = append(got, p) })
		if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b Part) bool { return a.Proxy < b.Proxy })); diff != "" {
			t.Error(diff)
		}
	}
	check()
	a.restart()
	a.answer(egress("m", "v1"), 2, 3)
	push()
	want[0].Requests, want[0].Errors = 3, 0
	check()
	l.Gone(b.src)
	want = append(want[:1], want[2])
	check()
	l.Parts("nobody", func(p Part) { t.Errorf("%+v of a mesh that is not there", p) })
}
