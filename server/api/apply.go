package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

// applyRoutes adds the addresses that take definition files.
func (a *API) applyRoutes() {
	const description = "The body is a definition in YAML or JSON: a whole mesh, or objects, of one mesh. What it defines is created or " +
		"replaced, in one change; what it does not name stays. A mesh that does not exist is created."
	body := func() *huma.RequestBody {
		text := &huma.Schema{Type: huma.TypeString, Description: "A definition, at most 1 MiB."}
		return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/yaml": {Schema: text}, "application/json": {Schema: &huma.Schema{}},
		}}
	}
	op := operation("apply", http.MethodPost, "/apply", "Apply a definition that names its mesh")
	op.Description, op.DefaultStatus, op.RequestBody, op.SkipValidateBody = description, http.StatusAccepted, body(), true
	huma.Register(a.huma, op, func(ctx context.Context, in *struct {
		Asking
		RawBody []byte
	},
	) (*changed, error) {
		return a.apply(ctx, "", in.Asking, in.RawBody)
	})
	op = operation("apply-to-mesh", http.MethodPost, "/meshes/{mesh}/apply", "Apply a definition to a mesh")
	op.Description, op.DefaultStatus, op.RequestBody, op.SkipValidateBody = description, http.StatusAccepted, body(), true
	huma.Register(a.huma, op, func(ctx context.Context, in *struct {
		InMesh
		Asking
		RawBody []byte
	},
	) (*changed, error) {
		return a.apply(ctx, in.Mesh, in.Asking, in.RawBody)
	})
}

// apply proposes what a definition says, to one mesh; an empty name takes the definition's own.
func (a *API) apply(ctx context.Context, name string, ask Asking, body []byte) (*changed, error) {
	documents, err := definition.Decode(body)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	bundle, err := definition.Gather(name, documents, func(name string) mesh.Settings {
		current, err := a.o.Meshes.Mesh(name)
		if err != nil { // there is none yet
			return mesh.Settings{}
		}
		return current.Mesh.Settings()
	})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p, err := ask.proposal(bundle.Mesh, Wish{})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p.Patch, p.Base = bundle.Patch, bundle.Base
	return a.proposeOn(ctx, p, mesh.Ref{Kind: mesh.KindMesh, Name: bundle.Mesh}, ask)
}
