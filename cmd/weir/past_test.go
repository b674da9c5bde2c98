package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/timeline"
)

// answering is a server that gives these answers by address, and keeps what it was asked last.
func answering(t *testing.T, answers map[string]any) (address string, asked *string) {
	t.Helper()
	asked = new(string)
	mux := http.NewServeMux()
	for path, answer := range answers {
		data, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			*asked = r.URL.RawQuery
			fmt.Fprintf(w, "%s", data)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, asked
}

// weir runs a command line and wants its exit code.
func weir(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	if got := run(args, strings.NewReader(""), &out, &err); got != code {
		t.Errorf("weir %v: exit code %d, want %d: %s", args, got, code, err.String())
	}
	return out.String(), err.String()
}

// wants looks for lines, whose columns may be as far apart as they like.
func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	var have strings.Builder
	for line := range strings.Lines(text) {
		fmt.Fprintln(&have, strings.Join(strings.Fields(line), " "))
	}
	for _, line := range lines {
		if !strings.Contains(have.String(), line) {
			t.Errorf("there is no %q in\n%s", line, text)
		}
	}
}

func TestGraphSince(t *testing.T) {
	at := time.Date(2026, 11, 22, 17, 0, 0, 0, time.Local)
	good := graph.Reading{RequestRate: 10, P95: 0.02, Health: mesh.Healthy, Why: []string{}}
	bad := graph.Reading{RequestRate: 10, ErrorRatio: 0.3, P95: 0.02, Health: mesh.Unhealthy, Why: []string{"30 % of requests fail"}}
	d := timeline.Comparison{
		Difference: graph.Difference{Mesh: "shop", From: at.Add(-time.Hour), To: at, Window: "30s", Edges: []graph.EdgeDelta{
			{From: "front", To: "v2", Presence: graph.Both, Before: good, After: bad},
			{From: "front", To: "new\x1b[2J", Presence: graph.Appeared, After: good},
			{From: "front", To: "old", Presence: graph.Vanished, Before: good},
		}},
		Changes: []change.Change{{ID: "359fvwmy8t", At: at.Add(-time.Minute), Author: "kim", State: change.Kept, Summary: "v2 0 % → 50 %"}},
		Partial: true, Notes: []string{"one store did not answer"},
	}
	url, asked := answering(t, map[string]any{"/api/v1/meshes/shop/graph/diff": d})
	out, said := weir(t, exitDone, "--url", url, "graph", "-m", "shop", "--since", "-1h", "--at", "-5m", "--window", "1m")
	if *asked != "from=-1h&to=-5m&window=1m" {
		t.Errorf("asked for %s", *asked)
	}
	wants(t, out,
		"FROM TO WHAT RATE ERRORS P95 HEALTH WHY",
		"front v2 differs 10.0/s 0.0 % → 30.0 % 20ms healthy → unhealthy 30 % of requests fail",
		"front new·[2J new 10.0/s 0.0 % 20ms healthy -",
		"front old vanished 10.0/s 0.0 % 20ms healthy -",
		"CHANGE AT AUTHOR STATE SUMMARY", "359fvwmy8t 2026-11-22 16:59:00 kim kept v2 0 % → 50 %")
	wants(t, said, "weir: one store did not answer")
	out, _ = weir(t, exitDone, "--url", url, "graph", "-m", "shop", "--since", "-1h", "-o", "yaml")
	wants(t, out, "presence: vanished")

	d.Edges, d.Changes = nil, nil
	url, _ = answering(t, map[string]any{"/api/v1/meshes/shop/graph/diff": d})
	out, _ = weir(t, exitDone, "--url", url, "graph", "-m", "shop", "--since", "-1h")
	wants(t, out, "no edge differs between 2026-11-22 16:00:00 and 2026-11-22 17:00:00")
	_, said = weir(t, exitUsage, "--url", url, "graph", "-m", "shop", "--since", "-1h", "-o", "dot")
	wants(t, said, "-o dot draws one moment")
}

