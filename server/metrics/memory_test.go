package metrics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// TestRowsAreApart says that rings which borrow, widen and give back memory in any order never see each other's counts.
func TestRowsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var store rows
		rings, marks := []*ring{}, []uint32{}
		for step := range uint32(rapid.IntRange(1, 40).Draw(t, "steps")) {
			switch at := rapid.IntRange(0, max(0, len(rings)-1)).Draw(t, "ring"); rapid.IntRange(0, 3).Draw(t, "do") {
			case 0, 1:
				r := &ring{}
				r.begin(&store, rapid.IntRange(columns, columns+maxBuckets).Draw(t, "width"), 0)
				for i := range nowRow + 1 {
					for col, n := range r.row(i) {
						if n != 0 {
							t.Fatalf("row %d begins with %d in column %d", i, n, col)
						}
						r.row(i)[col] = step + 1
					}
				}
				rings, marks = append(rings, r), append(marks, step+1)
			case 2:
				if len(rings) > 0 {
					before := rings[at].width
					rings[at].widen(min(before+rapid.IntRange(1, 40).Draw(t, "more"), columns+maxBuckets+1))
					for i := range nowRow + 1 {
						for col := before; col < rings[at].width; col++ {
							if rings[at].row(i)[col] != 0 {
								t.Fatalf("column %d of row %d is new and not zero", col, i)
							}
							rings[at].row(i)[col] = marks[at]
						}
					}
				}
			case 3:
				if len(rings) > 0 {
					rings[at].end()
					rings, marks = append(rings[:at:at], rings[at+1:]...), append(marks[:at:at], marks[at+1:]...)
				}
			}
			for j, r := range rings {
				for i := range nowRow + 1 {
					for col, n := range r.row(i) {
						if n != marks[j] {
							t.Fatalf("ring %d has %d in column %d of row %d, want %d", j, n, col, i, marks[j])
						}
					}
				}
			}
		}
	})
}

// TestRelease says that an observation on memory that was given back is what it would be on memory of its own, and that
// observations which were not given back stay as they are.
func TestRelease(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	step := func(clusters ...string) mesh.Observation {
		at = at.Add(time.Second)
		for _, c := range clusters {
			p.answer(egress("m", c), 5, 3)
			p.took(egress("m", c), 7, 3)
		}
		p.receive(2, 4)
		p.push(l, at)
		return l.Observe("m", MinWindow, at)
	}
	same := cmpopts.IgnoreFields(mesh.Observation{}, "Release")
	step("b", "c")
	kept := step("b", "c")
	first := step("b", "c", "d")
	first.Release()
	first.Release()
	second, own := l.Observe("m", MinWindow, at), l.Observe("m", MinWindow, at)
	if &first.Edges[0] != &second.Edges[0] || &second.Edges[0] == &own.Edges[0] {
		t.Error("memory that was given back is used again, and once")
	}
	if d := cmp.Diff(own, second, same); d != "" || len(own.Edges) != 3 || own.Edges[0].P99 == 0 {
		t.Errorf("%d edges; on memory used before: %s", len(own.Edges), d)
	}
	second.Release()
	at = at.Add(time.Minute) // nothing is left in the window: what was there must not show through
	empty, fresh := l.Observe("m", MinWindow, at), l.Observe("m", MinWindow, at)
	if d := cmp.Diff(fresh, empty, same); d != "" || fresh.Edges[0].Requests != 0 || fresh.Edges[0].P99 != 0 {
		t.Errorf("later: %s", d)
	}
	if len(kept.Edges) != 2 || kept.Edges[1].To != "c" || kept.Edges[1].Requests != 3 {
		t.Errorf("one that was kept was changed: %+v", kept.Edges)
	}
}
