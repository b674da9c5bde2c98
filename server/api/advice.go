package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

type adviceInput struct {
	One
	Port               int     `query:"port" minimum:"1" maximum:"65535" doc:"The listener; needed when the node has several."`
	Hours              float64 `query:"hours" minimum:"0.1" maximum:"168" default:"1" doc:"How many of the last hours are looked at."`
	Wait               string  `query:"wait" maxLength:"20" doc:"How long a request may wait for a connection; 1ms to 1m. Left out: 100ms."`
	MaxConnections     int     `query:"maxConnections" minimum:"1" maximum:"2147483647" doc:"A limit to be replayed as well."`
	MaxPendingRequests int     `query:"maxPendingRequests" minimum:"1" maximum:"2147483647" doc:"Likewise."`
	MaxRequests        int     `query:"maxRequests" minimum:"1" maximum:"2147483647" doc:"Likewise."`
}

// adviceRoutes adds the address of advice.
func (a *API) adviceRoutes() {
	huma.Register(a.huma, operation("get-advice", http.MethodGet, "/meshes/{mesh}/nodes/{name}/advice",
		"Size a node's connection pool from its recorded load, with the evidence"), a.getAdvice)
}

func (a *API) getAdvice(ctx context.Context, in *adviceInput) (*answer[advice.Advice], error) {
	if a.o.Advise == nil {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Unavailable, "this server keeps no numbers, so there is nothing to advise from"))
	}
	wait, err := timeline.ParseLength("wait", in.Wait)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	ask := advice.Ask{Mesh: in.Mesh, Node: in.Name, Port: in.Port, Hours: in.Hours, Wait: wait}
	for _, l := range []struct {
		from int
		to   **int
	}{
		{in.MaxConnections, &ask.Try.MaxConnections},
		{in.MaxPendingRequests, &ask.Try.MaxPendingRequests},
		{in.MaxRequests, &ask.Try.MaxRequests},
	} {
		if l.from > 0 {
			*l.to = &l.from
		}
	}
	given, err := a.o.Advise(ctx, ask)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[advice.Advice]{Status: http.StatusOK, Body: given}, nil
}
