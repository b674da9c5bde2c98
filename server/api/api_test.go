package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// check runs scenarios one after the other on one bench.
func check(t *testing.T, b *bench, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			b.t = t
			response, body := b.do(s)
			if response.StatusCode != s.status {
				t.Errorf("%s %s: status %d, want %d: %s", s.method, s.url, response.StatusCode, s.status, body)
			}
			for _, want := range s.wantIn {
				if !strings.Contains(body, want) {
					t.Errorf("the answer does not contain %s: %s", want, body)
				}
			}
			if s.want != "" {
				var got, want any
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Fatalf("%v: %s", err, body)
				}
				if err := json.Unmarshal([]byte(s.want), &want); err != nil {
					t.Fatal(err)
				}
				if at := missing("", want, got); at != "" {
					t.Errorf("the answer lacks %s: %s", at, body)
				}
			}
			for k, want := range s.answers {
				if got := response.Header.Get(k); got != want {
					t.Errorf("header %s is %q, want %q", k, got, want)
				}
			}
		})
	}
}

// missing says where got does not contain want: objects may have more fields, lists not more items.
func missing(at string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return at + ": an object"
		}
		for k, v := range want {
			if where := missing(at+"."+k, v, object[k]); where != "" {
				return where
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s: a list of %d", at, len(want))
		}
		for i := range want {
			if where := missing(fmt.Sprintf("%s[%d]", at, i), want[i], list[i]); where != "" {
				return where
			}
		}
		return ""
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s: %v instead of %v", at, want, got)
		}
		return ""
	}
}

