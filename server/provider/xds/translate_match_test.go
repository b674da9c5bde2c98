package xds

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestEnvoyMatches sends requests that only one route should take, and requests that only nearly match.
func TestEnvoyMatches(t *testing.T) {
	routes := []struct{ node, match, more string }{
		{"urgent", "{prefix: /, headers: [{name: X-Urgent}]}", "priority: 0"},
		{"exact", "{path: {exact: /items/new}}", "priority: 5"},
		{"regex", `{path: {regex: "/items/[0-9]+"}}`, "priority: 5"},
		{"items", "{prefix: /items}", "priority: 5"},
		{"old", "{prefix: /items/old}", "priority: 5"},
		{"post", "{prefix: /items/old, method: POST}", "priority: 5"},
		{"plain", "{prefix: /scheme, scheme: http}", "priority: 6"},
		{"tls", "{prefix: /scheme/tls, scheme: https}", "priority: 6"},
		{"hexact", "{prefix: /h, headers: [{name: X-A, exact: one}]}", "priority: 7"},
		{"hprefix", "{prefix: /h, headers: [{name: x-b, prefix: one}]}", "priority: 7"},
		{"hsuffix", "{prefix: /h, headers: [{name: x-c, suffix: one}]}", "priority: 7"},
		{"hregex", `{prefix: /h, headers: [{name: x-d, regex: "[a-c]+"}]}`, "priority: 7"},
		{"hrange", "{prefix: /h, headers: [{name: x-e, range: {start: -1, end: 10}}]}", "priority: 7"},
		{"habsent", "{prefix: /absent, headers: [{name: x-f, invert: true}]}", "priority: 7"},
		{"hnot", "{prefix: /not, headers: [{name: x-g, exact: one, invert: true}]}", "priority: 7"},
		{"qexact", `{prefix: /q, queryParameters: [{name: beta, exact: "1"}]}`, "priority: 7"},
		{"qpresent", "{prefix: /q, queryParameters: [{name: debug}]}", "priority: 7"},
		{"rest", "{prefix: /}", "priority: 9"},
	}
	var nodes []string
	var text strings.Builder
	for _, r := range routes {
		nodes = append(nodes, r.node)
		fmt.Fprintf(&text, "- {router: web, name: %s, protocol: http, match: %s, targets: [{node: %s, weight: 1}], %s}\n", r.node, r.match, r.node, r.more)
	}
	c, _ := startClient(t, `
name: m
nodes:
- {name: client, backends: [{service: Web.local}, {service: reserved.local}]}
`+httpNodes(nodes...)+`
services: [{name: Web.local, router: web}, {name: reserved.local}]
routers: [{name: web, listeners: [{port: 80, protocol: http}]}]
routes:
`+text.String(), nodes)
	for _, tc := range matchCases {
		if tc.host == "" {
			tc.host = "web.local"
		}
		tc.call.do(t, c.egress).expect(t, tc.want)
	}
}

var matchCases = []struct {
	call
	want string
}{
	{call{path: "/"}, "rest"},
	{call{path: "/", host: "Web.local"}, "rest"},
	{call{path: "/", host: "WEB.LOCAL:80"}, "rest"},
	{call{path: "/", host: "web.local:15001"}, "rest"},
	{call{path: "/", host: "reserved.local"}, "404"},
	{call{path: "/", host: "reserved.local:80"}, "404"},
	{call{path: "/", host: "example.com"}, "404"},
	{call{path: "/", host: "other.web.local"}, "404"},
	{call{path: "/items/new"}, "exact"},
	{call{path: "/items/new?a=b"}, "exact"},
	{call{path: "/items/new/one"}, "items"},
	{call{path: "/items/42"}, "regex"},
	{call{path: "/items/42?a=b"}, "regex"},
	{call{path: "/items/42x"}, "items"},
	{call{path: "/itemsandmore"}, "items"},
	{call{path: "/items/older"}, "old"},
	{call{path: "/items/old", method: "POST"}, "post"},
	{call{path: "//items///old"}, "old"},
	{call{path: "/rest/../items/old"}, "old"},
	{call{path: "/items/new", header: []string{"x-urgent: "}}, "urgent"},
	{call{path: "/items/old", method: "POST", header: []string{"X-URGENT: yes"}}, "urgent"},
	{call{path: "/scheme/tls"}, "plain"},
	{call{path: "/h", header: []string{"x-a: one"}}, "hexact"},
	{call{path: "/h", header: []string{"x-a: One"}}, "rest"},
	{call{path: "/h", header: []string{"x-a: one "}}, "hexact"},
	{call{path: "/h", header: []string{"x-b: onetwo"}}, "hprefix"},
	{call{path: "/h", header: []string{"x-b: twoone"}}, "rest"},
	{call{path: "/h", header: []string{"x-c: twoone"}}, "hsuffix"},
	{call{path: "/h", header: []string{"x-c: onetwo"}}, "rest"},
	{call{path: "/h", header: []string{"x-d: abc"}}, "hregex"},
	{call{path: "/h", header: []string{"x-d: abcd"}}, "rest"},
	{call{path: "/h", header: []string{"x-e: -1"}}, "hrange"},
	{call{path: "/h", header: []string{"x-e: 9"}}, "hrange"},
	{call{path: "/h", header: []string{"x-e: 10"}}, "rest"},
	{call{path: "/h", header: []string{"x-e: nine"}}, "rest"},
	{call{path: "/absent"}, "habsent"},
	{call{path: "/absent", header: []string{"x-f: one"}}, "rest"},
	{call{path: "/not"}, "rest"},
	{call{path: "/not", header: []string{"x-g: two"}}, "hnot"},
	{call{path: "/not", header: []string{"x-g: one"}}, "rest"},
	{call{path: "/q?beta=1"}, "qexact"},
	{call{path: "/q?a=b&beta=1"}, "qexact"},
	{call{path: "/q?beta=2"}, "rest"},
	{call{path: "/q?debug"}, "qpresent"},
	{call{path: "/q?debug=no"}, "qpresent"},
	{call{path: "/q"}, "rest"},
}

// TestEnvoyWeights counts the split of 1,200 requests; the bound is five standard deviations.
func TestEnvoyWeights(t *testing.T) {
	c, _ := startClient(t, `
name: m
nodes:
- {name: client, backends: [{service: web}]}
`+httpNodes("v1", "v2", "v3")+`
services: [{name: web, router: web}]
routers: [{name: web, listeners: [{port: 80, protocol: http}]}]
routes:
- {router: web, name: all, protocol: http, match: {prefix: /}, targets: [{node: v1, weight: 300000}, {node: v2, weight: 100000}, {node: v3, weight: 0}]}
`, []string{"v1", "v2", "v3"})
	const n = 1200
	counts := map[string]int{}
	for range n {
		counts[call{host: "web", path: "/"}.do(t, c.egress).echoed.Node]++
	}
	bound := 5 * math.Sqrt(n*0.75*0.25)
	if got := float64(counts["v1"]); math.Abs(got-0.75*n) > bound || counts["v3"] != 0 || counts["v1"]+counts["v2"] != n {
		t.Errorf("of %d requests: %v; want three quarters for v1, the rest for v2 and none for v3", n, counts)
	}
}
