package server

import (
	"context"
	"reflect"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// allow is what the door asks of every change: whether whoever makes it may change each of its objects. Pages and API ask
// the same of the mesh before; here is where names count, and what no page thought of stops.
func allow(ctx context.Context, now mesh.Mesh, edits []change.Edit) error {
	name := now.Name
	for _, e := range edits {
		if name == "" && e.Ref.Kind == mesh.KindMesh { // it is made, or was deleted
			name = e.Ref.Name
		}
	}
	for _, e := range edits {
		verb := auth.Steer
		if governs(now, e) {
			verb = auth.Govern
		}
		if err := auth.Can(ctx, verb, auth.Resource{Mesh: name, Of: e.Ref}); err != nil {
			return err
		}
	}
	return nil
}

// governs tells whether an edit makes or deletes a mesh or changes the rules for changing something: what holds people
// back is not theirs to loosen.
func governs(now mesh.Mesh, e change.Edit) bool {
	if e.Ref.Kind == mesh.KindMesh && (now.Name == "" || e.After == nil) {
		return true
	}
	return mesh.ApprovalOf(e.Before).Required() != mesh.ApprovalOf(e.After).Required() ||
		!reflect.DeepEqual(mesh.GuardOf(e.Before), mesh.GuardOf(e.After))
}

// who tells the door who asks, so that nobody is their own second person.
func who(ctx context.Context) change.Whoever {
	id, _ := auth.From(ctx)
	return change.Whoever{Person: id.Person, Name: id.Name, Overrides: func(name string) error {
		return auth.Can(ctx, auth.Govern, auth.Resource{Mesh: name})
	}}
}