func TestRead(t *testing.T) {
	check(t, newBench(t), []scenario{
		{
			name: "meshes", method: "GET", url: "/api/v1/meshes", status: 200,
			want: `{"items":[{"kind":"mesh","mesh":"shop","name":"shop","egressFilter":"DROP_ALL","version":1,"revision":1,"objects":{"nodes":4,"routes":1}}],"next":null}`,
		},
		{name: "mesh", method: "GET", url: "/api/v1/meshes/shop", status: 200, want: `{"name":"shop","version":1}`, answers: map[string]string{"ETag": `"1"`}},
		{
			name: "no such mesh", method: "GET", url: "/api/v1/meshes/shoe", status: 404, want: `{"status":404,"code":"not_found"}`, wantIn: []string{"the meshes are shop"},
			answers: map[string]string{"Content-Type": "application/problem+json"},
		},
		{
			name: "nodes", method: "GET", url: "/api/v1/meshes/shop/nodes", status: 200, answers: map[string]string{"ETag": `W/"1"`},
			want: `{"items":[{"name":"front"},{"name":"reviews-v1"},{"name":"reviews-v2"},{"name":"two-doors"}]}`,
		},
		{name: "services", method: "GET", url: "/api/v1/meshes/shop/services", status: 200, want: `{"items":[{"kind":"service","name":"doors"},{"name":"reviews","router":"reviews"}]}`},
		{name: "routers", method: "GET", url: "/api/v1/meshes/shop/routers", status: 200, want: `{"items":[{"kind":"router","name":"reviews"}]}`},
		{name: "routes", method: "GET", url: "/api/v1/meshes/shop/routes", status: 200, want: `{"items":[{"router":"reviews","name":"primary"}]}`},
		{name: "gateways", method: "GET", url: "/api/v1/meshes/shop/gateways", status: 200, want: `{"items":[{"kind":"gateway","name":"edge"}]}`},
		{name: "gateway routes", method: "GET", url: "/api/v1/meshes/shop/gateway-routes", status: 200, want: `{"items":[{"kind":"gateway-route","gateway":"edge","name":"all"}]}`},
		{name: "unchanged list", method: "GET", url: "/api/v1/meshes/shop/nodes", headers: map[string]string{"If-None-Match": `W/"1"`}, status: 304},
		{
			name: "route", method: "GET", url: "/api/v1/meshes/shop/routes/reviews/primary", status: 200, answers: map[string]string{"ETag": `"1"`, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
			want: `{"kind":"route","mesh":"shop","router":"reviews","name":"primary","priority":0,"match":{"prefix":"/"},
			  "targets":[{"node":"reviews-v1","weight":75},{"node":"reviews-v2","weight":25}],"timeout":{"perRequest":"5s"},"version":1}`,
		},
		{name: "route with its slash encoded", method: "GET", url: "/api/v1/meshes/shop/routes/reviews%2Fprimary", status: 200, want: `{"name":"primary"}`},
		{name: "unchanged route", method: "GET", url: "/api/v1/meshes/shop/routes/reviews/primary", headers: map[string]string{"If-None-Match": `"1"`}, status: 304},
		{name: "gateway route", method: "GET", url: "/api/v1/meshes/shop/gateway-routes/edge/all", status: 200, want: `{"target":{"service":"reviews"}}`},
		{name: "node", method: "GET", url: "/api/v1/meshes/shop/nodes/reviews-v1", status: 200, want: `{"kind":"node","mesh":"shop","listeners":[{"connectionPool":{"maxConnections":100}}]}`},
		{name: "no such node", method: "GET", url: "/api/v1/meshes/shop/nodes/%3Cimg%20onerror%3E", status: 404, want: `{"code":"not_found"}`},
		{
			name: "graph", method: "GET", url: "/api/v1/meshes/shop/graph", status: 200, answers: map[string]string{"ETag": `W/"1795000000000"`},
			want: `{"mesh":"shop","window":"30s","fresh":true,"edges":[{"from":"front","to":"reviews-v1","requestRate":74.8,"health":"degraded","pool":{"connections":0}}]}`,
		},
		{name: "graph over a window", method: "GET", url: "/api/v1/meshes/shop/graph?window=1m", status: 200, want: `{"window":"1m0s"}`},
		{name: "graph over too much", method: "GET", url: "/api/v1/meshes/shop/graph?window=1d", status: 422, wantIn: []string{"from 1s to 5m"}},
		{name: "graph of the past", method: "GET", url: "/api/v1/meshes/shop/graph?at=2020-01-01T00:00:00Z", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "graph of an hour ago", method: "GET", url: "/api/v1/meshes/shop/graph?at=-1h", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "frames", method: "GET", url: "/api/v1/meshes/shop/graph/frames", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "difference", method: "GET", url: "/api/v1/meshes/shop/graph/diff?from=-1h", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "plot", method: "GET", url: "/api/v1/meshes/shop/plot", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "sources", method: "GET", url: "/api/v1/sources", status: 501, wantIn: []string{"there are no sources of metrics"}},
		{name: "targets", method: "GET", url: "/api/v1/targets", status: 501, wantIn: []string{"scrapes nothing"}},
		{name: "question", method: "GET", url: "/api/v1/query?query=up", status: 503, want: `{"status":"error","errorType":"unavailable"}`, wantIn: []string{"no store of metrics is configured"}},
		{name: "graph of no time", method: "GET", url: "/api/v1/meshes/shop/graph?at=yesterday", status: 422, wantIn: []string{"write a time as in"}},
		{name: "unknown parameter", method: "GET", url: "/api/v1/meshes/shop/graph?windw=1m", status: 422, wantIn: []string{"query.windw", "unknown query parameter"}},
		{name: "proxies", method: "GET", url: "/api/v1/meshes/shop/proxies", status: 200, want: `{"items":[{"id":"a-0","state":"synced"},{"id":"b-0"}]}`},
		{name: "proxies refused under another mesh", method: "GET", url: "/api/v1/meshes/stranger/proxies", status: 200, want: `{"items":[{"state":"refused"}]}`},
		{name: "proxies of no mesh", method: "GET", url: "/api/v1/meshes/none/proxies", status: 404},
		{name: "proxy", method: "GET", url: "/api/v1/meshes/shop/proxies/a-0", status: 200, want: `{"node":"a"}`},
		{name: "no such proxy", method: "GET", url: "/api/v1/meshes/shop/proxies/c-0", status: 404},
		{name: "what a proxy runs", method: "GET", url: "/api/v1/meshes/shop/proxies/a-0/config?type=route&q=egress&page=2&limit=10", status: 200, want: `{"type":"route","total":11,"resources":[{"name":"egress-11","progress":"running"}],"warnings":[]}`},
		{name: "what a proxy runs of nothing", method: "GET", url: "/api/v1/meshes/shop/proxies/a-0/config?type=filter", status: 422, wantIn: []string{"query.type"}},
		{name: "what a proxy runs before page 1", method: "GET", url: "/api/v1/meshes/shop/proxies/a-0/config?type=route&page=0", status: 422, wantIn: []string{"query.page"}},
		{name: "what no proxy runs", method: "GET", url: "/api/v1/meshes/shop/proxies/c-0/config?type=route", status: 404, want: `{"code":"not_found"}`},
		{name: "statistics", method: "GET", url: "/api/v1/meshes/shop/proxies/a-0/stats?filter=CX", status: 200, want: `{"total":1,"all":2,"items":[{"name":"envoy_cluster_upstream_cx_active","value":3}],"window":"1m"}`},
		{name: "statistics of no proxy", method: "GET", url: "/api/v1/meshes/shop/proxies/c-0/stats", status: 404},
		{name: "drift", method: "GET", url: "/api/v1/meshes/shop/drift", status: 200, want: `{"mesh":"shop","connected":2,"behind":[],"objects":[],"traffic":true,"window":"30s","undeclared":[]}`},
		{name: "drift of no mesh", method: "GET", url: "/api/v1/meshes/none/drift", status: 404},
		{name: "changes", method: "GET", url: "/api/v1/changes?mesh=shop", status: 200, want: `{"items":[{"mesh":"shop","author":"setup","accepted":{"revision":1}}],"next":null}`},
		{name: "changes of half an object", method: "GET", url: "/api/v1/changes?kind=route", status: 422, wantIn: []string{"kind and name go together"}},
		{name: "no such change", method: "GET", url: "/api/v1/changes/nonesuch", status: 404},
		{name: "version", method: "GET", url: "/api/v1/version", status: 200, want: `{"version":"test"}`},
		{name: "live", method: "GET", url: "/livez", status: 200, wantIn: []string{"ok"}},
		{name: "ready", method: "GET", url: "/readyz?verbose", status: 200, wantIn: []string{"ok"}},
		{name: "description", method: "GET", url: "/api/v1/openapi.json", status: 200, wantIn: []string{`"openapi": "3.1.0"`, "connection-pool"}},
		{name: "nothing here", method: "GET", url: "/api/v1/everything", status: 404, want: `{"code":"not_found"}`, answers: map[string]string{"Content-Type": "application/problem+json"}},
		{name: "wrong verb", method: "DELETE", url: "/api/v1/changes", status: 405},
		{name: "poll", method: "GET", url: "/api/v1/live/poll?view=graph:shop", status: 200, want: `{"v":"graph:shop","total":1}`},
		{name: "poll of nothing", method: "GET", url: "/api/v1/live/poll?view=graph:none", status: 404},
		{name: "poll without a view", method: "GET", url: "/api/v1/live/poll", status: 422, wantIn: []string{"query.view"}},
	})
}

const weights = "/api/v1/meshes/shop/routers/reviews/routes/primary/weights"

func TestWeights(t *testing.T) {
	b := newBench(t)
	check(t, b, []scenario{
		{
			name: "dry run", method: "PUT", url: weights + "?dryRun=true", body: `{"weights":{"reviews-v1":50,"reviews-v2":50}}`, status: 202,
			want: `{"dryRun":true,"kind":"route","name":"reviews/primary","state":"kept"}`, wantIn: []string{"weight: 50"}, answers: map[string]string{"Location": ""},
		},
		{name: "nothing happened", method: "GET", url: "/api/v1/meshes/shop/routes/reviews/primary", status: 200, want: `{"version":1,"targets":[{"weight":75},{"weight":25}]}`},
		{
			name: "split", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":50,"reviews-v2":50},"reason":"half and half"}`,
			headers: map[string]string{"X-Weir-Author": "kim", "If-Match": `"1"`, "Idempotency-Key": "k1"}, status: 202,
			want: `{"mesh":"shop","kind":"route","name":"reviews/primary","author":"kim","reason":"half and half","accepted":{"revision":2},"state":"kept"}`,
		},
		{
			name: "repeat with the same key and condition", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":50,"reviews-v2":50},"reason":"half and half"}`,
			headers: map[string]string{"X-Weir-Author": "kim", "If-Match": `"1"`, "Idempotency-Key": "k1"}, status: 202, want: `{"accepted":{"revision":2}}`,
		},
		{name: "the timeout stayed", method: "GET", url: "/api/v1/meshes/shop/routes/reviews/primary", status: 200, want: `{"version":2,"timeout":{"perRequest":"5s"},"targets":[{"weight":50},{"weight":50}]}`},
		{
			name: "stale", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, headers: map[string]string{"If-Match": `"1"`}, status: 412,
			want: `{"code":"conflict","changed":{"author":"kim","reason":"half and half","accepted":{"revision":2}}}`, wantIn: []string{"kim"},
		},
		{name: "as it is", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":50,"reviews-v2":50}}`, status: 200, want: `{"author":"kim","accepted":{"revision":2}}`},
		{name: "as it is, dry", method: "PUT", url: weights + "?dryRun=true", body: `{"weights":{"reviews-v1":50,"reviews-v2":50}}`, status: 200, want: `{"dryRun":true,"summary":"nothing would change"}`},
		{name: "unconditional with a key", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":40,"reviews-v2":60}}`, headers: map[string]string{"Idempotency-Key": "k2"}, status: 202, want: `{"accepted":{"revision":3}}`},
		{name: "its repeat", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":40,"reviews-v2":60}}`, headers: map[string]string{"Idempotency-Key": "k2"}, status: 202, want: `{"accepted":{"revision":3}}`},
		{name: "its key for something else", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":41,"reviews-v2":59}}`, headers: map[string]string{"Idempotency-Key": "k2"}, status: 409, wantIn: []string{"use a new key"}},
		{name: "a target is missing", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":100}}`, status: 422, want: `{"code":"invalid"}`, wantIn: []string{"no weight is given for reviews-v2"}},
		{name: "a target is unknown", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":50,"reviews-v3":50}}`, status: 422, wantIn: []string{"no weight is given for reviews-v2; reviews-v3 is no target of it"}},
		{name: "negative", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":-1,"reviews-v2":101}}`, status: 422, wantIn: []string{"targets[0].weight", "-1"}},
		{name: "sum of zero", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":0,"reviews-v2":0}}`, status: 422, wantIn: []string{"reviews/primary"}},
		{name: "a fraction", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":0.5,"reviews-v2":0.5}}`, status: 422, wantIn: []string{"body.weights.reviews-v1", "expected integer"}},
		{name: "an unknown field", method: "PUT", url: weights, body: `{"wieghts":{"reviews-v1":50},"weights":{"reviews-v1":50,"reviews-v2":50}}`, status: 422, wantIn: []string{"body.wieghts"}},
		{name: "no weights", method: "PUT", url: weights, body: `{}`, status: 422, wantIn: []string{"weights"}},
		{name: "no body", method: "PUT", url: weights, status: 400, want: `{"code":"invalid"}`},
		{name: "no JSON", method: "PUT", url: weights, body: `weights: {}`, status: 400, want: `{"code":"invalid"}`},
		{name: "no such route", method: "PUT", url: strings.Replace(weights, "primary", "second", 1), body: `{"weights":{"a":1}}`, status: 404},
		{name: "no version", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, headers: map[string]string{"If-Match": "yes"}, status: 422, wantIn: []string{"If-Match"}},
		{name: "an author with markup", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, headers: map[string]string{"X-Weir-Author": "<b>me</b>"}, status: 422, wantIn: []string{"X-Weir-Author"}},
		{name: "too short to confirm", method: "PUT", url: weights, body: `{"weights":{"reviews-v1":1,"reviews-v2":1},"confirmWithin":"10ms"}`, status: 422, wantIn: []string{"confirmWithin"}},
		{name: "5 MB", method: "PUT", url: weights, body: `{"reason":"` + strings.Repeat("x", 5<<20) + `"}`, status: 413, want: `{"code":"invalid"}`},
	})
}

func TestPool(t *testing.T) {
	const pool = "/api/v1/meshes/shop/nodes/reviews-v1/connection-pool"
	const doors = "/api/v1/meshes/shop/nodes/two-doors/connection-pool"
	check(t, newBench(t), []scenario{
		{name: "one limit", method: "PUT", url: pool, body: `{"maxConnections":200}`, status: 202, want: `{"kind":"node","name":"reviews-v1"}`},
		{name: "the other stayed", method: "GET", url: "/api/v1/meshes/shop/nodes/reviews-v1", status: 200, want: `{"listeners":[{"connectionPool":{"maxConnections":200,"maxPendingRequests":50}}]}`},
		{name: "null removes", method: "PUT", url: pool, body: `{"maxConnections":null,"maxPendingRequests":null}`, status: 202},
		{name: "no pool is left", method: "GET", url: "/api/v1/meshes/shop/nodes/reviews-v1", status: 200, want: `{"listeners":[{"connectionPool":null}]}`},
		{name: "zero", method: "PUT", url: pool, body: `{"maxConnections":0}`, status: 422, wantIn: []string{"maxConnections"}},
		{name: "nothing", method: "PUT", url: pool, body: `{}`, status: 422, wantIn: []string{"give at least one"}},
		{name: "unknown field", method: "PUT", url: pool, body: `{"maxConnection":10}`, status: 422, wantIn: []string{"body.maxConnection"}},
		{name: "text", method: "PUT", url: pool, body: `{"maxConnections":"many"}`, status: 422, wantIn: []string{"body.maxConnections"}},
		{name: "which listener", method: "PUT", url: doors, body: `{"maxRequests":10}`, status: 422, wantIn: []string{"give the port, one of 8080, 9090"}},
		{name: "no such listener", method: "PUT", url: doors, body: `{"port":1,"maxRequests":10}`, status: 422, wantIn: []string{"no listener on port 1"}},
		{name: "this listener", method: "PUT", url: doors, body: `{"port":9090,"maxRequests":10}`, status: 202},
		{name: "it alone", method: "GET", url: "/api/v1/meshes/shop/nodes/two-doors", status: 200, want: `{"listeners":[{"port":8080,"connectionPool":null},{"port":9090,"connectionPool":{"maxRequests":10}}]}`},
		{name: "no such node", method: "PUT", url: "/api/v1/meshes/shop/nodes/none/connection-pool", body: `{"maxRequests":10}`, status: 404},
	})
}

func TestObjects(t *testing.T) {
	const route = "/api/v1/meshes/shop/routes/reviews/beta"
	const spec = `{"protocol":"http","match":{"prefix":"/beta"},"targets":[{"node":"reviews-v2","weight":1}]}`
	check(t, newBench(t), []scenario{
		{name: "create", method: "PUT", url: route, body: spec, headers: map[string]string{"If-None-Match": "*"}, status: 202, want: `{"kind":"route","name":"reviews/beta"}`},
		{name: "create again", method: "PUT", url: route, body: spec, headers: map[string]string{"If-None-Match": "*"}, status: 412, wantIn: []string{"was created by anonymous"}},
		{
			name: "replace with the answer's own fields", method: "PUT", url: route, status: 202,
			body: `{"kind":"route","mesh":"shop","router":"reviews","name":"beta","protocol":"http","priority":5,"match":{"prefix":"/beta"},"targets":[{"node":"reviews-v1","weight":1}],"version":1}`,
		},
		{
			name: "the body's version is a condition", method: "PUT", url: route, status: 412,
			body: `{"protocol":"http","priority":6,"match":{"prefix":"/beta"},"targets":[{"node":"reviews-v1","weight":1}],"version":1}`,
		},
		{name: "another name in the body", method: "PUT", url: route, body: `{"name":"gamma","protocol":"http"}`, status: 422, wantIn: []string{`the address says \"beta\"`}},
		{name: "unknown field", method: "PUT", url: route, body: `{"protocol":"http","match":{"prefx":"/"}}`, status: 422, wantIn: []string{"match.prefx", "is not a field here"}},
		{name: "broken expression", method: "PUT", url: route, body: `{"protocol":"http","match":{"path":{"regex":"(["}},"targets":[{"node":"reviews-v2","weight":1}]}`, status: 422, wantIn: []string{"match.path.regex"}},
		{name: "unknown node", method: "PUT", url: route, body: `{"protocol":"http","match":{"prefix":"/"},"targets":[{"node":"ghost","weight":1}]}`, status: 422, wantIn: []string{"ghost"}},
		{name: "not JSON", method: "PUT", url: route, body: `protocol: http`, status: 422, wantIn: []string{"not a JSON object"}},
		{name: "cut off", method: "PUT", url: route, body: `{"protocol":`, status: 422, wantIn: []string{"ends too early"}},
		{name: "a router in use", method: "DELETE", url: "/api/v1/meshes/shop/routers/reviews", status: 409, want: `{"code":"conflict"}`, wantIn: []string{"in use by"}},
		{name: "delete", method: "DELETE", url: route, headers: map[string]string{"Idempotency-Key": "d"}, status: 202, want: `{"kind":"route","name":"reviews/beta"}`},
		{name: "delete with the same key", method: "DELETE", url: route, headers: map[string]string{"Idempotency-Key": "d"}, status: 202, want: `{"kind":"route","name":"reviews/beta"}`},
		{name: "delete again", method: "DELETE", url: route, status: 404},
		{name: "a new mesh", method: "PUT", url: "/api/v1/meshes/attic", body: `{"egressFilter":"ALLOW_ALL"}`, status: 202, want: `{"mesh":"attic","kind":"mesh"}`},
		{name: "its settings", method: "GET", url: "/api/v1/meshes/attic", status: 200, want: `{"egressFilter":"ALLOW_ALL","version":1,"objects":{"nodes":0}}`},
		{name: "delete it", method: "DELETE", url: "/api/v1/meshes/attic", status: 202},
		{name: "gone", method: "GET", url: "/api/v1/meshes/attic", status: 404},
		{name: "a bad filter", method: "PUT", url: "/api/v1/meshes/shop", body: `{"egressFilter":"SOME"}`, status: 422, wantIn: []string{"egressFilter"}},
	})
}

func TestApply(t *testing.T) {
	const one = "kind: node\nmesh: shop\nname: extra\nlisteners: [{port: 1, protocol: tcp}]\nserviceDiscovery: {registration: {}}\n"
	check(t, newBench(t), []scenario{
		{name: "nothing new", method: "POST", url: "/api/v1/apply", body: readFile(t, "testdata/shop.yaml"), status: 200, want: `{"mesh":"shop","author":"setup"}`},
		{name: "one object", method: "POST", url: "/api/v1/apply?reason=more", body: one, status: 202, want: `{"kind":"node","name":"extra","reason":"more"}`},
		{name: "a new mesh", method: "POST", url: "/api/v1/apply", body: strings.ReplaceAll(readFile(t, "testdata/shop.yaml"), "mesh: shop", "mesh: mall"), status: 202, want: `{"mesh":"mall","kind":"mesh"}`},
		{name: "objects make a mesh", method: "POST", url: "/api/v1/meshes/kiosk/apply", body: "kind: router\nname: r\nlisteners: [{port: 80, protocol: http}]\n", status: 202, want: `{"mesh":"kiosk"}`},
		{name: "which mesh", method: "POST", url: "/api/v1/apply", body: "kind: router\nname: r\nlisteners: [{port: 80, protocol: http}]\n", status: 422, wantIn: []string{"does not say of which mesh"}},
		{name: "another mesh", method: "POST", url: "/api/v1/meshes/mall/apply", body: one, status: 422, wantIn: []string{"apply one mesh at a time"}},
		{name: "two meshes", method: "POST", url: "/api/v1/apply", body: one + "---\n" + strings.Replace(one, "shop", "mall", 1), status: 422, wantIn: []string{"document 2"}},
		{name: "an unknown field", method: "POST", url: "/api/v1/apply", body: one + "colour: red\n", status: 422, wantIn: []string{"colour"}},
		{name: "no YAML", method: "POST", url: "/api/v1/apply", body: "{{{", status: 422},
		{name: "nothing", method: "POST", url: "/api/v1/apply", status: 400, wantIn: []string{"body is required"}},
		{name: "5 MB", method: "POST", url: "/api/v1/apply", body: strings.Repeat("#", 5<<20), status: 413, wantIn: []string{"larger than 1 MiB", "split it"}},
		{name: "calls may leave the mesh", method: "PUT", url: "/api/v1/meshes/shop", body: `{"egressFilter":"ALLOW_ALL"}`, status: 202},
		{
			name: "some of its nodes", method: "POST", url: "/api/v1/apply", status: 202, want: `{"kind":"node","name":"another"}`,
			body: "mesh: shop\nnodes: [{name: another, listeners: [{port: 1, protocol: tcp}], serviceDiscovery: {registration: {}}}]\n",
		},
		{name: "what was not named stays", method: "GET", url: "/api/v1/meshes/shop", status: 200, want: `{"egressFilter":"ALLOW_ALL","version":2}`},
		{name: "an invalid mesh leaves nothing", method: "POST", url: "/api/v1/meshes/ruin/apply", body: "kind: service\nname: s\nrouter: none\n", status: 422, wantIn: []string{"none"}},
		{name: "no ruin", method: "GET", url: "/api/v1/meshes/ruin", status: 404},
	})
}

func TestChanges(t *testing.T) {
	b := newBench(t)
	pending := b.change(t, scenario{method: "PUT", url: weights, body: `{"weights":{"reviews-v1":10,"reviews-v2":90},"confirmWithin":"1h"}`, status: 202})
	check(t, b, []scenario{
		{name: "pending", method: "GET", url: "/api/v1/changes?state=pending", status: 200, want: `{"items":[{"state":"pending"}]}`},
		{name: "programmed", method: "GET", url: "/api/v1/changes/" + pending + "?wait=programmed&for=20s", status: 200, want: `{"programmed":{"acked":2,"total":2}}`},
		{name: "confirm", method: "POST", url: "/api/v1/changes/" + pending + "/confirm", headers: map[string]string{"X-Weir-Author": "lee"}, status: 202, want: `{"state":"kept"}`},
		{name: "revert what is kept", method: "POST", url: "/api/v1/changes/" + pending + "/revert", status: 409, wantIn: []string{"undo it instead"}},
		{name: "undo, dry", method: "POST", url: "/api/v1/changes/" + pending + "/undo?dryRun=true", status: 202, want: `{"dryRun":true,"undoes":"` + pending + `"}`},
		{name: "undo", method: "POST", url: "/api/v1/changes/" + pending + "/undo", body: `{"reason":"no"}`, status: 202, want: `{"undoes":"` + pending + `","reason":"no"}`},
		{name: "undone", method: "GET", url: "/api/v1/changes/" + pending, status: 200, want: `{"state":"undone"}`},
		{name: "undo again", method: "POST", url: "/api/v1/changes/" + pending + "/undo", status: 409},
		{name: "undo nothing", method: "POST", url: "/api/v1/changes/none/undo", status: 404},
		{name: "of the route", method: "GET", url: "/api/v1/changes?mesh=shop&kind=route&name=reviews/primary&limit=1", status: 200, want: `{"items":[{"undoes":"` + pending + `"}]}`},
		{name: "wait too long", method: "GET", url: "/api/v1/changes/" + pending + "?wait=programmed&for=1h", status: 422, wantIn: []string{"at most 30s"}},
		{name: "wait for nothing", method: "GET", url: "/api/v1/changes/" + pending + "?wait=christmas", status: 422},
	})
	t.Run("pages", func(t *testing.T) {
		b.t = t
		_, body := b.do(scenario{method: "GET", url: "/api/v1/changes?limit=2"})
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Items) != 2 || page.Next != page.Items[1].ID {
			t.Fatalf("first page (%v): %s", err, body)
		}
		_, body = b.do(scenario{method: "GET", url: "/api/v1/changes?limit=2&before=" + page.Next})
		if !strings.Contains(body, `"author":"setup"`) || !strings.Contains(body, `"next":null`) {
			t.Errorf("last page: %s", body)
		}
	})
	t.Run("rejected", func(t *testing.T) {
		b.t = t
		b.fleet.mu.Lock()
		b.fleet.refuse = "no such filter"
		b.fleet.mu.Unlock()
		id := b.change(t, scenario{method: "PUT", url: weights, body: `{"weights":{"reviews-v1":11,"reviews-v2":89}}`, status: 202})
		check(t, b, []scenario{{
			name: "says who", method: "GET", url: "/api/v1/changes/" + id + "?wait=observed&for=20s", status: 200,
			want: `{"programmed":{"acked":1,"total":2,"rejected":[{"proxy":"b-0","message":"no such filter"}]}}`,
		}})
	})
}

// change makes a change and gives its id.
func (b *bench) change(t *testing.T, s scenario) string {
	t.Helper()
	response, body := b.do(s)
	var c struct{ ID string }
	if err := json.Unmarshal([]byte(body), &c); err != nil || c.ID == "" || response.StatusCode != s.status {
		t.Fatalf("status %d: %s", response.StatusCode, body)
	}
	if got := response.Header.Get("Location"); got != "/api/v1/changes/"+c.ID {
		t.Errorf("Location is %q", got)
	}
	return c.ID
}

func TestGuard(t *testing.T) {
	put := func(headers map[string]string, status int, in ...string) scenario {
		return scenario{method: "PUT", url: weights + "?dryRun=true", body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, headers: headers, status: status, wantIn: in}
	}
	named := func(name string, s scenario) scenario { s.name = name; return s }
	get := func(host string, status int) scenario {
		return scenario{name: host, method: "GET", url: "/api/v1/meshes", headers: map[string]string{"Host": host}, status: status}
	}
	socket := func(name, origin string, status int) scenario {
		h := map[string]string{"Host": "localhost:8080", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
		if origin != "" {
			h["Origin"] = origin
		}
		return scenario{name: "socket " + name, method: "GET", url: "/api/v1/live", headers: h, status: status}
	}
	check(t, newBench(t), []scenario{
		get("localhost:8080", 200), get("127.0.0.1", 200), get("[::1]:8080", 200), get("weir.localhost", 200), get("weir.example", 200), get("WEIR.example:80", 200),
		get("evil.example", 421), get("localhost.evil.example", 421), get("127.0.0.1.evil.example", 421), get("10.0.0.1", 421), get("[::ffff:10.0.0.1]", 421),
		named("no page", put(nil, 202)),
		named("own page", put(map[string]string{"Sec-Fetch-Site": "same-origin"}, 202)),
		named("other site", put(map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "another site")),
		named("sibling site", put(map[string]string{"Sec-Fetch-Site": "same-site"}, 403)),
		named("other origin", put(map[string]string{"Origin": "https://evil.example"}, 403)),
		named("null origin", put(map[string]string{"Origin": "null"}, 403)),
		socket("of another origin", "http://evil.example", 403),
		socket("of another port", "http://localhost:9090", 403),
		socket("of a file", "null", 403),
		socket("of no scheme", "localhost:8080", 403),
		{name: "socket without upgrade", method: "GET", url: "/api/v1/live", status: 426},
		{name: "pages are guarded too", method: "GET", url: "/somewhere", headers: map[string]string{"Host": "evil.example"}, status: 421},
	})
}

// TestNotReady shows which part is not.
func TestNotReady(t *testing.T) {
	b := newBench(t)
	b.api.o.Ready = func(context.Context) []Check {
		return []Check{{Name: "store", Note: "schema 7"}, {Name: "history", Err: http.ErrBodyNotAllowed, Minor: true}, {Name: "proxies", Err: http.ErrServerClosed}}
	}
	check(t, b, []scenario{
		{name: "short", method: "GET", url: "/readyz", status: 503, wantIn: []string{"not ready"}},
		{name: "verbose", method: "GET", url: "/readyz?verbose", status: 503, wantIn: []string{"[+]store ok: schema 7\n", "[!]history impaired: http: ", "[-]proxies failed: http: Server closed\n", "not ready\n"}},
	})
}
