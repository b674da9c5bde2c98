package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/provider"
)

// Replicas knows the processes of the installation.
type Replicas interface {
	Replicas(ctx context.Context) provider.Installation
}

// replicaRoutes adds the address of what Weir itself consists of.
func (a *API) replicaRoutes() {
	huma.Register(a.huma, operation("list-replicas", http.MethodGet, "/replicas", "List the replicas: which one answers, which one acts by itself, which ones went lately"),
		func(ctx context.Context, _ *struct{}) (*answer[provider.Installation], error) {
			if a.o.Replicas == nil {
				return nil, a.fail(ctx, problem(http.StatusNotImplemented, "this server does not know of replicas"))
			}
			return &answer[provider.Installation]{Status: http.StatusOK, Body: a.o.Replicas.Replicas(ctx)}, nil
		})
}
