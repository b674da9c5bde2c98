package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

func grants(t *testing.T, list ...string) []Grant {
	t.Helper()
	var out []Grant
	for _, s := range list {
		g, err := ParseGrant(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func TestCan(t *testing.T) {
	route := mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}
	node := mesh.Ref{Kind: mesh.KindNode, Name: "ratings-v1"}
	shop := Resource{Mesh: "shop"}
	for _, c := range []struct {
		grants string
		verb   Verb
		of     Resource
		may    bool
	}{
		{"viewer", See, shop, true},
		{"viewer", Steer, shop, false},
		{"viewer", Enter, Resource{}, true},
		{"viewer@shop", See, Resource{}, true},
		{"viewer@shop", See, Resource{Mesh: "bank"}, false},
		{"viewer@sh*", See, shop, true},
		{"operator", Steer, Resource{Mesh: "shop", Of: route}, true},
		{"operator", Govern, shop, false},
		{"operator@shop", Steer, Resource{Mesh: "bank", Of: route}, false},
		{"operator@shop/reviews*", Steer, Resource{Mesh: "shop", Of: route}, true},
		{"operator@shop/reviews/primary", Steer, Resource{Mesh: "shop", Of: route}, true},
		{"operator@shop/reviews*", Steer, Resource{Mesh: "shop", Of: node}, false},
		{"operator@shop/reviews*", Steer, shop, true}, // something of it
		{"operator@shop/reviews*", See, shop, true},
		{"admin@shop", Govern, shop, true},
		{"admin@shop/reviews", Govern, shop, false},
		{"admin@shop", Manage, Resource{}, false},
		{"admin", Manage, Resource{}, true},
		{"admin", Steer, Resource{Mesh: "bank", Of: node}, true},
		{"viewer operator@shop", Steer, Resource{Mesh: "bank"}, false},
		{"viewer operator@shop", Steer, shop, true},
		{"", See, Resource{}, false},
		{"", Enter, Resource{}, true},
	} {
		id := Identity{Kind: Person, Name: "kim", Grants: grants(t, strings.Fields(c.grants)...)}
		err := Can(With(t.Context(), id), c.verb, c.of)
		if (err == nil) != c.may || err != nil && mesh.CodeOf(err) != mesh.Denied {
			t.Errorf("%q may %s %+v: %v", c.grants, c.verb, c.of, err)
		}
	}
}

func TestLimit(t *testing.T) {
	id := Identity{Kind: Token, Name: "ci", Grants: grants(t, "admin"), Limit: grants(t, "operator@shop")}
	if err := id.Can(Steer, Resource{Mesh: "shop"}); err != nil {
		t.Error(err)
	}
	for _, of := range []struct {
		verb Verb
		r    Resource
	}{{Govern, Resource{Mesh: "shop"}}, {See, Resource{Mesh: "bank"}}, {Manage, Resource{}}} {
		if id.Can(of.verb, of.r) == nil {
			t.Errorf("a token goes past its limit: %s %+v", of.verb, of.r)
		}
	}
	id.Grants = grants(t, "viewer") // its owner lost the role since
	if id.Can(Steer, Resource{Mesh: "shop"}) == nil {
		t.Error("a token goes past its owner")
	}
	id.Limit = []Grant{}
	if id.Can(See, Resource{Mesh: "shop"}) == nil {
		t.Error("an empty limit allows")
	}
}

func TestNobody(t *testing.T) {
	for _, v := range []Verb{Enter, See, Steer, Govern, Manage} {
		if err := Can(context.Background(), v, Resource{Mesh: "shop"}); mesh.CodeOf(err) != mesh.Unauthenticated {
			t.Errorf("%s: %v", v, err)
		}
	}
	if err := Can(context.Background(), Pass, Resource{}); err != nil {
		t.Error(err)
	}
	away := mesh.Errorf(mesh.Unavailable, "the database is away")
	if err := Can(Without(context.Background(), away), See, Resource{}); !errors.Is(err, away) {
		t.Errorf("why nobody is named: %v", err)
	}
	if err := Can(With(context.Background(), Open()), Manage, Resource{}); err != nil {
		t.Error(err)
	}
}

func TestGrants(t *testing.T) {
	for _, s := range []string{"viewer", "admin@*/reviews*", "operator@shop", "operator@shop/reviews/*"} {
		if g := grants(t, s)[0]; g.String() != s {
			t.Errorf("%q is written %q", s, g)
		}
	}
	for _, s := range []string{"", "root", "operator@[", "viewer@shop/[a", "Admin", "operator@", "operator@/reviews", "operator@shop/", "viewer@" + strings.Repeat("x", 300)} {
		if _, err := ParseGrant(s); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestStill(t *testing.T) {
	now := Identity{Kind: Person, Name: "kim", Grants: grants(t, "viewer@shop")}
	var gone error
	ctx := WithRenewal(With(t.Context(), now), func(context.Context) (Identity, error) { return now, gone })
	shop := Resource{Mesh: "shop"}
	if err := Still(ctx, See, shop); err != nil {
		t.Error(err)
	}
	now.Grants = grants(t, "viewer@bank")
	if err := Still(ctx, See, shop); mesh.CodeOf(err) != mesh.Denied {
		t.Errorf("a grant that was taken away: %v", err)
	}
	gone = mesh.Errorf(mesh.Unauthenticated, "the session is over")
	if err := Still(ctx, See, shop); mesh.CodeOf(err) != mesh.Unauthenticated {
		t.Errorf("a session that is over: %v", err)
	}
	gone = mesh.Errorf(mesh.Unavailable, "the database is away")
	if err := Still(ctx, See, shop); err != nil {
		t.Errorf("while nobody can find out: %v", err)
	}
	if err := Still(ctx, See, Resource{Mesh: "bank"}); mesh.CodeOf(err) != mesh.Denied {
		t.Errorf("another mesh, while nobody can find out: %v", err)
	}
	if err := Still(With(t.Context(), Open()), See, shop); err != nil {
		t.Errorf("without a renewal: %v", err)
	}
	if err := Still(t.Context(), See, shop); mesh.CodeOf(err) != mesh.Unauthenticated {
		t.Errorf("nobody: %v", err)
	}
}

func TestEvery(t *testing.T) {
	for grant, may := range map[string]bool{"viewer": true, "viewer@*": true, "viewer@shop": false, "viewer@s*": false} {
		id := Identity{Kind: Person, Grants: grants(t, grant)}
		if err := id.Can(See, Resource{Mesh: Every}); (err == nil) != may {
			t.Errorf("%s sees every mesh: %v", grant, err)
		}
	}
}
