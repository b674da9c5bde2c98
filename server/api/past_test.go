package api

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/prometheus"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/timeline"
)

// memory is a store of metrics of mesh shop: front called reviews-v1 ten times a second.
type memory struct{ err *query.Error }

// failure is the error that the store answers with, if any.
func (m *memory) failure() error {
	if m.err == nil {
		return nil
	}
	return m.err
}

func (m *memory) Observe(_ context.Context, name string, at time.Time, window time.Duration) (mesh.Observation, error) {
	t := mesh.Traffic{RequestRate: 10, Requests: 10 * window.Seconds(), P95: 20 * time.Millisecond}
	return mesh.Observation{
		Mesh: name, At: at, Window: window, Fresh: true, Partial: true, Notes: []string{"a part is missing"}, Proxies: map[string]int{"front": 1},
		Edges: []mesh.Edge{{From: "front", To: "reviews-v1", Protocol: mesh.HTTP, Traffic: t, At: at}},
	}, m.failure()
}

func (m *memory) Plot(_ context.Context, _ string, _ mesh.Subject, over mesh.Span) (mesh.Plot, error) {
	one, none := []float64{10, math.NaN()}, []float64{math.NaN(), math.NaN()}
	return mesh.Plot{
		At: []time.Time{over.Start, over.End}, RequestRate: one, ErrorRatio: one, P50: one, P95: one, P99: one, BytesRate: none,
		Connections: none, Pending: none, Overflow: none,
	}, m.failure()
}

func (m *memory) Film(_ context.Context, _ string, over mesh.Span) (mesh.Film, error) {
	rows := [][]float64{{10}, {math.NaN()}}
	return mesh.Film{
		At: []time.Time{over.Start, over.Start.Add(over.Step)}, Edges: []mesh.FilmEdge{{From: "front", To: "reviews-v1", Protocol: mesh.HTTP}},
		RequestRate: rows, ErrorRatio: [][]float64{{0}, {math.NaN()}}, P95: [][]float64{{0.02}, {math.NaN()}},
	}, m.failure()
}

// withHistory gives the bench a timeline over its own door, and sources.
func withHistory(m *memory) func(*bench, *Options) {
	return func(b *bench, o *Options) {
		o.Timeline = timeline.New(timeline.Options{Ledger: b.door, Readers: func(string) (timeline.Reader, error) { return m, nil }})
		o.Sources = func() []query.Source {
			return []query.Source{{Name: "embedded", Kind: "embedded", State: query.OK, Dialects: []query.Found{{Dialect: "weir", Used: true, Why: "it is Weir's"}}, Store: &query.Store{Series: 7}}}
		}
		o.Targets = func() []query.Target {
			return []query.Target{{Job: "envoy", URL: "http://127.0.0.1:9901/stats/prometheus", Mesh: "shop", State: query.Down, Error: "connection refused"}}
		}
		o.Querier = func(string) (prometheus.Querier, error) {
			return nil, mesh.Errorf(mesh.Unavailable, "the store is being opened")
		}
	}
}

