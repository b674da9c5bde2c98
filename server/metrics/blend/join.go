package blend

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Join adds to an observation what another one has beyond it: edges by their ends, everything else by the node.
func Join(first, more mesh.Observation) mesh.Observation {
	if len(more.Edges) > 0 {
		first.Edges = joinEdges(first.Edges, more.Edges)
	}
	first.Nodes = joinNodes(first.Nodes, more.Nodes)
	first.Reporting += more.Reporting
	first.Oldest = older(first.Oldest, more.Oldest)
	first.Proxies = joined(first.Proxies, more.Proxies)
	first.Fresh = first.Fresh && more.Fresh
	first.Partial = first.Partial || more.Partial
	first.Notes = append(slices.Clip(first.Notes), more.Notes...)
	first.Silent = first.Silent && more.Silent
	return first
}

type ends struct{ from, to string }

func joinEdges(first, more []mesh.Edge) []mesh.Edge {
	known := make(map[ends]bool, len(first))
	for i := range first {
		known[ends{first[i].From, first[i].To}] = true
	}
	all := slices.Clone(first)
	for i := range more {
		if !known[ends{more[i].From, more[i].To}] {
			all = append(all, more[i])
		}
	}
	slices.SortStableFunc(all, func(a, b mesh.Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return all
}

// joinNodes merges what is known of nodes. Neither list is changed.
func joinNodes(first, more []mesh.Arrival) []mesh.Arrival {
	if len(more) == 0 {
		return first
	}
	if len(first) == 0 {
		return more
	}
	all := make([]mesh.Arrival, 0, len(first)+len(more))
	for len(first) > 0 && len(more) > 0 {
		switch order := cmp.Compare(first[0].ID, more[0].ID); {
		case order < 0:
			all, first = append(all, first[0]), first[1:]
		case order > 0:
			all, more = append(all, more[0]), more[1:]
		default:
			all = append(all, joinNode(first[0], &more[0]))
			first, more = first[1:], more[1:]
		}
	}
	return append(append(all, first...), more...)
}

// joinNode adds what only the second knows of a node.
func joinNode(a mesh.Arrival, more *mesh.Arrival) mesh.Arrival {
	if !a.Received && more.Received {
		a.Traffic, a.Received = more.Traffic, true
	}
	if !a.Pooled && more.Pooled {
		a.Pool, a.Pooled = more.Pool, true
	}
	if a.At.IsZero() {
		a.At = more.At
	}
	if a.Unrouted == 0 {
		a.Unrouted = more.Unrouted
	}
	return a
}

// older gives the older of two times; zero is none.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// joined gives the first map with what only the second has. Neither is changed.
func joined[V any](first, more map[string]V) map[string]V {
	if len(more) == 0 {
		return first
	}
	if len(first) == 0 {
		return more
	}
	all := maps.Clone(more)
	maps.Copy(all, first)
	return all
}

// joinPlots fills the moments of which the first plot knows nothing.
func joinPlots(first, more mesh.Plot) mesh.Plot {
	if !slices.Equal(first.At, more.At) {
		first.Partial = true
		first.Notes = append(slices.Clip(first.Notes), "a source answered with other moments; its numbers are left out")
		return first
	}
	columns := func(p *mesh.Plot) []*[]float64 {
		return []*[]float64{
			&p.ErrorRatio, &p.P50, &p.P95, &p.P99, &p.BytesRate, &p.Connections, &p.Pending, &p.Overflow, &p.RequestRate,
		}
	}
	into, from := columns(&first), columns(&more)
	lack := slices.Clone(first.RequestRate)
	for c := range into {
		*into[c] = slices.Clone(*into[c])
		for i := range *into[c] {
			if math.IsNaN(lack[i]) && math.IsNaN((*into[c])[i]) {
				(*into[c])[i] = (*from[c])[i]
			}
		}
	}
	first.Partial = first.Partial || more.Partial
	first.Notes = append(slices.Clip(first.Notes), more.Notes...)
	return first
}

// joinFilms adds the edges that the first film does not have, and the moments at which it knows nothing of one. Films over
// the same span have the same moments; a source that widened its steps is left out, and that is noted.
func joinFilms(first, more mesh.Film) mesh.Film {
	if len(more.Edges) == 0 {
		first.Partial = first.Partial || more.Partial
		first.Notes = append(slices.Clip(first.Notes), more.Notes...)
		return first
	}
	if !slices.Equal(first.At, more.At) && len(first.Edges) > 0 {
		first.Partial = true
		first.Notes = append(first.Notes, "a source answered with other moments; its edges are left out")
		return first
	}
	if len(first.Edges) == 0 {
		more.Partial = more.Partial || first.Partial
		more.Notes = append(slices.Clip(first.Notes), more.Notes...)
		return more
	}
	first.Refused, more.Refused = filled(first), filled(more)
	known := make(map[ends]int, len(first.Edges))
	for i, e := range first.Edges {
		known[ends{e.From, e.To}] = i
	}
	for i, e := range more.Edges {
		if have, ok := known[ends{e.From, e.To}]; ok {
			for at := range first.At {
				if math.IsNaN(first.RequestRate[at][have]) {
					first.RequestRate[at][have] = more.RequestRate[at][i]
					first.ErrorRatio[at][have], first.P95[at][have] = more.ErrorRatio[at][i], more.P95[at][i]
					first.Refused[at][have] = more.Refused[at][i]
				}
			}
			continue
		}
		first.Edges = append(first.Edges, e)
		for at := range first.At {
			first.RequestRate[at] = append(first.RequestRate[at], more.RequestRate[at][i])
			first.ErrorRatio[at] = append(first.ErrorRatio[at], more.ErrorRatio[at][i])
			first.P95[at] = append(first.P95[at], more.P95[at][i])
			first.Refused[at] = append(first.Refused[at], more.Refused[at][i])
		}
	}
	first.Partial = first.Partial || more.Partial
	first.Notes = append(first.Notes, more.Notes...)
	return sorted(first)
}

// filled gives what a film knows of refusals, without numbers where it does not know any.
func filled(f mesh.Film) [][]float64 {
	if f.Refused != nil {
		return f.Refused
	}
	rows := make([][]float64, len(f.At))
	for at := range rows {
		rows[at] = make([]float64, len(f.Edges))
		for i := range rows[at] {
			rows[at][i] = math.NaN()
		}
	}
	return rows
}

// sorted puts a film's edges in order, and their numbers with them.
func sorted(f mesh.Film) mesh.Film {
	order := make([]int, len(f.Edges))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.Edges[a].From, f.Edges[b].From), cmp.Compare(f.Edges[a].To, f.Edges[b].To))
	})
	f.Edges = permuted(f.Edges, order)
	for at := range f.At {
		f.RequestRate[at] = permuted(f.RequestRate[at], order)
		f.ErrorRatio[at] = permuted(f.ErrorRatio[at], order)
		f.P95[at] = permuted(f.P95[at], order)
		f.Refused[at] = permuted(f.Refused[at], order)
	}
	return f
}

func permuted[T any](list []T, order []int) []T {
	out := make([]T, len(order))
	for i, from := range order {
		out[i] = list[from]
	}
	return out
}

func hasNumbers(column []float64) bool {
	return slices.ContainsFunc(column, func(v float64) bool { return !math.IsNaN(v) })
}

// lacking says whether a column has no number somewhere.
func lacking(column []float64) bool { return slices.ContainsFunc(column, math.IsNaN) }
