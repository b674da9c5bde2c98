package health

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

// counter is stored metrics of a mesh in which a share of the requests to each node fails.
type counter struct {
	failing map[string]float64
	asked   []Question
	err     error
}

func (c *counter) Outcomes(_ context.Context, q Question) (map[string]Outcome, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.asked = append(c.asked, q)
	out := map[string]Outcome{}
	for node, share := range c.failing {
		all := 10 * q.Window.Seconds()
		out[node] = Outcome{Requests: all, Failed: all * share, Answered: all * (1 - share)}
	}
	return out, nil
}

func promisingMesh() mesh.Mesh {
	return mesh.Mesh{
		Name:   "shop",
		Health: &mesh.HealthLimits{Objective: &mesh.Objective{Availability: 0.999}},
		Services: []mesh.VirtualService{
			{Name: "ads", Node: "ads", Health: &mesh.HealthLimits{Objective: &mesh.Objective{}}},
			{Name: "cart", Node: "cart"},
			{Name: "reviews", Router: "reviews", Health: &mesh.HealthLimits{Objective: &mesh.Objective{
				Availability: 0.99, Latency: ptr(mesh.Duration(time.Second)), LatencyShare: 0.9, Period: mesh.Duration(15 * 24 * time.Hour),
			}}},
		},
		Routes: []mesh.Route{{Router: "reviews", Name: "primary", Targets: []mesh.WeightedTarget{{Node: "reviews-v1"}, {Node: "reviews-v2"}}}},
	}
}

// TestBudgets asks once for all services, again when it is due, and adds up a service's nodes.
func TestBudgets(t *testing.T) {
	source := &counter{failing: map[string]float64{"ads": 1, "cart": 0.002, "reviews-v1": 0, "reviews-v2": 0.1}}
	b := NewBudgets(source)
	now := time.UnixMilli(1_700_000_000_000)
	if err := b.Refresh(t.Context(), promisingMesh(), Default(), now); err != nil {
		t.Fatal(err)
	}
	got := b.Burns("shop", now)
	if len(got) != 2 || len(got["cart"]) != 4 || len(got["reviews"]) != 8 {
		t.Fatalf("%+v", got)
	}
	if r := got["cart"][0].LongRate; r < 1.99 || r > 2.01 {
		t.Errorf("cart burns at %v, want 2", r)
	}
	if r := got["reviews"][3]; r.ShortRate < 4.99 || r.ShortRate > 5.01 || r.Long != 36*time.Hour {
		t.Errorf("reviews burns at %+v, want 5", r)
	}
	first := source.asked
	if len(first) != 14 || !slices.IsSortedFunc(first, func(a, b Question) int { return int(a.Window - b.Window) }) {
		t.Errorf("%d questions: %v", len(first), first)
	}
	for _, q := range first {
		if q.Mesh != "shop" || !q.At.Equal(now) || q.Latency != 0 && q.Latency != time.Second {
			t.Errorf("%+v", q)
		}
	}

	source.asked = nil
	if err := b.Refresh(t.Context(), promisingMesh(), Default(), now.Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	var windows []time.Duration
	for _, q := range source.asked {
		windows = append(windows, q.Window)
	}
	if d := cmp.Diff([]time.Duration{150 * time.Second, 5 * time.Minute}, windows); d != "" {
		t.Errorf("counted again after 10 s: %s", d)
	}
}

// TestBudgetsWithoutAnswers says that what was counted stands for a while, and then is not known.
func TestBudgetsWithoutAnswers(t *testing.T) {
	source := &counter{failing: map[string]float64{"cart": 0.1}}
	b := NewBudgets(source)
	now := time.UnixMilli(1_700_000_000_000)
	m := promisingMesh()
	if err := b.Refresh(t.Context(), m, Default(), now); err != nil {
		t.Fatal(err)
	}
	source.err = mesh.Errorf(mesh.Unavailable, "the store is away")
	err := b.Refresh(t.Context(), m, Default(), now.Add(20*time.Second))
	if mesh.CodeOf(err) != mesh.Unavailable || !errors.Is(err, source.err) || !strings.Contains(err.Error(), "mesh shop") {
		t.Errorf("got %v", err)
	}
	if n := len(b.Burns("shop", now.Add(20*time.Second))["cart"]); n != 4 {
		t.Errorf("%d burns after one failure", n)
	}
	_ = b.Refresh(t.Context(), m, Default(), now.Add(2*time.Minute)) // fails again
	for _, burn := range b.Burns("shop", now.Add(2*time.Minute))["cart"] {
		if burn.Short < 10*time.Minute {
			t.Errorf("what was counted two minutes ago still stands for %s", burn.Short)
		}
	}
	if got := b.Burns("shop", now.Add(time.Hour)); got != nil {
		t.Errorf("nobody refreshed for an hour: %v", got)
	}
	if got := b.Burns("other", now); got != nil {
		t.Errorf("%v", got)
	}
	m.Health, m.Services[2].Health = nil, nil
	if err := b.Refresh(t.Context(), m, Default(), now); err != nil || b.Burns("shop", now) != nil {
		t.Errorf("no objectives any more: %v, %v", err, b.Burns("shop", now))
	}
}

// TestForget drops meshes that are gone.
func TestForget(t *testing.T) {
	b := NewBudgets(&counter{failing: map[string]float64{"cart": 0.1}})
	now := time.UnixMilli(1_700_000_000_000)
	if err := b.Refresh(t.Context(), promisingMesh(), Default(), now); err != nil {
		t.Fatal(err)
	}
	b.Forget(func(name string) bool { return name == "shop" })
	if b.Burns("shop", now) == nil {
		t.Error("a mesh that is there was forgotten")
	}
	b.Forget(func(string) bool { return false })
	if b.Burns("shop", now) != nil {
		t.Error("a mesh that is gone is remembered")
	}
}
