package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.IntRange(0, maxWeight), 1, 10).Draw(t, "shares")
		all := rapid.IntRange(0, maxWeight).Draw(t, "whole")
		sum, parts := 0, spread(shares, all)
		for i, p := range parts {
			if p < 0 {
				t.Fatalf("part %d of %v is negative: %v", i, shares, parts)
			}
			sum += p
		}
		if sum != all {
			t.Fatalf("%v sum to %d, want %d", parts, sum, all)
		}
		for i := range shares {
			for k := range shares {
				if shares[i] > shares[k] && parts[i] < parts[k] {
					t.Fatalf("%v gives %v: a larger share got a smaller part", shares, parts)
				}
			}
		}
	})
}

func TestMoveThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		was := rapid.SliceOfN(rapid.IntRange(0, 1000), 1, 10).Draw(t, "was")
		row := rapid.IntRange(0, len(was)-1).Draw(t, "row")
		all := total(was)
		wanted := rapid.IntRange(0, all).Draw(t, "wanted")
		now := moveTo(was, row, wanted)
		if len(was) > 1 && now[row] != wanted {
			t.Fatalf("%v: row %d became %d, want %d", was, row, now[row], wanted)
		}
		if got := total(now); got != all {
			t.Fatalf("%v became %v: the sum moved", was, now)
		}
	})
}

func TestReadWeights(t *testing.T) {
	route := mesh.Route{Targets: []mesh.WeightedTarget{{Node: "a", Weight: 10}, {Node: "b", Weight: 30}, {Node: "c:d", Weight: 60}}}
	form := func(a, b, c string) func(string) string {
		fields := map[string]string{"weight.a": a, "weight.b": b, "weight.c:d": c, "was.a": "10", "was.b": "30", "was.c:d": "60"}
		return func(name string) string { return fields[name] }
	}
	for name, c := range map[string]struct {
		a, b, c, preset string
		want            []int
	}{
		"untouched":                {"10", "30", "60", "", []int{10, 30, 60}},
		"one number is enough":     {"55", "30", "60", "", []int{55, 15, 30}},
		"two leave the third":      {"20", "20", "60", "", []int{20, 20, 60}},
		"all touched are shares":   {"1", "1", "2", "", []int{1, 1, 2}},
		"no room for the rest":     {"90", "50", "60", "", []int{90, 50, 60}},
		"more than the whole":      {"150", "30", "60", "", []int{150, 30, 60}},
		"a preset":                 {"7", "7", "7", "c:d:100", []int{0, 0, 100}},
		"five more":                {"10", "30", "60", "a:+5", []int{15, 28, 57}},
		"not more than everything": {"10", "30", "60", "c:d:+50", []int{0, 0, 100}},
	} {
		d := readWeights(route, form(c.a, c.b, c.c))
		if c.preset == "" {
			d.settle()
		} else if !d.preset(c.preset) {
			t.Errorf("%s: the preset is not understood", name)
		}
		if diff := cmp.Diff(c.want, d.now); diff != "" || !d.ok() {
			t.Errorf("%s: %v %s", name, d.wrong, diff)
		}
	}
	for _, bad := range []string{"", "a", "a:", "a:x", "x:5", "a:101", "a:-5", "a:+-5"} {
		d := readWeights(route, form("10", "30", "60"))
		if d.preset(bad) {
			t.Errorf("the preset %q is understood as %v", bad, d.now)
		}
	}
}
