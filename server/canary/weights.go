package canary

import (
	"math"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// maxWeight is the largest weight that a target can have.
const maxWeight = 1_000_000

// weightOf gives a node's weight; 0 when it is not among the targets.
func weightOf(targets []mesh.WeightedTarget, node string) int {
	for _, t := range targets {
		if t.Node == node {
			return t.Weight
		}
	}
	return 0
}

// has says whether a node is among the targets.
func has(targets []mesh.WeightedTarget, node string) bool {
	return slices.ContainsFunc(targets, func(t mesh.WeightedTarget) bool { return t.Node == node })
}

// exactShare is canary's part in percent of what stable and canary have together.
func exactShare(targets []mesh.WeightedTarget, stable, canary string) float64 {
	c := weightOf(targets, canary)
	both := weightOf(targets, stable) + c
	if both == 0 {
		return 0
	}
	return 100 * float64(c) / float64(both)
}

// divide gives the targets with canary having so many percent of what stable and canary have together. The others keep
// their shares. Weights are scaled up where whole numbers would not do; at 0 and 100 percent they never are, so that a
// rollout that is taken back leaves what was there before.
func divide(targets []mesh.WeightedTarget, stable, canary string, percent int) []mesh.WeightedTarget {
	both := weightOf(targets, stable) + weightOf(targets, canary)
	scale := 1
	if rest := both * percent % 100; rest != 0 {
		scale = 100 / gcd(100, both)
		for _, t := range targets {
			if t.Weight > maxWeight/scale {
				scale = 1 // as near as whole numbers come
				break
			}
		}
	}
	if both*scale > maxWeight {
		scale = 1
	}
	forCanary := int(math.Round(float64(both*scale*percent) / 100))
	out := slices.Clone(targets)
	for i := range out {
		switch out[i].Node {
		case canary:
			out[i].Weight = forCanary
		case stable:
			out[i].Weight = both*scale - forCanary
		default:
			out[i].Weight *= scale
		}
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// sameShares says whether two lists of targets divide the traffic alike.
func sameShares(a, b []mesh.WeightedTarget) bool {
	sumA, sumB := sum(a), sum(b)
	if sumA == 0 || sumB == 0 {
		return sumA == sumB && len(a) == len(b)
	}
	alike := func(a, b []mesh.WeightedTarget, sumA, sumB int) bool {
		for _, t := range a {
			if math.Abs(float64(t.Weight)/float64(sumA)-float64(weightOf(b, t.Node))/float64(sumB)) > 1e-9 {
				return false
			}
		}
		return true
	}
	return alike(a, b, sumA, sumB) && alike(b, a, sumB, sumA)
}

func sum(targets []mesh.WeightedTarget) int {
	total := 0
	for _, t := range targets {
		total += t.Weight
	}
	return total
}

// adopt takes over targets that somebody else set: what was there before stays known as long as the other targets and
// the part of stable and canary together are as they were.
func adopt(before, held []mesh.WeightedTarget, stable, canary string) []mesh.WeightedTarget {
	if sameShares(divide(before, stable, canary, 0), divide(held, stable, canary, 0)) {
		return before
	}
	return slices.Clone(held)
}
