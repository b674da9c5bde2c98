package web_test

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/timeline"
)

// past is what the tests' world remembers: it began twelve minutes ago, and from ten to six minutes ago ratings was not
// well. The picture of now is the sample's.
type past struct {
	w     *world
	asked int // films
	fail  error
	notes []string
}

func began() time.Time { return noon().Add(-12 * time.Minute) }

func (p *past) ill(at time.Time) mesh.Health {
	switch ago := noon().Sub(at); {
	case ago > 12*time.Minute:
		return mesh.Unknown
	case ago >= 6*time.Minute && ago <= 8*time.Minute:
		return mesh.Unhealthy
	case ago > 8*time.Minute && ago <= 10*time.Minute, ago < 45*time.Second:
		return mesh.Degraded
	}
	return mesh.Healthy
}

func (p *past) At(_ context.Context, name string, at time.Time, window time.Duration) (graph.Graph, error) {
	if p.fail != nil {
		return graph.Graph{}, p.fail
	}
	if at.Before(began()) {
		return graph.Graph{}, mesh.Errorf(mesh.NotFound, "mesh %s at %s: history begins at %s", name, at.Format(time.RFC3339), began().Format(time.RFC3339))
	}
	g := picture()
	g.At, g.Window, g.Notes, g.Partial = at, window.String(), p.notes, len(p.notes) > 0
	well := func(h *mesh.Health, why *[]string, causes *[]graph.Cause) {
		if *h == mesh.Degraded || *h == mesh.Unhealthy {
			*h, *why, *causes = mesh.Healthy, nil, nil
		}
	}
	for i := range g.Edges {
		if e := &g.Edges[i]; e.To != "ratings" || p.ill(at) == mesh.Healthy {
			well(&e.Health, &e.Why, &e.Causes)
		}
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Name != "ratings" || p.ill(at) == mesh.Healthy {
			well(&n.Health, &n.Why, &n.Causes)
		}
	}
	return g, nil
}

func (p *past) Frames(_ context.Context, name string, over mesh.Span) (timeline.Frames, error) {
	p.asked++
	if p.fail != nil {
		return timeline.Frames{}, p.fail
	}
	f := timeline.Frames{Mesh: name, Step: over.Step.String(), Window: over.Window.String(), Notes: p.notes, Partial: len(p.notes) > 0}
	for at := over.Start; !at.After(over.End); at = at.Add(over.Step) {
		f.At = append(f.At, at)
		f.Health = append(f.Health, p.ill(at))
		rate := 96 + 20*float64(len(f.At)%7)/7
		if at.Before(began()) {
			rate = 0
		}
		f.Total = append(f.Total, timeline.Total{RequestRate: rate})
	}
	for i := 1; i < len(f.Health); i++ {
		if was, is := p.ill(f.At[i-1]), p.ill(f.At[i]); was != is && was != mesh.Unknown && f.At[i].Before(noon().Add(-5*time.Minute)) {
			f.Turns = append(f.Turns, timeline.Turn{At: f.At[i], From: "reviews-v2", To: "ratings", Was: was, Is: is})
		}
	}
	for _, c := range slices.Backward(p.w.changes) {
		if c.Mesh == name && !c.At.Before(over.Start) && !c.At.After(over.End) {
			f.Marks = append(f.Marks, timeline.Mark{ID: c.ID, At: c.At, Author: c.Author, Summary: c.Summary, State: string(c.State)})
		}
	}
	return f, nil
}

// Plot gives numbers that go with what the world remembers: a gap at its beginning, and more errors while ratings was ill.
func (p *past) Plot(_ context.Context, name string, of mesh.Subject, over mesh.Span) (timeline.Plot, error) {
	if p.fail != nil {
		return timeline.Plot{}, p.fail
	}
	answer := timeline.Plot{Notes: p.notes, Partial: len(p.notes) > 0}
	base := 40 + float64(len(of.To)%7)*9
	for at := over.Start; !at.After(over.End); at = at.Add(over.Step) {
		answer.At = append(answer.At, at)
		wave := 1 + 0.06*math.Sin(float64(at.Unix())/40) + 0.03*math.Sin(float64(at.Unix())/11)
		number := func(v float64) *float64 {
			if at.Before(began()) {
				return nil
			}
			return &v
		}
		errors := 0.002 * wave
		if h := p.ill(at); h == mesh.Unhealthy || h == mesh.Degraded {
			errors = 0.05 * wave
		}
		for column, v := range map[*[]*float64]float64{
			&answer.RequestRate: base * wave, &answer.ErrorRatio: errors, &answer.P50: 0.011 * wave, &answer.P95: 0.083 * wave, &answer.P99: 0.12 * wave,
			&answer.BytesRate: 4800 * wave, &answer.Connections: 61 * wave, &answer.Pending: 3 * wave, &answer.Overflow: 0.4 * wave,
		} {
			*column = append(*column, number(v))
		}
	}
	for _, c := range slices.Backward(p.w.changes) {
		if c.Mesh == name && !c.At.Before(over.Start) && !c.At.After(over.End) {
			answer.Marks = append(answer.Marks, timeline.Mark{ID: c.ID, At: c.At, Author: c.Author, Summary: c.Summary, State: string(c.State)})
		}
	}
	return answer, nil
}

