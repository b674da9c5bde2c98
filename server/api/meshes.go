package api

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// meshRoutes adds the addresses of meshes themselves.
func (a *API) meshRoutes() {
	huma.Register(a.huma, operation("list-meshes", http.MethodGet, "/meshes", "List meshes"), a.listMeshes)
	huma.Register(a.huma, operation("get-mesh", http.MethodGet, "/meshes/{mesh}", "Show a mesh"), a.getMesh)
	put := operation("put-mesh", http.MethodPut, "/meshes/{mesh}", "Create a mesh, or replace its own settings")
	put.DefaultStatus = http.StatusAccepted
	put.SkipValidateBody = true
	put.RequestBody = a.bodyOf(reflect.TypeFor[Mesh]())
	huma.Register(a.huma, put, func(ctx context.Context, in *struct {
		InMesh
		Asking
		RawBody []byte
	},
	) (*changed, error) {
		return a.putObject(ctx, in.Mesh, mesh.Ref{Kind: mesh.KindMesh, Name: in.Mesh}, in.Asking, in.RawBody)
	})
	remove := operation("delete-mesh", http.MethodDelete, "/meshes/{mesh}", "Delete a mesh that is empty")
	remove.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, remove, func(ctx context.Context, in *struct {
		InMesh
		Asking
	},
	) (*changed, error) {
		return a.deleteObject(ctx, in.Mesh, mesh.Ref{Kind: mesh.KindMesh, Name: in.Mesh}, in.Asking)
	})
}

func (a *API) listMeshes(ctx context.Context, in *Unless) (*answer[list[Mesh]], error) {
	out := &answer[list[Mesh]]{Body: list[Mesh]{Items: []Mesh{}}}
	state := fnv.New64a() // of every mesh's name and revision
	names := a.o.Meshes.Meshes()
	slices.Sort(names)
	for _, name := range names {
		if auth.Can(ctx, auth.See, auth.Resource{Mesh: name}) != nil {
			continue
		}
		current, err := a.o.Meshes.Mesh(name)
		if mesh.CodeOf(err) == mesh.NotFound {
			continue // deleted since the names were read
		}
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		fmt.Fprintln(state, name, current.Revision)
		out.Body.Items = append(out.Body.Items, meshOf(current))
	}
	out.ETag = weak(int64(state.Sum64() >> 1)) //nolint:gosec // one bit less fits
	out.Status = fresh(in.IfNoneMatch, out.ETag)
	return out, nil
}

func (a *API) getMesh(ctx context.Context, in *struct {
	InMesh
	Unless
},
) (*answer[Mesh], error) {
	current, err := a.o.Meshes.Mesh(in.Mesh)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[Mesh]{Body: meshOf(current)}
	out.ETag = strong(out.Body.Version)
	if in.IfNoneMatch != "" { // the counts may have moved without the settings: a reader compares the revision
		out.ETag = weak(current.Revision)
	}
	out.Status = fresh(in.IfNoneMatch, out.ETag)
	return out, nil
}

// known says what is wrong with a mesh's name; nil when there is such a mesh.
func (a *API) known(ctx context.Context, name string) error {
	if _, err := a.o.Meshes.Mesh(name); err != nil {
		return a.fail(ctx, err)
	}
	return nil
}
