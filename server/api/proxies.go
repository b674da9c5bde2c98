package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// proxyRoutes adds the proxies' addresses.
func (a *API) proxyRoutes() {
	huma.Register(a.huma, operation("list-proxies", http.MethodGet, "/meshes/{mesh}/proxies", "List proxies: connected, gone lately, refused"),
		func(ctx context.Context, in *InMesh) (*answer[list[provider.Proxy]], error) {
			proxies, err := a.proxiesOf(ctx, in.Mesh)
			if err != nil {
				return nil, err
			}
			return &answer[list[provider.Proxy]]{Status: http.StatusOK, Body: list[provider.Proxy]{Items: proxies}}, nil
		})
	huma.Register(a.huma, operation("get-proxy", http.MethodGet, "/meshes/{mesh}/proxies/{name}", "Show a proxy"),
		func(ctx context.Context, in *One) (*answer[provider.Proxy], error) {
			p, err := a.proxyNamed(ctx, *in)
			if err != nil {
				return nil, err
			}
			return &answer[provider.Proxy]{Status: http.StatusOK, Body: p}, nil
		})
}

// proxyNamed finds a mesh's proxy.
func (a *API) proxyNamed(ctx context.Context, in One) (provider.Proxy, error) {
	proxies, err := a.proxiesOf(ctx, in.Mesh)
	if err != nil {
		return provider.Proxy{}, err
	}
	i := slices.IndexFunc(proxies, func(p provider.Proxy) bool { return p.ID == in.Name })
	if i < 0 {
		return provider.Proxy{}, a.fail(ctx, mesh.Errorf(mesh.NotFound, "there is no proxy %q in mesh %s", mesh.Shorten(in.Name), in.Mesh))
	}
	return proxies[i], nil
}

// proxiesOf lists a mesh's proxies. Proxies may have been refused under the name of a mesh that does not exist.
func (a *API) proxiesOf(ctx context.Context, name string) ([]provider.Proxy, error) {
	proxies := a.o.Proxies.Proxies(name)
	if len(proxies) > 0 {
		return proxies, nil
	}
	if err := a.known(ctx, name); err != nil {
		return nil, err
	}
	return []provider.Proxy{}, nil
}
