package canary

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
)

// explain says in words what a verdict rests on: its first two reasons.
func explain(v judge.Verdict) string {
	var parts []string
	for _, why := range v.Why {
		if len(parts) == 2 {
			break
		}
		if s := reason(why); s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return "there is no evidence yet"
	}
	return strings.Join(parts, "; ")
}

func reason(r judge.Reason) string {
	arms := fmt.Sprintf("%s at canary against %s at stable", ratio(r.Canary), ratio(r.Stable))
	switch r.Rule {
	case judge.RuleEvidence:
		return fmt.Sprintf("%s %s", bad(r), arms)
	case judge.RuleFloor:
		return fmt.Sprintf("%s %s, above the floor of %s", bad(r), arms, percent(r.Bound))
	case judge.RuleSound:
		return fmt.Sprintf("not enough is known of %s yet, %s", bad(r), arms)
	case judge.RuleRequests:
		return fmt.Sprintf("canary has served %.0f of %.0f requests", r.Log, r.Bound)
	case judge.RuleHeld:
		return "there is some evidence against canary"
	case judge.RuleUnknown:
		return "nothing is known of " + bad(r)
	default:
		return ""
	}
}

// bad names what a reason counts.
func bad(r judge.Reason) string {
	if r.Metric == judge.Latency {
		return "requests slower than " + time.Duration(r.Boundary*float64(time.Second)).String()
	}
	return "errors"
}

func ratio(r judge.Rate) string { return fmt.Sprintf("%s of %.0f", percent(r.Ratio), r.Requests) }

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*10000)/100, 'f', -1, 64) + " %"
}