func (p *past) Compare(ctx context.Context, name string, from, to time.Time, window time.Duration) (timeline.Comparison, error) {
	if _, err := p.At(ctx, name, from, window); err != nil {
		return timeline.Comparison{}, err
	}
	well := graph.Reading{RequestRate: 74.8, ErrorRatio: 0.002, P95: 0.031, Health: mesh.Healthy}
	bad := graph.Reading{RequestRate: 71.2, ErrorRatio: 0.064, P95: 0.12, Health: mesh.Unhealthy, Why: []string{"6.4 % of requests fail (36 of 564); the limit is 5 %"}}
	c := timeline.Comparison{Notes: p.notes, Difference: graph.Difference{Mesh: name, From: from, To: to, Window: window.String()}}
	if from.Equal(to) || p.ill(from) == p.ill(to) {
		return c, nil
	}
	c.Edges = []graph.EdgeDelta{
		{From: "reviews-v2", To: "ratings", Protocol: mesh.HTTP, Presence: graph.Both, Before: well, After: bad},
		{From: "storefront", To: "catalog", Protocol: mesh.HTTP, Presence: graph.Both, Before: bad, After: well},
		{From: "cart", To: "external/bank", Protocol: mesh.TCP, Presence: graph.Appeared, After: well},
		{From: "unknown", To: "payments", Protocol: mesh.HTTP, Presence: graph.Vanished, Before: well},
	}
	c.Nodes = []graph.NodeDelta{{ID: "mobile-api", Kind: graph.KindNode, Presence: graph.Both, Before: well, After: well}}
	c.Changes = slices.DeleteFunc(slices.Clone(p.w.changes), func(e change.Change) bool { return e.At.Before(from) || e.At.After(to) })
	slices.Reverse(c.Changes)
	return c, nil
}

// serve answers the islands of a preview as the API does.
func (p *past) serve(c *gin.Context) {
	at, err := time.Parse(time.RFC3339, c.Query("at"))
	if err == nil {
		var g graph.Graph
		if g, err = p.At(c.Request.Context(), c.Param("mesh"), at, 30*time.Second); err == nil {
			c.JSON(http.StatusOK, g)
			return
		}
	}
	c.JSON(http.StatusNotFound, gin.H{"status": http.StatusNotFound, "title": "Not Found", "detail": err.Error()})
}

// origins are a store that fills up, a Prometheus that answers in part and one that is down.
func origins() []query.Source {
	return []query.Source{
		{
			Name: "embedded", Kind: "embedded", State: query.OK, LastSuccess: noon(), Latency: 0.004,
			Dialects: []query.Found{{Dialect: "weir", Used: true, Series: 11, Why: "weir_edge_requests_total is there"}},
			Store: &query.Store{
				Series: 131_204, SeriesLimit: 150_000, Dropped: 1480, Samples: 90_211_340, Refused: 12, Bytes: 1_340_000_000, MaxBytes: 2 << 30,
				Retention: 15 * 86400, Oldest: began(), Newest: noon(), Step: 5,
			},
		},
		{
			Name: "company", Kind: "thanos", URL: "https://thanos.example.com/api", State: query.Degraded, LastSuccess: noon().Add(-9 * time.Second), Latency: 1.84, Partial: true,
			Message: "one store did not answer within 2s: what it holds is missing", Meshes: []string{"sample_app"},
			Dialects: []query.Found{
				{Dialect: "linkerd", Why: "response_total is not there"}, {Dialect: "istio", Used: true, Series: 4, Why: "istio_requests_total is there"},
			},
		},
		{Name: "old", Kind: "prometheus", URL: "http://10.1.2.3:9090", State: query.Down, Message: "connection refused: is it running, and is the address right?"},
		{Name: "spare", Kind: "mimir", URL: "https://mimir.example.com/prometheus", State: query.Idle},
	}
}

func targets() []query.Target {
	long := "http://payments-7c9f6b5d4-abcde.payments.svc.cluster.local:15020/stats/prometheus?usedonly&filter=very-long-query-value-that-goes-on"
	return []query.Target{
		{Job: "envoys", URL: "http://10.0.0.5:9901/stats/prometheus", Mesh: "sample_app", Node: "ratings", Proxy: "ratings-1", State: query.OK, LastScrape: noon().Add(-3 * time.Second), Took: 0.021, Interval: 5, Samples: 1939, Bytes: 210_400, Format: "protobuf", Labels: map[string]string{"zone": "a"}},
		{Job: "envoys", URL: long, Mesh: "sample_app", Node: "payments", Proxy: "payments-1", State: query.Down, Error: "it did not answer within 4s: is the port right?", LastScrape: noon().Add(-4 * time.Second), Took: 4, Interval: 5},
		{Job: "envoys", URL: "http://10.0.0.7:9901/stats/prometheus", Mesh: "sample_app", Node: "gateway/ingress", State: query.Degraded, Error: "20,000 of 31,020 samples are kept: raise limits.samples", LastScrape: noon().Add(-2 * time.Second), Took: 0.4, Interval: 5, Samples: 20_000, Dropped: 11_020, Bytes: 3_400_000, Format: "text"},
		{Job: "new", URL: "http://10.0.0.9:9901/stats/prometheus", Mesh: "sample_app", State: query.Idle, Interval: 15},
	}
}