func TestQuery(t *testing.T) {
	type any1 = map[string]any
	vector := any1{"status": "success", "warnings": []string{"cut short"}, "data": any1{"resultType": "vector", "result": []any1{
		{"metric": any1{"__name__": "up", "job": "envoy \"x\""}, "value": []any{1795377184.5, "1"}},
		{"metric": any1{}, "histogram": []any{1795377184, any1{"count": "3", "sum": "0.5"}}},
	}}}
	matrix := any1{"status": "success", "data": any1{"resultType": "matrix", "result": []any1{
		{"metric": any1{"code": "5", "a": "b"}, "values": [][]any{{1, "1.5"}, {16, "NaN"}}},
	}}}
	url, asked := answering(t, map[string]any{"/api/v1/query": vector, "/api/v1/query_range": matrix})
	out, said := weir(t, exitDone, "--url", url, "query", "up", "--at", "2026-11-22T17:00:00Z", "--source", "corp")
	wants(t, out, "SERIES AT VALUE", `up{job="envoy \"x\""} `, "count 3, sum 0.5")
	wants(t, said, "weir: cut short")
	if *asked != "query=up&source=corp&time=2026-11-22T17%3A00%3A00Z" {
		t.Errorf("asked for %s", *asked)
	}
	out, _ = weir(t, exitDone, "--url", url, "query", "x", "--start", "2026-11-22T16:00:00Z", "--end", "2026-11-22T17:00:00Z")
	wants(t, out, `{a="b", code="5"} `+moment(time.Unix(16, 0))+" NaN")
	if *asked != "end=2026-11-22T17%3A00%3A00Z&query=x&start=2026-11-22T16%3A00%3A00Z&step=60" {
		t.Errorf("asked for %s", *asked)
	}
	out, _ = weir(t, exitDone, "--url", url, "query", "up", "-o", "json")
	wants(t, out, `"resultType": "vector"`)
	for args, want := range map[string]string{
		"query":                             "accepts 1 arg",
		"query up --end -5m":                "give --start, too",
		"query up --at -5m --start -1h":     "ask either about a moment or over a range",
		"query up --at noon":                `--at "noon": write a time as in`,
		"query up --start now --end -5m":    "--start now is not before --end -5m",
		"query up --start -1h --step often": `--step "often": write a length of time`,
	} {
		_, said := weir(t, exitUsage, append([]string{"--url", url}, strings.Fields(args)...)...)
		wants(t, said, want)
	}
	if q, err := timed(client.Question{Start: "-10s"}, time.Now()); err != nil || q.Step != "1" {
		t.Errorf("ten seconds are asked for in steps of %s (%v)", q.Step, err)
	}
}

func TestQueryThatIsRefused(t *testing.T) {
	for status, c := range map[int]struct {
		kind string
		code int
	}{400: {"bad_data", exitRefused}, 422: {"execution", exitRefused}, 404: {"not_found", exitFailed}, 503: {"unavailable", exitFailed}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":"error","errorType":%q,"error":"it is so"}`, c.kind)
		}))
		_, said := weir(t, c.code, "--url", server.URL, "query", "up")
		wants(t, said, "weir: it is so")
		server.Close()
	}
}

func TestSourcesAndTargets(t *testing.T) {
	list := func(items any) any { return map[string]any{"items": items, "next": nil} }
	url, _ := answering(t, map[string]any{
		"/api/v1/sources": list([]query.Source{
			{Name: "embedded", Kind: "embedded", State: query.OK, Dialects: []query.Found{{Dialect: "weir", Used: true}, {Dialect: "istio"}}},
			{Name: "corp", Kind: "thanos", State: query.Down, URL: "https://prom", Message: "certificate expired", Meshes: []string{"shop"}},
		}),
		"/api/v1/targets": list([]query.Target{
			{Job: "envoy", URL: "http://10.0.0.1:9901", Mesh: "shop", State: query.OK, Samples: 7},
			{Job: "envoy", URL: "http://10.0.0.2:9901", Mesh: "shop", State: query.Down, Error: "connection refused"},
			{Job: "envoy", URL: "http://10.0.0.3:9901", Mesh: "shop", State: query.Degraded},
		}),
		"/api/v1/version": map[string]string{"version": "test"}, "/api/v1/meshes": list([]string{}), "/readyz": "ok",
	})
	out, _ := weir(t, exitDone, "--url", url, "sources")
	wants(t, out, "embedded embedded ok - - weir all - -", "corp thanos down - - - shop https://prom certificate expired")
	out, _ = weir(t, exitDone, "--url", url, "targets")
	wants(t, out, "envoy http://10.0.0.2:9901 shop - down - - 0 0 connection refused")
	out, _ = weir(t, exitDone, "--url", url, "targets", "-o", "json")
	wants(t, out, `"state": "down"`)
	out, said := weir(t, exitFailed, "--url", url, "doctor", "--data", t.TempDir())
	wants(t, out, "ok source embedded answers", "wrong source corp certificate expired", "wrong target http://10.0.0.2:9901 connection refused",
		"note target http://10.0.0.3:9901 answers late or partly", "ok targets 1 of 3 are scraped as they should be")
	wants(t, said, "things are wrong")
}

func TestGraphThatIsNotFresh(t *testing.T) {
	for age, want := range map[float64]string{0: "not every proxy has reported", 12: "the oldest report is 12s old"} {
		url, _ := answering(t, map[string]any{"/api/v1/meshes/shop/graph": graph.Graph{Mesh: "shop", Age: age}})
		_, stderr := weir(t, 0, "graph", "--url", url, "--mesh", "shop")
		wants(t, stderr, want)
	}
}
