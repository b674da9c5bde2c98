package server

import (
	"context"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

func TestAllow(t *testing.T) {
	step := 10.0
	shop := mesh.Mesh{Name: "shop"}
	route := mesh.Route{Router: "reviews", Name: "primary"}
	railed := route
	railed.Guard = &mesh.Guard{LargestStep: &step}
	edit := func(before, after mesh.Object) change.Edit {
		e := change.Edit{Before: before, After: after}
		if e.Ref = (mesh.Ref{}); after != nil {
			e.Ref = after.Ref()
		} else {
			e.Ref = before.Ref()
		}
		return e
	}
	settings := mesh.Settings{Name: "shop"}
	node := mesh.VirtualNode{Name: "ratings-v1"}
	for _, c := range []struct {
		name, grant string
		now         mesh.Mesh
		edits       []change.Edit
		may         bool
	}{
		{"weights", "operator", shop, []change.Edit{edit(route, route)}, true},
		{"weights of one's own", "operator@shop/reviews", shop, []change.Edit{edit(route, route)}, true},
		{"another's beside one's own", "operator@shop/reviews", shop, []change.Edit{edit(route, route), edit(node, node)}, false},
		{"another mesh", "operator@bank", shop, []change.Edit{edit(route, route)}, false},
		{"weights, as a viewer", "viewer", shop, []change.Edit{edit(route, route)}, false},
		{"loosening a rail", "operator", shop, []change.Edit{edit(railed, route)}, false},
		{"a rail of its own for a new route", "operator", shop, []change.Edit{edit(nil, railed)}, false},
		{"deleting what has a rail", "operator", shop, []change.Edit{edit(railed, nil)}, false},
		{"loosening a rail, as admin", "admin@shop", shop, []change.Edit{edit(railed, route)}, true},
		{"health limits", "operator@shop", shop, []change.Edit{edit(settings, settings)}, true},
		{"making a mesh", "operator", mesh.Mesh{}, []change.Edit{edit(nil, node), edit(nil, settings)}, false},
		{"making a mesh, as its admin", "admin@shop", mesh.Mesh{}, []change.Edit{edit(nil, node), edit(nil, settings)}, true},
		{"making a mesh, as another's admin", "admin@bank", mesh.Mesh{}, []change.Edit{edit(nil, node), edit(nil, settings)}, false},
		{"deleting a mesh", "operator", shop, []change.Edit{edit(settings, nil)}, false},
	} {
		g, err := auth.ParseGrant(c.grant)
		if err != nil {
			t.Fatal(err)
		}
		ctx := auth.With(t.Context(), auth.Identity{Kind: auth.Person, Name: "kim", Grants: []auth.Grant{g}})
		if err := allow(ctx, c.now, c.edits); (err == nil) != c.may || err != nil && mesh.CodeOf(err) != mesh.Denied {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := allow(context.Background(), c.now, c.edits); mesh.CodeOf(err) != mesh.Unauthenticated {
			t.Errorf("%s, by nobody: %v", c.name, err)
		}
	}
}
