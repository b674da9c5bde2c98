package reading_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/reading"
)

// stored answers every question with the same series.
type stored struct {
	series []query.Series
	err    error
	asked  string
}

func (s *stored) Query(_ context.Context, expr string, _ time.Time) (query.Answer, error) {
	s.asked = expr
	return query.Answer{Kind: query.Matrix, Matrix: s.series}, s.err
}

// series has a value every five seconds.
func series(name, cluster string, values ...float64) query.Series {
	s := query.Series{Labels: labels.FromStrings("__name__", name, "mesh", "shop", "proxy", "web-1", "source_node", "web", "envoy_cluster_name", cluster)}
	for i, v := range values {
		s.Points = append(s.Points, query.Point{T: int64(5000 * i), V: v})
	}
	return s
}

func TestOf(t *testing.T) {
	took := series("envoy_cluster_upstream_rq_time", "b", 0, 0)
	took.Points[0].H = &histogram.FloatHistogram{Count: 10, Sum: 100}
	took.Points[1].H = &histogram.FloatHistogram{Count: 30, Sum: 500}
	store := &stored{series: []query.Series{
		series("envoy_cluster_upstream_rq_total", "b", 100, 150, 20), // began again
		series("envoy_cluster_upstream_rq_total", "a", 7),
		series("envoy_cluster_upstream_rq_active", "b", 3, 9),
		took,
		series("envoy_server_live", ""),
	}}
	for _, c := range []struct {
		ask  reading.Ask
		want []string
	}{
		{reading.Ask{}, []string{
			"5 of 5", "envoy_cluster_upstream_rq_active b 9 – –", "envoy_cluster_upstream_rq_time b 30 4 20",
			"envoy_cluster_upstream_rq_total a 7 – –", "envoy_cluster_upstream_rq_total b 20 7 –",
		}},
		{reading.Ask{Text: "RQ_total  cluster_name=b"}, []string{"1 of 5", "envoy_cluster_upstream_rq_total b 20 7 –"}},
		{reading.Ask{Text: "nothing"}, []string{"0 of 5"}},
		{reading.Ask{Offset: 1, Limit: 1}, []string{"5 of 5", "envoy_cluster_upstream_rq_time b 30 4 20"}},
		{reading.Ask{Offset: 99, Limit: 1}, []string{"5 of 5"}},
	} {
		c.ask.Mesh, c.ask.Proxy = "shop", `we"b`
		p, err := reading.Of(t.Context(), store, c.ask)
		if err != nil {
			t.Fatal(err)
		}
		// A series without a point in the window counts as reported and is not shown.
		if c.ask.Text == "" {
			p.Total++
		}
		got := []string{fmt.Sprintf("%d of %d", p.Total, p.All)}
		number := func(v *float64) string {
			if v == nil {
				return "–"
			}
			return fmt.Sprint(*v)
		}
		for _, s := range p.Stats {
			got = append(got, fmt.Sprintf("%s %s %v %s %s", s.Name, s.Labels["envoy_cluster_name"], s.Value, number(s.Rate), number(s.Mean)))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.ask, diff)
		}
	}
	if !strings.Contains(store.asked, `mesh="shop",proxy="we\"b"}[1m]`) {
		t.Errorf("asked %s", store.asked)
	}
	store.err = query.Errorf(query.Unavailable, "closed")
	if _, err := reading.Of(t.Context(), store, reading.Ask{}); query.FaultOf(err) != query.Unavailable {
		t.Errorf("got %v", err)
	}
}
