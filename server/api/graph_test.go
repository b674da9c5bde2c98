package api

import "testing"

// TestGraphByView asks for what views choose of a graph.
func TestGraphByView(t *testing.T) {
	const graph = "/api/v1/meshes/shop/graph"
	check(t, newBench(t), []scenario{
		{
			name: "problems", method: "GET", url: graph + "?view=problems", status: 200,
			want: `{"edges":[{"from":"front","to":"reviews-v1"}],"scene":{"view":"problems","problems":1,"paths":[{"from":"front","to":"reviews-v1","shown":true}]}}`,
		},
		{name: "focus without a view", method: "GET", url: graph + "?focus=front&hops=3", status: 200, want: `{"scene":{"view":"focus","center":"front"}}`},
		{name: "focus and hidden", method: "GET", url: graph + "?view=focus&focus=front&hide=reviews-v1&hide=nobody", status: 200, want: `{"edges":[],"scene":{"hid":1,"hidProblems":1}}`},
		{name: "groups", method: "GET", url: graph + "?view=groups&by=kind", status: 200, want: `{"nodes":[],"edges":[],"scene":{"groups":{"by":"kind"}}}`},
		{name: "whole", method: "GET", url: graph + "?view=whole", status: 200, want: `{"scene":{"view":"whole"}}`},
		{name: "over a window", method: "GET", url: graph + "?view=problems&window=1m", status: 200, want: `{"window":"1m0s","scene":{"view":"problems"}}`},
		{name: "nothing in the middle", method: "GET", url: graph + "?view=focus", status: 422, wantIn: []string{"add focus, as in focus=reviews"}},
		{name: "unknown middle", method: "GET", url: graph + "?focus=%3Cimg%20onerror%3E", status: 404, wantIn: []string{"give a service, a version or an id"}},
		{name: "unknown view", method: "GET", url: graph + "?view=hairball", status: 422, wantIn: []string{"query.view"}},
		{name: "too many hops", method: "GET", url: graph + "?focus=front&hops=4", status: 422, wantIn: []string{"query.hops"}},
		{name: "hops of nothing", method: "GET", url: graph + "?hops=2", status: 422, wantIn: []string{"belong to a view"}},
		{name: "focus of another view", method: "GET", url: graph + "?view=groups&focus=front", status: 422, wantIn: []string{"belong to view=focus"}},
		{name: "groups of another view", method: "GET", url: graph + "?view=problems&by=kind", status: 422, wantIn: []string{"by belongs to view=groups"}},
		{name: "of the past", method: "GET", url: graph + "?view=problems&at=-1h", status: 501, wantIn: []string{"this server keeps no history"}},
		{name: "poll", method: "GET", url: "/api/v1/live/poll?view=problems:shop%3Fhide%3Dfront", status: 200, want: `{"scene":{"hid":1}}`},
		{name: "poll with an unknown option", method: "GET", url: "/api/v1/live/poll?view=problems:shop%3Fcolour%3Dred", status: 422, wantIn: []string{"has no option"}},
	})
}
