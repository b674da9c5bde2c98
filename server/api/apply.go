package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/change"
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
	if name, err = oneMesh(name, documents); err != nil {
		return nil, a.fail(ctx, err)
	}
	p, err := ask.proposal(name, Wish{})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	settings := mesh.Ref{Kind: mesh.KindMesh, Name: name}
	current, err := a.o.Meshes.Mesh(name)
	collect(&p, documents, current.Mesh.Settings())
	if _, named := has(p.Patch.Put, settings); !named && mesh.CodeOf(err) == mesh.NotFound {
		p.Patch.Put = append([]mesh.Object{mesh.Settings{Name: name}}, p.Patch.Put...)
	}
	return a.proposeOn(ctx, p, settings, ask)
}

// collect puts what the documents define into a proposal. Versions that they carry have to be current still. What a
// mesh does not say of its own settings stays as it is.
func collect(p *change.Proposal, documents []definition.Document, settings mesh.Settings) {
	for _, d := range documents {
		if d.Whole == nil {
			p.Patch.Put = append(p.Patch.Put, d.Object)
			if d.Version != 0 {
				p.Base[d.Object.Ref()] = d.Version
			}
			continue
		}
		whole := *d.Whole
		whole.EgressFilter = cmp.Or(whole.EgressFilter, settings.EgressFilter)
		whole.Health = cmp.Or(whole.Health, settings.Health)
		p.Patch.Put = append(p.Patch.Put, whole.Objects()...)
		if d.Version != 0 {
			p.Base[mesh.Ref{Kind: mesh.KindMesh, Name: whole.Name}] = d.Version
		}
	}
}

func has(objects []mesh.Object, ref mesh.Ref) (mesh.Object, bool) {
	for _, o := range objects {
		if o.Ref() == ref {
			return o, true
		}
	}
	return nil, false
}

// oneMesh gives the mesh that all documents are of.
func oneMesh(name string, documents []definition.Document) (string, error) {
	for _, d := range documents {
		switch {
		case d.Mesh == "" || d.Mesh == name:
		case name == "":
			name = d.Mesh
		default:
			return "", mesh.Errorf(mesh.Invalid, "%s: it is of mesh %q, and the rest or the address says %q: apply one mesh at a time", d.At, d.Mesh, name)
		}
	}
	if name == "" {
		return "", mesh.Errorf(mesh.Invalid, `the definition does not say of which mesh it is: add "mesh: NAME", or name the mesh in the address`)
	}
	return name, nil
}
