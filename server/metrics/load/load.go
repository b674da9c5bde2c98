// Package load reads from a store of metrics what arrived at one virtual node, moment by moment, and who sent it: what
// advice about its connection pool is worked out from. It asks for the series that Weir itself records, and for the
// proxies' own where instances have to be told apart. It keeps nothing.
package load

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Store answers questions in PromQL; its errors are query.Error.
type Store interface {
	Query(ctx context.Context, expr string, at time.Time) (query.Answer, error)
	QueryRange(ctx context.Context, expr string, r query.Range) (query.Answer, error)
}

// Ask says what is wanted: the load of a listener's application.
type Ask struct {
	Mesh, Node string
	Listener   mesh.Listener
	Over       mesh.Span
}

// Of reads a load. A node of which nothing was recorded has no moments. Errors are query.Error.
func Of(ctx context.Context, store Store, ask Ask) (mesh.Load, error) {
	r := reader{store: store, ask: ask, tcp: ask.Listener.Protocol == mesh.TCP}
	l := mesh.Load{Step: ask.Over.Step}
	if err := r.moments(ctx, &l); err != nil || len(l.Moments) == 0 {
		return l, err
	}
	if err := r.callers(ctx, &l); err != nil {
		return l, err
	}
	return l, r.instances(ctx, &l)
}

type reader struct {
	store Store
	ask   Ask
	tcp   bool
}

// series is one column of the moments.
type series struct {
	expr string
	into func(*mesh.LoadMoment) *float64
}

// columns are the questions about the node. The first tells the moments of which something is known: gauges and counters
// that never were anything but zero are not stored.
func (r reader) columns() []series {
	of := fmt.Sprintf(`{%s=%s,%s=%s}`, metrics.LabelMesh, strconv.Quote(r.ask.Mesh), metrics.LabelNode, strconv.Quote(r.ask.Node))
	refused := of[:len(of)-1] + fmt.Sprintf(`,%s=%q}`, metrics.LabelEvent, metrics.EventOverflow)
	repeated := fmt.Sprintf(`{%s=%s,%s=%s,%s=%q}`, metrics.LabelMesh, strconv.Quote(r.ask.Mesh), metrics.LabelDest, strconv.Quote(r.ask.Node),
		metrics.LabelEvent, metrics.EventRetry)
	requests, within, inFlight := metrics.NodeRequests, fmt.Sprintf("histogram_sum(sum(rate(%s%s[%s])))", metrics.NodeDuration, of, r.window()), metrics.NodeInFlight
	if r.tcp {
		requests, inFlight = metrics.NodeOpened, metrics.NodeConnections
		within = fmt.Sprintf("sum(avg_over_time(%s%s[%s]))", metrics.NodeConnections, of, r.window())
	}
	return []series{
		{"max(" + metrics.NodeProxies + of + ")", func(m *mesh.LoadMoment) *float64 { return &m.Instances }},
		{fmt.Sprintf("sum(rate(%s%s[%s]))", requests, of, r.window()), func(m *mesh.LoadMoment) *float64 { return &m.Rate }},
		{within, func(m *mesh.LoadMoment) *float64 { return &m.Within }},
		{fmt.Sprintf("sum(%s%s)", inFlight, of), func(m *mesh.LoadMoment) *float64 { return &m.InFlight }},
		{fmt.Sprintf("sum(avg_over_time(%s%s[%s]))", metrics.NodePending, of, r.window()), func(m *mesh.LoadMoment) *float64 { return &m.Waiting }},
		{fmt.Sprintf("sum(rate(%s%s[%s]))", metrics.NodeEvents, refused, r.window()), func(m *mesh.LoadMoment) *float64 { return &m.Refused }},
		{fmt.Sprintf("sum(rate(%s%s[%s]))", metrics.EdgeEvents, repeated, r.window()), func(m *mesh.LoadMoment) *float64 { return &m.Repeated }},
	}
}

func (r reader) window() string { return length(r.ask.Over.Window) }

// length writes a length of time as PromQL does.
func length(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms" }

func (r reader) moments(ctx context.Context, l *mesh.Load) error {
	over := r.ask.Over
	at := make(map[int64]int)
	for i, column := range r.columns() {
		answer, err := r.store.QueryRange(ctx, column.expr, query.Range{Start: over.Start.Add(over.Step), End: over.End, Step: over.Step})
		if err != nil {
			return err
		}
		for _, s := range answer.Matrix {
			for _, p := range s.Points {
				if i == 0 && p.V > 0 {
					at[p.T] = len(l.Moments)
					l.Moments = append(l.Moments, mesh.LoadMoment{At: time.UnixMilli(p.T).UTC()})
				}
				if k, ok := at[p.T]; ok && !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
					*column.into(&l.Moments[k]) = max(p.V, 0)
				}
			}
		}
	}
	if r.tcp { // what is refused never counts as opened
		for i := range l.Moments {
			l.Moments[i].Rate += l.Moments[i].Refused
		}
	}
	return nil
}

