package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

// The windows that live numbers can be asked for.
const (
	minWindow = time.Second
	maxWindow = 5 * time.Minute
)

type graphInput struct {
	InMesh
	Unless
	At     string `query:"at" maxLength:"40" doc:"The moment: RFC 3339, or how long ago as in -5m. Left out: now."`
	Window string `query:"window" maxLength:"20" doc:"What the numbers are taken over, as in 30s; 1s to 5m of the present, 5s to 24h of the past."`
	Choice
}

// Choice is what of a graph somebody wants to see.
type Choice struct {
	View  string   `query:"view" enum:"problems,focus,groups,table,whole" doc:"What to choose: what is wrong and how calls get there, the surroundings of one box, groups against each other (no boxes then), or all of it. The answer has a scene. Left out: all, without a scene; with focus: focus."`
	Focus string   `query:"focus" maxLength:"512" doc:"Of the view focus: a service, a version or an id of the graph."`
	Hops  int      `query:"hops" minimum:"1" maximum:"3" doc:"Of the view focus: how far callers and callees are shown. Left out: 1."`
	Hide  []string `query:"hide,explode" maxItems:"200" doc:"Ids or names of boxes that are not shown; may be repeated."`
	By    string   `query:"by" enum:"namespace,area,prefix,kind" doc:"Of the view groups: how services are grouped. Left out, or where the mesh's names do not tell: the way that serves best."`
}

// wish reads a choice; nil: everything.
func (c Choice) wish() (*graph.Wish, error) {
	w := graph.Wish{View: graph.View(c.View), Focus: c.Focus, Hops: c.Hops, Hide: c.Hide, By: c.By}
	if w.View == "" && w.Focus != "" {
		w.View = graph.ViewFocus
	}
	switch {
	case w.View == "" && w.Hops+len(w.Hide)+len(w.By) == 0:
		return nil, nil
	case w.View == "":
		return nil, mesh.Errorf(mesh.Invalid, "hops, hide and by belong to a view: add view, as in view=problems")
	case w.View == graph.ViewFocus && w.Focus == "":
		return nil, mesh.Errorf(mesh.Invalid, "view=focus needs something in the middle: add focus, as in focus=reviews")
	case w.View != graph.ViewFocus && (w.Focus != "" || w.Hops != 0):
		return nil, mesh.Errorf(mesh.Invalid, "focus and hops belong to view=focus, not to view=%s", w.View)
	case w.View != graph.ViewGroups && w.By != "":
		return nil, mesh.Errorf(mesh.Invalid, "by belongs to view=groups, not to view=%s", w.View)
	}
	return &w, nil
}

// chosen gives of a graph what is wished for.
func chosen(g graph.Graph, w *graph.Wish) (graph.Graph, error) {
	if w == nil {
		return g, nil
	}
	s := graph.Choose(g, *w, nil)
	if w.View == graph.ViewFocus && s.Center == "" {
		return g, mesh.Errorf(mesh.NotFound, "the graph of mesh %s has no %q: give a service, a version or an id of the graph", g.Mesh, w.Focus)
	}
	g.Nodes, g.Edges, g.Scene = append([]graph.Node{}, s.Nodes...), append([]graph.Edge{}, s.Edges...), &s
	return g, nil
}

// graphRoutes adds the graph's addresses.
func (a *API) graphRoutes() {
	huma.Register(a.huma, operation("get-graph", http.MethodGet, "/meshes/{mesh}/graph", "Show who calls whom, and how it goes or went"), a.getGraph)
	huma.Register(a.huma, operation("compare-graphs", http.MethodGet, "/meshes/{mesh}/graph/diff", "Show what is different between two moments, and what was changed between them"), a.compareGraphs)
	huma.Register(a.huma, operation("get-frames", http.MethodGet, "/meshes/{mesh}/graph/frames", "Show every edge's numbers over a span, moment by moment"), a.getFrames)
	huma.Register(a.huma, operation("get-plot", http.MethodGet, "/meshes/{mesh}/plot", "Show the numbers of an edge, of a node or of the mesh over a span"), a.getPlot)
}

func (a *API) getGraph(ctx context.Context, in *graphInput) (*answer[graph.Graph], error) {
	window, err := timeline.ParseLength("window", in.Window)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	wish, err := in.wish()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.At != "" && in.At != "now" || window > maxWindow && a.o.Timeline != nil {
		g, err := a.pastGraph(ctx, in.Mesh, in.At, window)
		if err == nil {
			g, err = chosen(g, wish)
		}
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		// Without an ETag: numbers of a moment just past may still come in.
		return &answer[graph.Graph]{Status: http.StatusOK, Body: g}, nil
	}
	if err := a.known(ctx, in.Mesh); err != nil {
		return nil, err
	}
	g, err := a.liveGraph(in.Mesh, window)
	if err == nil {
		g, err = chosen(g, wish)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[graph.Graph]{ETag: weak(g.At.UnixMilli()), Body: g}
	out.Status = fresh(in.IfNoneMatch, out.ETag)
	return out, nil
}

// liveGraph gives a mesh's graph of the present; a window of zero is the live one.
func (a *API) liveGraph(name string, window time.Duration) (graph.Graph, error) {
	live, ok := a.o.Graphs.Graph(name)
	if window == 0 {
		if !ok {
			return graph.Graph{}, mesh.Errorf(mesh.Unavailable, "the graph of mesh %s is not drawn yet: try again in a second", name)
		}
		return live, nil
	}
	if window < minWindow || window > maxWindow {
		return graph.Graph{}, mesh.Errorf(mesh.Invalid, "window %v: from 1s to 5m, as in 30s", window)
	}
	if drawn, err := time.ParseDuration(live.Window); ok && err == nil && drawn == window {
		return live, nil
	}
	if a.o.GraphOver == nil {
		return graph.Graph{}, mesh.Errorf(mesh.Invalid, "window %v: this server keeps only %s", window, live.Window)
	}
	return a.o.GraphOver(name, window)
}

// pastGraph gives a mesh's graph of a moment that has passed.
func (a *API) pastGraph(ctx context.Context, name, at string, window time.Duration) (graph.Graph, error) {
	moment, err := timeline.ParseMoment("at", at, "now", time.Now())
	if err != nil {
		return graph.Graph{}, err
	}
	past, err := a.past()
	if err != nil {
		return graph.Graph{}, err
	}
	return past.At(ctx, name, moment, window)
}

// past gives what answers about moments that have passed.
func (a *API) past() (Timeline, error) {
	if a.o.Timeline == nil {
		return nil, problem(http.StatusNotImplemented, "this server keeps no history: only the present is answered")
	}
	return a.o.Timeline, nil
}
