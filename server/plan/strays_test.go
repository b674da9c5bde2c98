package plan

import (
	"fmt"
	"testing"
)

// TestStraysAreBounded: of thousands of callers without a route those with the most requests are named, and the rest counted.
func TestStraysAreBounded(t *testing.T) {
	m := maker{plan: &Plan{}, strays: make(map[[2]string]float64)}
	for i := range 5000 {
		m.strays[[2]string{"reviews", fmt.Sprintf("caller-%04d", i)}] = float64(i)
	}
	m.tellStrays()
	notes := m.plan.Notes
	if len(notes) != maxStrays+1 || notes[0].Values["caller"] != "caller-4999" || notes[maxStrays].Code != "flow.more" || notes[maxStrays].Values["n"] != "4990" {
		t.Errorf("%+v", notes)
	}
	m = maker{plan: &Plan{}, strays: map[[2]string]float64{{"reviews", "page"}: 2}}
	if m.tellStrays(); len(m.plan.Notes) != 1 || m.plan.Notes[0].Text != "2.0 requests/s of reviews from page would find no route" {
		t.Errorf("%+v", m.plan.Notes)
	}
}
