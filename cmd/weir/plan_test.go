package main

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// TestPlanText tells everything of a forecast once, and what others named cannot steer the terminal.
func TestPlanText(t *testing.T) {
	high, came, at := 20.0, 29.5, time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)
	route := mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}
	p := &plan.Plan{
		Steps:       []plan.Step{{Object: route, Field: "weight v2", Before: "5 %", After: "25 %"}, {Object: route, Before: "v1 100 %"}, {Object: mesh.Ref{Kind: mesh.KindNode}, Field: "more objects", After: "9 created"}},
		Proxies:     &plan.Proxies{Total: 12, Connected: 40, IDs: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}},
		Shifts:      []plan.Shift{{Route: "reviews/primary", Node: "v2", ShareBefore: 0.05, ShareAfter: 0.25, RateBefore: 6, RateAfter: 30, Measured: &came}},
		Loads:       []plan.Load{{Node: "v2", Instances: 2, PerInstance: 3, After: 25, Highest: &high, HighestAt: &at, Over: true}, {Node: "v3"}},
		Pools:       []plan.Headroom{{Node: "v2", Limit: "maxConnections", Value: 10, Used: 3, After: 15, Over: true}, {Node: "v2", Limit: "maxRequests", Value: 10, After: 9}},
		Unreachable: []plan.Unreachable{{Object: route, Why: plan.Say("lost.shadowed", "by", "all")}},
		DryRun:      []plan.DryRun{{For: "node web", Message: "no such\n\x1b[31mthing"}, {For: "gateway front", OK: true}},
		Notes:       []plan.Note{plan.Say("pool.refusing", "node", "v1", "rate", "2.0")},
	}
	got := strings.Join(strings.Fields(planText(p)), " ")
	for _, want := range []string{
		"route reviews/primary weight v2 5 % 25 %", "route reviews/primary v1 100 % deleted", "node more objects - 9 created",
		"12 of 40 proxies would get new configuration: a, b, c, d, e, f, g, h, i, j and 2 more",
		"reviews/primary v2 5 % 25 % 6.0 30.0 +24.0 29.5", "v2 2 3.0 25.0 20.0 at", "MORE THAN EVER", "v3 0 0.0 0.0 not known",
		"v2 maxConnections 3.0 15.0 10 TOO SMALL", "v2 maxRequests 0.0 9.0 10 TIGHT", "all is tried first",
		"node web REFUSES it: no such ·[31mthing", "gateway front accepts it", "note: v1 refuses 2.0 requests/s",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if planText(nil) != "" || proxiesText(&plan.Proxies{}) == "" || proxiesText(&plan.Proxies{Connected: 3}) != "none of 3 proxies would get new configuration" {
		t.Error("a plan without proxies")
	}
}
