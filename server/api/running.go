package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/drift"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	stats "github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
)

// Dumps tells what one proxy runs and should run; a provider does. A proxy that is not known is mesh.NotFound.
type Dumps interface {
	Dump(mesh, id string, ask provider.Ask) (provider.Dump, error)
}

// Leaf is a page of a list that has no cursor: it is counted.
type Leaf struct {
	Page  int `query:"page" minimum:"1" maximum:"1000000" default:"1" doc:"Which page, from 1."`
	Limit int `query:"limit" minimum:"1" maximum:"5000" default:"100" doc:"How many are on a page."`
}

func (l Leaf) offset() int { return (l.Page - 1) * l.Limit }

type configInput struct {
	One
	Leaf
	Type   string `query:"type" required:"true" enum:"listener,route,cluster,endpoint" doc:"Which resources."`
	Q      string `query:"q" maxLength:"512" doc:"Only those with this text in their name, in either case."`
	Exact  string `query:"resource" maxLength:"2048" doc:"Only the one of this name."`
	Secure bool   `query:"secure" doc:"Only those that refer to certificates."`
	Raw    bool   `query:"raw" doc:"With the text of each as the proxy gets it, secrets left out."`
}

type statsInput struct {
	One
	Leaf
	Filter string `query:"filter" maxLength:"512" doc:"Words that all have to be in the name or in a label, in either case."`
}

// runningRoutes adds the addresses of what proxies run and count, and of how that differs from what is accepted.
func (a *API) runningRoutes() {
	huma.Register(a.huma, operation("get-proxy-config", http.MethodGet, "/meshes/{mesh}/proxies/{name}/config",
		"Show what a proxy runs and should run: those resources first that it does not run, then by name"), a.proxyConfig)
	huma.Register(a.huma, operation("get-proxy-stats", http.MethodGet, "/meshes/{mesh}/proxies/{name}/stats",
		"Show what a proxy reported lately, statistic by statistic"), a.proxyStats)
	huma.Register(a.huma, operation("get-drift", http.MethodGet, "/meshes/{mesh}/drift",
		"Compare what is accepted with what proxies run and with what is called"), a.drift)
}

func (a *API) proxyConfig(ctx context.Context, in *configInput) (*answer[provider.Dump], error) {
	if a.o.Dumps == nil {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Unavailable, "what proxies run is not known here"))
	}
	d, err := a.o.Dumps.Dump(in.Mesh, in.Name, provider.Ask{
		Type: in.Type, Name: in.Exact, Text: in.Q, Secure: in.Secure, Offset: in.offset(), Limit: in.Limit, Raw: in.Raw,
	})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[provider.Dump]{Status: http.StatusOK, Body: d}, nil
}

func (a *API) proxyStats(ctx context.Context, in *statsInput) (*answer[stats.Page], error) {
	if _, err := a.proxyNamed(ctx, in.One); err != nil {
		return nil, err
	}
	p, err := a.readStats(ctx, in)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[stats.Page]{Status: http.StatusOK, Body: p}, nil
}

func (a *API) readStats(ctx context.Context, in *statsInput) (stats.Page, error) {
	if a.o.Stats == nil {
		return stats.Page{}, query.Errorf(query.Unavailable, "this server keeps no numbers")
	}
	store, err := a.o.Stats()
	if err != nil {
		return stats.Page{}, err
	}
	return stats.Of(ctx, store, stats.Ask{
		Mesh: in.Mesh, Proxy: in.Name, Text: in.Filter, Offset: in.offset(), Limit: in.Limit, At: time.Now(),
	})
}

func (a *API) drift(ctx context.Context, in *InMesh) (*answer[drift.Report], error) {
	current, err := a.o.Meshes.Mesh(in.Mesh)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	proxies := a.o.Proxies.Proxies(in.Mesh)
	recent, err := drift.Recent(ctx, a.o.Ledger, current, proxies)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	g, _ := a.o.Graphs.Graph(in.Mesh) // without one, traffic is not known
	report := drift.New(drift.Input{Current: current, Recent: recent, Proxies: proxies, Graph: g}).Report()
	return &answer[drift.Report]{Status: http.StatusOK, Body: report}, nil
}
