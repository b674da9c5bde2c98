package history

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/weirmesh/weir/server/metrics/query"
)

// window is the time that a question reads, in ms since 1970.
type window struct{ mint, maxt int64 }

// admit refuses questions that are wrong or that would read everything, before anything is read. It gives the time that
// the question reads.
func (s *Store) admit(expr string, r query.Range) (window, error) {
	if strings.TrimSpace(expr) == "" {
		return window{}, query.Errorf(query.BadData, "there is no question: give an expression in PromQL")
	}
	if len(expr) > maxExpr {
		return window{}, query.Errorf(query.BadData, "the expression is %d bytes long, at most %d", len(expr), maxExpr)
	}
	parsed, err := s.parser.ParseExpr(expr)
	if err != nil {
		return window{}, query.Errorf(query.BadData, "%w", err)
	}
	if t := parsed.Type(); r.Step > 0 && t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return window{}, query.Errorf(query.BadData, "the expression is a %s and cannot be asked over a range: give an instant vector or a scalar", parser.DocumentedType(t))
	}
	if r.Start.Year() < 1970 || r.End.Year() > 9999 {
		return window{}, query.Errorf(query.BadData, "the time %s is not one between 1970 and 9999", r.Start.UTC().Format(time.RFC3339))
	}
	whole := window{r.Start.UnixMilli(), r.End.UnixMilli()}
	var refused error
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		reads := s.reads(selector, path, r)
		whole = window{min(whole.mint, reads.mint), max(whole.maxt, reads.maxt)}
		if !narrow(selector.LabelMatchers) && refused == nil {
			refused = s.tooBroad(selector.String(), reads)
		}
		return nil
	})
	return whole, refused
}

// reads is the time that one selector reads: the range asked for, moved and widened by what stands around it.
func (s *Store) reads(selector *parser.VectorSelector, path []parser.Node, r query.Range) window {
	back, moved := s.o.Lookback, selector.OriginalOffset
	at := selector.Timestamp
	for _, node := range path {
		switch n := node.(type) {
		case *parser.MatrixSelector:
			back = n.Range
		case *parser.SubqueryExpr:
			back += n.Range
			moved += n.OriginalOffset
			if n.Timestamp != nil {
				at = n.Timestamp
			}
		}
	}
	w := window{r.Start.UnixMilli(), r.End.UnixMilli()}
	if at != nil {
		w = window{*at, *at}
	}
	return window{w.mint - (back + moved).Milliseconds(), w.maxt - moved.Milliseconds()}
}

// narrow tells whether matchers name something: a metric, a label's value, the beginning of one or a choice of some.
func narrow(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		switch m.Type {
		case labels.MatchEqual:
			if m.Value != "" {
				return true
			}
		case labels.MatchRegexp:
			if len(m.SetMatches()) > 0 || m.Prefix() != "" {
				return true
			}
		}
	}
	return false
}

// tooBroad refuses a selector that names nothing when there is more in its time than a question may hold.
func (s *Store) tooBroad(selector string, w window) error {
	estimate := s.estimate(w)
	if estimate <= float64(s.o.MaxSamples) {
		return nil
	}
	return query.Errorf(query.Execution, "%s reads everything, about %s samples in %s; at most %s: name a metric or a label's value, or ask for a shorter time",
		selector, count(estimate), time.Duration(w.maxt-w.mint)*time.Millisecond, count(float64(s.o.MaxSamples)))
}

// estimate is how many samples the store has within w, about.
func (s *Store) estimate(w window) float64 {
	inst := s.current.Load()
	if inst == nil {
		return 0
	}
	var n float64
	for _, block := range inst.db.Blocks() {
		meta := block.Meta()
		n += float64(meta.Stats.NumSamples) * shared(w, window{meta.MinTime, meta.MaxTime})
	}
	head := inst.db.Head()
	if recent := (window{head.MinTime(), head.MaxTime()}); recent.mint <= recent.maxt {
		inMemory := float64(head.NumSeries()) * (1 + float64(recent.maxt-recent.mint)/float64(s.o.Step.Milliseconds()))
		n += inMemory * shared(w, recent)
	}
	return n
}

// shared is which part of all lies within w, between 0 and 1.
func shared(w, all window) float64 {
	from, to := max(w.mint, all.mint), min(w.maxt, all.maxt)
	switch {
	case from > to:
		return 0
	case all.maxt == all.mint:
		return 1
	}
	return float64(to-from) / float64(all.maxt-all.mint)
}

func count(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", n/1e6)
	}
	return fmt.Sprintf("%.0f", n)
}
