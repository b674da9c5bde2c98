package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/api/prometheus"
	"github.com/weirmesh/weir/server/metrics/query"
)

// sourceRoutes adds the addresses about where metrics come from, and those that answer as a Prometheus does.
func (a *API) sourceRoutes(engine *gin.Engine) {
	huma.Register(a.huma, operation("list-sources", http.MethodGet, "/sources", "List where metrics are read from, and whether it can be relied on"),
		func(ctx context.Context, _ *struct{}) (*answer[list[query.Source]], error) {
			return listed(ctx, a, a.o.Sources, "this server keeps no history: there are no sources of metrics to show")
		})
	huma.Register(a.huma, operation("list-targets", http.MethodGet, "/targets", "List what is scraped, and how that goes"),
		func(ctx context.Context, _ *struct{}) (*answer[list[query.Target]], error) {
			return listed(ctx, a, a.o.Targets, "this server scrapes nothing: proxies push to it")
		})
	handler := gin.WrapH(prometheus.New(prometheus.Options{Querier: a.o.Querier, Version: a.o.Version}))
	for _, r := range prometheus.Routes() {
		engine.Handle(r.Method, ginPath(r.Path), handler)
		a.huma.OpenAPI().AddOperation(prometheusOperation(r))
	}
}

// listed answers with what all gives.
func listed[T any](ctx context.Context, a *API, all func() []T, without string) (*answer[list[T]], error) {
	if all == nil {
		return nil, a.fail(ctx, problem(http.StatusNotImplemented, without))
	}
	return &answer[list[T]]{Status: http.StatusOK, Body: list[T]{Items: append([]T{}, all()...)}}, nil
}

// ginPath writes an address's parameters as gin does.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// prometheusOperation describes an address that answers as a Prometheus does; what it takes and gives is described there.
func prometheusOperation(r prometheus.Route) *huma.Operation {
	words := strings.NewReplacer("/", "-", "_", "-", "{", "", "}", "").Replace(strings.TrimPrefix(r.Path, "/api/v1/"))
	object := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}}
	shape := map[string]*huma.MediaType{"application/json": object}
	op := &huma.Operation{
		OperationID: "prometheus-" + strings.ToLower(r.Method) + "-" + words, Method: r.Method, Path: r.Path, Summary: r.Summary,
		Description: "As https://prometheus.io/docs/prometheus/latest/querying/api/ has it; source chooses one of /sources.",
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: shape},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/json": object, "application/problem+json": object}},
		},
	}
	if strings.Contains(r.Path, "{name}") {
		op.Parameters = []*huma.Param{{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	return op
}
