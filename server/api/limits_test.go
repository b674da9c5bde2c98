package api

import "testing"

// TestLimits takes health limits through the API: they are fields of objects like any other.
func TestLimits(t *testing.T) {
	const (
		shop    = "/api/v1/meshes/shop"
		reviews = shop + "/services/reviews"
		limited = `{"router":"reviews","health":{"unhealthyErrors":0.02,"degradedP95":"300ms","objective":{"availability":0.999,"latency":"300ms","latencyShare":0.95}}}`
	)
	check(t, newBench(t), []scenario{
		{
			name: "dry run", method: "PUT", url: reviews + "?dryRun=true", body: limited, status: 202,
			want: `{"dryRun":true,"summary":"reviews: unhealthy above 2 % errors, degraded above a p95 of 300ms, promises 99.9 % availability and 95 % within 300ms over 30 d"}`,
		},
		{name: "set", method: "PUT", url: reviews, body: limited, headers: map[string]string{"If-Match": `"1"`}, status: 202, want: `{"kind":"service","name":"reviews"}`},
		{
			name: "as set", method: "GET", url: reviews, status: 200,
			want: `{"version":2,"health":{"unhealthyErrors":0.02,"degradedP95":"300ms","objective":{"availability":0.999,"latency":"300ms","latencyShare":0.95}}}`,
		},
		{name: "stale", method: "PUT", url: reviews, body: `{"router":"reviews"}`, headers: map[string]string{"If-Match": `"1"`}, status: 412},
		{
			name: "rules", method: "PUT", url: reviews, body: `{"router":"reviews","health":{"degradedErrors":2,"objective":{"availability":99.9}}}`, status: 422,
			wantIn: []string{"health.degradedErrors", "is a share from 0 to 1", "health.objective.availability"},
		},
		{name: "no number", method: "PUT", url: reviews, body: `{"router":"reviews","health":{"degradedErrors":"2 %"}}`, status: 422, wantIn: []string{"health.degradedErrors", "is a number"}},
		{name: "of the mesh", method: "PUT", url: shop, body: `{"health":{"saturation":0.9}}`, status: 202, want: `{"summary":"shop: pools nearly full above 90 %"}`},
		{name: "the mesh's", method: "GET", url: shop, status: 200, want: `{"version":2,"health":{"saturation":0.9}}`},
		{
			name: "a definition that does not name them", method: "POST", url: "/api/v1/apply", status: 202, want: `{"kind":"node","name":"another"}`,
			body: "mesh: shop\nnodes: [{name: another, listeners: [{port: 1, protocol: tcp}], serviceDiscovery: {registration: {}}}]\n",
		},
		{name: "leaves them", method: "GET", url: shop, status: 200, want: `{"version":2,"health":{"saturation":0.9}}`},
		{name: "one that does", method: "POST", url: "/api/v1/apply", body: "mesh: shop\nhealth: {minFailures: 10}\n", status: 202, want: `{"kind":"mesh","name":"shop"}`},
		{name: "replaces them", method: "GET", url: shop, status: 200, want: `{"version":3,"health":{"minFailures":10}}`},
	})
}