func TestPast(t *testing.T) {
	b := newBench(t, withHistory(&memory{}))
	const in = "/api/v1/meshes/shop"
	changes, err := b.door.Changes(t.Context(), change.Query{Mesh: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	made := changes[0].At // asking about what lies just behind is asking about something
	for time.Since(made) < 2100*time.Millisecond {
		time.Sleep(10 * time.Millisecond)
	}
	at := made.Format(time.RFC3339Nano)
	check(t, b, []scenario{
		{
			name: "then", method: "GET", url: in + "/graph?at=" + at, status: 200,
			want: `{"mesh":"shop","window":"30s","at":"` + at + `","partial":true,"notes":["a part is missing"]}`, wantIn: []string{`"requestRate":10`},
		},
		{name: "numbers may still come in", method: "GET", url: in + "/graph?at=" + at, headers: map[string]string{"If-None-Match": weak(made.UnixMilli())}, status: 200, answers: map[string]string{"ETag": ""}},
		{name: "a second ago", method: "GET", url: in + "/graph?at=-1s&window=10m", status: 200, want: `{"window":"10m"}`},
		{name: "now over a long window", method: "GET", url: in + "/graph?window=2h", status: 200, want: `{"window":"2h0m"}`},
		{name: "now", method: "GET", url: in + "/graph?at=now&window=30s", status: 200, want: `{"window":"30s","edges":[{"requestRate":74.8}]}`},
		{name: "before the mesh", method: "GET", url: in + "/graph?at=-10d", status: 404, wantIn: []string{"mesh shop was first recorded at"}},
		{name: "no such mesh", method: "GET", url: "/api/v1/meshes/shoe/graph?at=-1m", status: 404, wantIn: []string{"the meshes are shop"}},
		{name: "the future", method: "GET", url: in + "/graph?at=2100-01-01T00:00:00Z", status: 422, wantIn: []string{"this lies in the future"}},
		{name: "no window", method: "GET", url: in + "/graph?at=-1s&window=1", status: 422, wantIn: []string{"write a length of time as in 30s"}},
		{name: "a narrow window", method: "GET", url: in + "/graph?at=-1s&window=1s", status: 422, wantIn: []string{"from 5s to 24h"}},
		{name: "difference", method: "GET", url: in + "/graph/diff?from=" + at + "&to=-1s", status: 200, want: `{"mesh":"shop","window":"30s","edges":[],"changes":[],"partial":true,"notes":["a part is missing"]}`},
		{name: "difference from nowhere", method: "GET", url: in + "/graph/diff", status: 422, wantIn: []string{"query.from"}},
		{name: "difference backwards", method: "GET", url: in + "/graph/diff?from=now&to=-1h", status: 422, wantIn: []string{"give the earlier moment first"}},
		{
			name: "frames", method: "GET", url: in + "/graph/frames?step=1s&start=" + at, status: 200,
			want: `{"mesh":"shop","step":"1s","window":"30s","edges":[{"from":"front","to":"reviews-v1","protocol":"http"}],
			  "requestRate":[[10],[null]],"health":["healthy","unknown"],"total":[{"requestRate":10},{"requestRate":0}],"marks":[{"author":"setup"}]}`,
		},
		{name: "too many frames", method: "GET", url: in + "/graph/frames?step=1s", status: 422, wantIn: []string{"3601 moments, at most 720"}},
		{name: "plot", method: "GET", url: in + "/plot?step=1s&source=front&destination=reviews-v1&start=" + at, status: 200, want: `{"requestRate":[10,null],"bytesRate":[null,null],"partial":false,"notes":[]}`},
		{name: "plot of a node", method: "GET", url: in + "/plot?step=1s&node=reviews-v1&start=" + at, status: 200, want: `{"p95":[10,null]}`},
		{name: "plot of half an edge", method: "GET", url: in + "/plot?source=front", status: 422, wantIn: []string{"give source and destination"}},
		{name: "plot of both", method: "GET", url: in + "/plot?source=front&destination=x&node=y", status: 422, wantIn: []string{"give either node"}},
		{name: "plot of no time", method: "GET", url: in + "/plot?start=noon", status: 422, wantIn: []string{`start \"noon\": write a time`}},
		{name: "sources", method: "GET", url: "/api/v1/sources", status: 200, want: `{"items":[{"name":"embedded","state":"ok","store":{"series":7},"dialects":[{"dialect":"weir","used":true}]}],"next":null}`},
		{name: "targets", method: "GET", url: "/api/v1/targets", status: 200, want: `{"items":[{"job":"envoy","mesh":"shop","state":"down","error":"connection refused"}]}`},
		{name: "a question with what other servers take", method: "GET", url: "/api/v1/query?query=up&dedup=true&nocache=1", status: 503, want: `{"status":"error","errorType":"unavailable","error":"the store is being opened"}`},
		{name: "a form", method: "POST", url: "/api/v1/query_range", body: "query=up&start=1&end=2&step=1", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 503, wantIn: []string{"being opened"}},
		{name: "values of a label", method: "GET", url: "/api/v1/label/__name__/values", status: 503, wantIn: []string{"being opened"}},
		{name: "a question under another name", method: "GET", url: "/api/v1/query?query=up", headers: map[string]string{"Host": "evil.example"}, status: 421},
	})
}

// TestPastThatCannotBeRead says that each way in which a store can fail is answered for what it is.
func TestPastThatCannotBeRead(t *testing.T) {
	m := &memory{}
	b := newBench(t, withHistory(m))
	for fault, status := range map[query.Fault]int{
		query.BadData: http.StatusUnprocessableEntity, query.Execution: http.StatusUnprocessableEntity,
		query.Timeout: http.StatusServiceUnavailable, query.Unavailable: http.StatusServiceUnavailable,
	} {
		m.err = query.Errorf(fault, "so it is with %s", fault)
		check(t, b, []scenario{{name: string(fault), method: "GET", url: "/api/v1/meshes/shop/graph?at=" + time.Now().UTC().Format(time.RFC3339Nano), status: status, wantIn: []string{"so it is with " + string(fault)}}})
	}
}
