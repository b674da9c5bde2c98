// Package reading gives what one proxy reported lately, statistic by statistic: the newest value, and how fast it grows.
// It asks a store of metrics in PromQL and keeps nothing.
package reading

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// window is how far back values are read: some steps of the recorder, so that there is something to make a rate from.
const window = "1m"

// Store answers questions in PromQL; its errors are query.Error.
type Store interface {
	Query(ctx context.Context, expr string, at time.Time) (query.Answer, error)
}

// Ask says which statistics are wanted.
type Ask struct {
	Mesh, Proxy string
	// Text is words that all have to be in the name or in a label, in either case.
	Text   string
	Offset int
	Limit  int // zero: all
	At     time.Time
}

// Page is some of a proxy's statistics, sorted by name, then labels.
type Page struct {
	Total int    `json:"total"` // that were asked for, before offset and limit
	All   int    `json:"all"`   // that the proxy reported
	Stats []Stat `json:"items"` // never nil
	// Window is the time over which rates are.
	Window string `json:"window"`
}

// Stat is one statistic of a proxy.
type Stat struct {
	Name   string            `json:"name"` // as on Envoy's own Prometheus page
	Labels map[string]string `json:"labels"`
	// Value is the newest one: a counter's sum, a gauge's level, how many values a histogram took in.
	Value float64 `json:"value"`
	// Rate is by how much the value grew per second; nil for gauges, and where there is one sample only.
	Rate *float64 `json:"rate,omitempty"`
	// Mean is of the values that a histogram took in within the window, in the statistic's own unit (for times:
	// milliseconds); nil for others, and when there were none.
	Mean *float64  `json:"mean,omitempty"`
	At   time.Time `json:"at"` // when the value was stored
}

// Of gives a proxy's statistics. Errors are query.Error.
func Of(ctx context.Context, store Store, ask Ask) (Page, error) {
	expr := "{__name__=~\"envoy_.+\"," + metrics.LabelMesh + "=" + strconv.Quote(ask.Mesh) + "," + metrics.LabelProxy + "=" +
		strconv.Quote(ask.Proxy) + "}[" + window + "]"
	answer, err := store.Query(ctx, expr, ask.At)
	if err != nil {
		return Page{}, err
	}
	p := Page{All: len(answer.Matrix), Stats: []Stat{}, Window: window}
	words := strings.Fields(strings.ToLower(ask.Text))
	var chosen []query.Series
	for _, s := range answer.Matrix {
		text := strings.ToLower(textOf(s.Labels))
		if len(s.Points) > 0 && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			chosen = append(chosen, s)
		}
	}
	slices.SortFunc(chosen, func(a, b query.Series) int { return strings.Compare(textOf(a.Labels), textOf(b.Labels)) })
	p.Total = len(chosen)
	chosen = chosen[min(max(ask.Offset, 0), len(chosen)):]
	if ask.Limit > 0 {
		chosen = chosen[:min(ask.Limit, len(chosen))]
	}
	for _, s := range chosen {
		p.Stats = append(p.Stats, stat(s))
	}
	return p, nil
}

// ours are the labels that every series of a proxy has alike.
func ours(name string) bool {
	return name == metrics.LabelMesh || name == metrics.LabelProxy || name == metrics.LabelSourceNode || name == model.MetricNameLabel
}

// textOf is what a series is sorted and searched by: its name, then its own labels.
func textOf(l labels.Labels) string {
	var b strings.Builder
	b.WriteString(l.Get(model.MetricNameLabel))
	l.Range(func(label labels.Label) {
		if !ours(label.Name) {
			b.WriteString(" " + label.Name + "=" + label.Value)
		}
	})
	return b.String()
}

// stat reads a series: its newest point, and what came before.
func stat(s query.Series) Stat {
	first, last := s.Points[0], s.Points[len(s.Points)-1]
	out := Stat{Name: s.Labels.Get(model.MetricNameLabel), Labels: map[string]string{}, Value: last.V, At: time.UnixMilli(last.T).UTC()}
	s.Labels.Range(func(l labels.Label) {
		if !ours(l.Name) {
			out.Labels[l.Name] = l.Value
		}
	})
	if last.H != nil {
		out.Value = last.H.Count
	}
	seconds := float64(last.T-first.T) / 1000
	if seconds <= 0 || gauge(out.Name) {
		return out
	}
	grown, sum := 0.0, 0.0
	for i := 1; i < len(s.Points); i++ {
		count, total := step(s.Points[i-1], s.Points[i])
		grown += count
		sum += total
	}
	rate := grown / seconds
	out.Rate = &rate
	if last.H != nil && grown > 0 {
		mean := sum / grown
		out.Mean = &mean
	}
	return out
}

// step is by how much a counter grew from one point to the next (of a histogram: its count, and the sum of the values). A
// value below the one before means that the proxy began again at zero.
func step(from, to query.Point) (count, sum float64) {
	if from.H == nil || to.H == nil {
		if to.V < from.V {
			return to.V, 0
		}
		return to.V - from.V, 0
	}
	if to.H.Count < from.H.Count {
		return to.H.Count, to.H.Sum
	}
	return to.H.Count - from.H.Count, to.H.Sum - from.H.Sum
}

// gauge tells by its name that a statistic is a level and no sum: Envoy's documentation of statistics ("Statistics" of
// the cluster manager, clusters, listeners, HTTP connection managers and the server) lists these as gauges.
func gauge(name string) bool {
	for _, part := range []string{
		"_active", "membership_", "_state", "server_live", "server_uptime", "_memory_", "total_listeners", "warming", "remaining_",
		"_open", "_buffered", "_concurrency", "days_until", "num_keys", "num_layers", "_version", "max_host_weight", "_paused",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
