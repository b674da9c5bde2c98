package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// whole is what the weights of a route sum to when those in force sum to nothing.
const whole = 100

// maxWeight is App Mesh's.
const maxWeight = 1_000_000

// weights is a draft of one route's weights, row by row as the route lists its targets.
type weights struct {
	nodes []string
	typed []string // as they came
	was   []int    // as the form was drawn
	now   []int    // after presets and rebalancing; valid when no row has an error
	wrong []string // keys of the catalogue, "" for rows that are right
}

// readWeights reads the fields of a form of weights. field gives a field's value.
func readWeights(route mesh.Route, field func(string) string) weights {
	n := len(route.Targets)
	d := weights{nodes: make([]string, n), typed: make([]string, n), was: make([]int, n), now: make([]int, n), wrong: make([]string, n)}
	for i, t := range route.Targets {
		d.nodes[i] = t.Node
		d.typed[i] = strings.TrimSpace(field("weight." + t.Node))
		var err error
		if d.was[i], err = strconv.Atoi(field("was." + t.Node)); err != nil {
			d.was[i] = t.Weight
		}
		d.now[i], err = strconv.Atoi(d.typed[i])
		switch {
		case err != nil:
			d.wrong[i] = "split.error.number"
		case d.now[i] < 0 || d.now[i] > maxWeight:
			d.wrong[i] = "split.error.range"
		}
	}
	return d
}

// ok is true when every row is a weight.
func (d weights) ok() bool {
	return !slices.ContainsFunc(d.wrong, func(s string) bool { return s != "" })
}

// preset sets one target to a percentage of the whole, or with "+5" to so many points more, from the weights as they
// were drawn; the others share the rest as they did. ok is false for a preset that makes no sense.
func (d *weights) preset(pressed string) (ok bool) {
	i := strings.LastIndexByte(pressed, ':')
	if i < 0 {
		return false
	}
	row := slices.Index(d.nodes, pressed[:i])
	points, err := strconv.Atoi(strings.TrimPrefix(pressed[i+1:], "+"))
	if row < 0 || err != nil || points < 0 || points > 100 {
		return false
	}
	all := total(d.was)
	wanted := (points*all + 50) / 100
	if strings.HasPrefix(pressed[i+1:], "+") {
		wanted += d.was[row]
	}
	d.now = moveTo(d.was, row, min(wanted, all))
	d.typed = make([]string, len(d.now))
	d.wrong = make([]string, len(d.now))
	for i, w := range d.now {
		d.typed[i] = strconv.Itoa(w)
	}
	return true
}

// settle lets the rows that nobody touched take up what the touched ones left, so that without script one number is
// enough. When every row was touched, or there is no room, the numbers stand as they are: weights are shares.
func (d *weights) settle() {
	all, touched := total(d.was), 0
	var free []int
	for i := range d.now {
		if d.now[i] == d.was[i] {
			free = append(free, i)
		} else {
			touched += d.now[i]
		}
	}
	if len(free) == 0 || len(free) == len(d.now) || touched > all {
		return
	}
	shares := make([]int, len(free))
	for k, i := range free {
		shares[k] = d.was[i]
	}
	for k, part := range spread(shares, all-touched) {
		d.now[free[k]] = part
	}
}

func total(list []int) int {
	sum := 0
	for _, v := range list {
		sum += v
	}
	if sum == 0 {
		return whole
	}
	return sum
}

// moveTo gives the weights after one row moved; the others share the rest in proportion to what they had.
func moveTo(was []int, row, wanted int) []int {
	others := make([]int, 0, len(was)-1)
	for i, v := range was {
		if i != row {
			others = append(others, v)
		}
	}
	if len(others) == 0 {
		return []int{total(was)}
	}
	return slices.Insert(spread(others, total(was)-wanted), row, wanted)
}

// spread splits a whole number into whole parts in proportion to the shares, by the largest remainder; earlier parts
// win ties. Shares that are all zero count as equal.
func spread(shares []int, whole int) []int {
	sum := 0
	for _, s := range shares {
		sum += s
	}
	parts := make([]int, len(shares))
	order := make([]int, len(shares))
	rest := make([]int, len(shares))
	left := whole
	for i, s := range shares {
		over, under := whole*s, sum
		if sum == 0 {
			over, under = whole, len(shares)
		}
		parts[i], rest[i], order[i] = over/under, over%under, i
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left] {
		parts[i]++
	}
	return parts
}
