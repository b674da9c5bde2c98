package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// The windows that live numbers can be asked for, and how old "now" may be.
const (
	minWindow = time.Second
	maxWindow = 5 * time.Minute
	nowWithin = 5 * time.Second
)

type graphInput struct {
	InMesh
	Unless
	At     string `query:"at" maxLength:"40" doc:"The moment, RFC 3339. Only now so far: history comes later."`
	Window string `query:"window" maxLength:"20" doc:"What the numbers are taken over, as in 30s; 1s to 5m."`
}

// graphRoutes adds the graph's address.
func (a *API) graphRoutes() {
	huma.Register(a.huma, operation("get-graph", http.MethodGet, "/meshes/{mesh}/graph", "Show who calls whom, and how it goes"), a.getGraph)
}

func (a *API) getGraph(ctx context.Context, in *graphInput) (*answer[graph.Graph], error) {
	if err := a.known(ctx, in.Mesh); err != nil {
		return nil, err
	}
	if err := nearNow(in.At, time.Now()); err != nil {
		return nil, a.fail(ctx, err)
	}
	g, err := a.graphOf(in.Mesh, in.Window)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[graph.Graph]{ETag: weak(g.At.UnixMilli()), Body: g}
	out.Status = fresh(in.IfNoneMatch, out.ETag)
	return out, nil
}

// nearNow refuses moments of the past, which are not kept yet.
func nearNow(at string, now time.Time) error {
	if at == "" || at == "now" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "at %q: write a time as in 2026-11-22T17:00:00Z", shorten(at))
	}
	if age := now.Sub(t); age > nowWithin || age < -nowWithin {
		return problem(http.StatusNotImplemented, "at "+t.UTC().Format(time.RFC3339)+": only the present is kept, history comes later: leave at out")
	}
	return nil
}

// graphOf gives a mesh's graph over a window.
func (a *API) graphOf(name, window string) (graph.Graph, error) {
	live, ok := a.o.Graphs.Graph(name)
	if window == "" {
		if !ok {
			return graph.Graph{}, mesh.Errorf(mesh.Unavailable, "the graph of mesh %s is not drawn yet: try again in a second", name)
		}
		return live, nil
	}
	d, err := model.ParseDuration(window)
	over := time.Duration(d)
	if err != nil || over < minWindow || over > maxWindow {
		return graph.Graph{}, mesh.Errorf(mesh.Invalid, "window %q: from 1s to 5m, as in 30s", shorten(window))
	}
	if drawn, err := time.ParseDuration(live.Window); ok && err == nil && drawn == over {
		return live, nil
	}
	if a.o.GraphOver == nil {
		return graph.Graph{}, mesh.Errorf(mesh.Invalid, "window %q: this server keeps only %s", shorten(window), live.Window)
	}
	return a.o.GraphOver(name, over)
}
