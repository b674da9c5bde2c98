package people

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

func grant(t testing.TB, s string) auth.Grant {
	t.Helper()
	g, err := auth.ParseGrant(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		have, want string
		within     bool
	}{
		{"admin", "viewer", true},
		{"viewer", "operator", false},
		{"operator", "operator@shop/reviews*", true},
		{"operator@shop", "operator", false},
		{"operator@shop", "operator@shop", true},
		{"operator@shop", "viewer@shop/x", true},
		{"operator@shop", "operator@bank", false},
		{"operator@shop-*", "operator@shop-eu", true},
		{"operator@shop-*", "operator@shop-eu*", true},
		{"operator@shop-*", "operator@shop*", false},
		{"operator@shop-*", "operator@*", false},
		{"operator@shop/reviews", "operator@shop/reviews/primary", true},
		{"operator@shop/rev*", "operator@shop/reviews/*", true},
		{"operator@shop/reviews/*", "operator@shop/reviews", false},
		{"operator@shop/*-v1", "operator@shop/a*", false},
		{"operator@shop/[ab]", "operator@shop/a", true},
	} {
		if got := Within([]auth.Grant{grant(t, c.have)}, grant(t, c.want)); got != c.within {
			t.Errorf("%s within %s: %v", c.want, c.have, got)
		}
	}
	if Within(nil, auth.Grant{Role: auth.Viewer}) {
		t.Error("nothing covers something")
	}
}

func drawGrant(t *rapid.T, label string) auth.Grant {
	return auth.Grant{
		Role: rapid.SampledFrom(auth.Roles()).Draw(t, label),
		Mesh: rapid.SampledFrom([]string{"", "*", "shop", "sh*", "shop-*", "shop-eu", "[sb]*", "?hop"}).Draw(t, label+" mesh"),
		Name: rapid.SampledFrom([]string{"", "*", "rev*", "reviews", "reviews*", "reviews/*", "reviews/p*", "reviews/primary", "*/primary", "*-v1", "ratings"}).Draw(t, label+" name"),
	}
}

// TestNeverMoreThanTheOwner: what a token may do its owner may, whatever both were given; and where Within said yes, a token
// may do all that its grants say.
func TestNeverMoreThanTheOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := auth.Identity{Kind: auth.Person, Name: "kim"}
		for range rapid.IntRange(0, 3).Draw(t, "owner's") {
			owner.Grants = append(owner.Grants, drawGrant(t, "owner"))
		}
		token := auth.Identity{Kind: auth.Token, Name: "kim", Grants: owner.Grants, Limit: []auth.Grant{drawGrant(t, "token")}}
		alone := auth.Identity{Grants: token.Limit}
		verb := rapid.SampledFrom([]auth.Verb{auth.See, auth.Steer, auth.Govern, auth.Manage}).Draw(t, "verb")
		of := auth.Resource{Mesh: rapid.SampledFrom([]string{"", "shop", "shop-eu", "bank", "sh"}).Draw(t, "mesh")}
		if of.Mesh != "" {
			of.Of = mesh.Ref{Kind: mesh.KindRoute, Name: rapid.SampledFrom([]string{"", "reviews/primary", "reviews-x/primary", "reviews", "ratings", "ratings-v1", "rev"}).Draw(t, "name")}
		}
		may := token.Can(verb, of) == nil
		if may && owner.Can(verb, of) != nil {
			t.Fatalf("a token of %v with %v may %s %v", owner.Grants, token.Limit, verb, of)
		}
		if Within(owner.Grants, token.Limit[0]) && alone.Can(verb, of) == nil && !may {
			t.Fatalf("%v is within %v and may not %s %v", token.Limit, owner.Grants, verb, of)
		}
	})
}