// span is the time that there are moments of, as a window of PromQL.
func (r reader) span(l *mesh.Load) string {
	return length(l.Moments[len(l.Moments)-1].At.Sub(l.Moments[0].At) + r.ask.Over.Step)
}

// callers reads who sent to the node, over the whole time.
func (r reader) callers(ctx context.Context, l *mesh.Load) error {
	of := fmt.Sprintf(`{%s=%s,%s=%s}`, metrics.LabelMesh, strconv.Quote(r.ask.Mesh), metrics.LabelDest, strconv.Quote(r.ask.Node))
	requests := metrics.EdgeRequests
	within := fmt.Sprintf("histogram_sum(sum by (%s) (rate(%s%s[%s])))", metrics.LabelSource, metrics.EdgeDuration, of, r.span(l))
	if r.tcp {
		requests = metrics.EdgeOpened
		within = fmt.Sprintf("sum by (%s) (avg_over_time(%s%s[%s]))", metrics.LabelSource, metrics.EdgeConnections, of, r.span(l))
	}
	known := make(map[string]*mesh.LoadCaller)
	for _, column := range []struct {
		expr string
		into func(*mesh.LoadCaller) *float64
	}{
		{fmt.Sprintf("sum by (%s) (rate(%s%s[%s]))", metrics.LabelSource, requests, of, r.span(l)), func(c *mesh.LoadCaller) *float64 { return &c.Rate }},
		{within, func(c *mesh.LoadCaller) *float64 { return &c.Within }},
		{
			fmt.Sprintf("max by (%s) (max_over_time(%s%s[%s]))", metrics.LabelSource, metrics.EdgeProxies, of, r.span(l)),
			func(c *mesh.LoadCaller) *float64 { return &c.Proxies },
		},
	} {
		answer, err := r.store.Query(ctx, column.expr, r.ask.Over.End)
		if err != nil {
			return err
		}
		for _, s := range answer.Vector {
			from := s.Labels.Get(metrics.LabelSource)
			if known[from] == nil {
				known[from] = &mesh.LoadCaller{From: from}
			}
			if !math.IsNaN(s.V) && !math.IsInf(s.V, 0) {
				*column.into(known[from]) = max(s.V, 0)
			}
		}
	}
	for _, c := range known {
		if c.Rate > 0 {
			l.Callers = append(l.Callers, *c)
		}
	}
	slices.SortFunc(l.Callers, func(a, b mesh.LoadCaller) int { return cmp.Compare(a.From, b.From) })
	return nil
}

// instances reads from the proxies' own series how unevenly instances are used. Where those are not kept it stays
// unknown.
func (r reader) instances(ctx context.Context, l *mesh.Load) error {
	cluster := mesh.IngressCluster(r.ask.Mesh, r.ask.Node, r.ask.Listener.Protocol, r.ask.Listener.Port)
	of := fmt.Sprintf(`{%s=%s,%s=%s,envoy_cluster_name=%s}`, metrics.LabelMesh, strconv.Quote(r.ask.Mesh), metrics.LabelSourceNode,
		strconv.Quote(r.ask.Node), strconv.Quote(cluster))
	sent, busy := "envoy_cluster_upstream_rq_total", "envoy_cluster_upstream_rq_active"
	if r.tcp {
		sent, busy = "envoy_cluster_upstream_cx_total", "envoy_cluster_upstream_cx_active"
	}
	answer, err := r.store.Query(ctx, fmt.Sprintf("sum by (%s) (rate(%s%s[%s]))", metrics.LabelProxy, sent, of, length(recently(r.ask.Over))), r.ask.Over.End)
	if err != nil {
		return err
	}
	sum, most, n := 0.0, 0.0, 0.0
	for _, s := range answer.Vector {
		if s.V >= 0 { // not NaN
			sum, most, n = sum+s.V, max(most, s.V), n+1
		}
	}
	if sum > 0 && n >= l.Moments[len(l.Moments)-1].Instances {
		l.Busiest = most * n / sum
	}
	answer, err = r.store.Query(ctx, fmt.Sprintf("max(max_over_time(%s%s[%s]))", busy, of, r.span(l)), r.ask.Over.End)
	if err != nil {
		return err
	}
	for _, s := range answer.Vector {
		if s.V > 0 && !math.IsInf(s.V, 0) {
			l.Peak = s.V
		}
	}
	return nil
}

// recently is the end of the time that is looked at, so that instances which came or went long ago do not look idle.
func recently(over mesh.Span) time.Duration {
	return min(over.End.Sub(over.Start), 10*time.Minute)
}
