package remote

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/metrics/query"
)

func TestHealth(t *testing.T) {
	const timeout = 10 * time.Second
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	answered := func(took time.Duration) outcome { return outcome{took: took} }
	failed := func(f failure) outcome { return outcome{failed: &f} }
	partial := outcome{partial: true, warnings: []string{"store-1 is gone"}}
	late, down := failure{late: true, what: "is late"}, failure{what: "is gone"}
	refused, busy := failure{refused: true, what: "no"}, failure{busy: true, what: "is busy"}
	for _, c := range []struct {
		name     string
		outcomes []outcome
		state    query.State
		since    int // the outcome that began the state
		words    string
	}{
		{"never asked", nil, query.Idle, -1, ""},
		{"answers", []outcome{answered(time.Second), answered(time.Second)}, query.OK, 0, ""},
		{"half of the timeout is well", []outcome{answered(timeout / 2)}, query.OK, 0, ""},
		{"more is slow", []outcome{answered(time.Second), answered(5010 * time.Millisecond)}, query.Degraded, 1, "took 5.01s, and 10s"},
		{"slow, then not", []outcome{answered(6 * time.Second), answered(time.Second)}, query.OK, 1, ""},
		{"partial", []outcome{partial}, query.Degraded, 0, "store-1 is gone"},
		{"gone", []outcome{answered(1), failed(down), failed(down)}, query.Down, 1, "is gone"},
		{"gone and back", []outcome{failed(down), answered(1)}, query.OK, 1, ""},
		{"late once", []outcome{answered(1), failed(late)}, query.Degraded, 1, "is late"},
		{"late twice", []outcome{answered(1), failed(late), failed(late)}, query.Down, 2, "is late"},
		{"late from the first", []outcome{failed(late)}, query.Down, 0, "is late"},
		{"late after gone", []outcome{answered(1), failed(down), failed(late)}, query.Down, 1, "is late"},
		{"late, well, late", []outcome{failed(late), answered(1), failed(late)}, query.Degraded, 2, "is late"},
		{"a wrong question", []outcome{failed(refused)}, query.OK, 0, ""},
		{"a wrong question to one that was gone", []outcome{failed(down), failed(refused)}, query.OK, 1, ""},
		{"a wrong question to a slow one", []outcome{answered(9 * time.Second), failed(refused)}, query.Degraded, 0, "took 9s"},
		{"busy", []outcome{answered(1), failed(busy), failed(busy)}, query.Degraded, 1, "is busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := health{state: query.Idle, since: begin.Add(-time.Second)}
			for i, o := range c.outcomes {
				o.at = begin.Add(time.Duration(i) * time.Second)
				h = h.next(o, timeout)
			}
			got := h.source(Source{Name: "s", Kind: Prometheus, URL: "http://p"})
			if got.State != c.state || !got.Since.Equal(begin.Add(time.Duration(c.since)*time.Second)) || (c.words == "") != (got.Message == "") || !strings.Contains(got.Message, c.words) {
				t.Errorf("%+v, want %s since %d", got, c.state, c.since)
			}
		})
	}
}
