package oidc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

func TestClaims(t *testing.T) {
	roles := map[string][]auth.Grant{
		"admins": {{Role: auth.Admin}},
		"shop":   {{Role: auth.Operator, Mesh: "shop"}, {Role: auth.Viewer}},
		"view":   {{Role: auth.Viewer}},
	}
	standard := rules{groups: "groups", name: "preferred_username", roles: roles}
	with := func(change func(*rules)) rules { r := standard; change(&r); return r }
	for name, c := range map[string]struct {
		rules  rules
		claims string
		who    string
		may    string
		code   mesh.Code
		words  string
	}{
		"one group":        {standard, `{"sub":"1","preferred_username":"ada","groups":["admins"]}`, "ada", "admin", "", ""},
		"each grant once":  {standard, `{"sub":"1","preferred_username":"ada","groups":["view","shop","view","other"]}`, "ada", "operator@shop viewer", "", ""},
		"order is no word": {standard, `{"sub":"1","preferred_username":"ada","groups":["shop","view"]}`, "ada", "operator@shop viewer", "", ""},
		"a single name":    {standard, `{"sub":"1","preferred_username":"ada","groups":"admins"}`, "ada", "admin", "", ""},
		"case matters":     {standard, `{"sub":"1","preferred_username":"ada","groups":["Admins"]}`, "ada", "", mesh.Denied, "one group"},
		"not split":        {standard, `{"sub":"1","preferred_username":"ada","groups":"admins view"}`, "ada", "", mesh.Denied, "one group"},
		"none":             {standard, `{"sub":"1","preferred_username":"ada","groups":[]}`, "ada", "", mesh.Denied, "0 groups"},
		"no claim":         {standard, `{"sub":"1","preferred_username":"ada"}`, "ada", "", mesh.Denied, "in the claim groups"},
		"null":             {standard, `{"sub":"1","preferred_username":"ada","groups":null}`, "ada", "", mesh.Denied, "in the claim groups"},
		"too many to send": {standard, `{"sub":"1","preferred_username":"ada","_claim_names":{"groups":"src1"}}`, "ada", "", mesh.Denied, "more groups than"},
		"numbers":          {standard, `{"sub":"1","preferred_username":"ada","groups":["admins",7]}`, "ada", "", mesh.Invalid, "no list of names"},
		"an object":        {standard, `{"sub":"1","preferred_username":"ada","groups":{"admins":true}}`, "ada", "", mesh.Invalid, "no list of names"},
		"no name":          {standard, `{"sub":"1","email":"a@b","groups":["admins"]}`, "", "", mesh.Invalid, "(email, groups, sub)"},
		"an empty name":    {standard, `{"sub":"1","preferred_username":"","groups":["admins"]}`, "", "", mesh.Invalid, "oidc.nameClaim"},
		"a name of a list": {standard, `{"sub":"1","preferred_username":["ada"],"groups":["admins"]}`, "", "", mesh.Invalid, "oidc.nameClaim"},
		"inner claim": {
			with(func(r *rules) { r.groups = "realm_access.roles" }),
			`{"sub":"1","preferred_username":"ada","realm_access":{"roles":["view"]}}`, "ada", "viewer", "", "",
		},
		"a claim whose name has dots": {
			with(func(r *rules) { r.groups = "https://example.com/groups" }),
			`{"sub":"1","preferred_username":"ada","https://example.com/groups":["view"]}`, "ada", "viewer", "", "",
		},
		"inner claim of no object": {
			with(func(r *rules) { r.groups = "groups.inner" }),
			`{"sub":"1","preferred_username":"ada","groups":["view"]}`, "ada", "", mesh.Denied, "groups.inner",
		},
		"verified address": {
			with(func(r *rules) { r.name = "email" }),
			`{"sub":"1","email":"ada@example.com","email_verified":true,"groups":["view"]}`, "ada@example.com", "viewer", "", "",
		},
		"address that is not verified": {
			with(func(r *rules) { r.name = "email" }),
			`{"sub":"1","email":"ada@example.com","email_verified":false,"groups":["view"]}`, "", "", mesh.Denied, "verified",
		},
		"fallback": {
			with(func(r *rules) { r.fallback = []auth.Grant{{Role: auth.Viewer, Mesh: "open"}} }),
			`{"sub":"1","preferred_username":"ada"}`, "ada", "viewer@open", "", "",
		},
		"a group goes before the fallback": {
			with(func(r *rules) { r.fallback = []auth.Grant{{Role: auth.Admin}} }),
			`{"sub":"1","preferred_username":"ada","groups":["view"]}`, "ada", "viewer", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var claims map[string]any
			if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
				t.Fatal(err)
			}
			got, err := c.rules.claim("https://id.example.com", claims)
			var may []string
			for _, g := range got.Grants {
				may = append(may, g.String())
			}
			if got.Name != c.who || strings.Join(may, " ") != c.may || mesh.CodeOf(err) != c.code {
				t.Errorf("%q may %v, %v", got.Name, may, err)
			}
			if err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
			if got.Subject != "1" || got.Issuer != "https://id.example.com" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	r := rules{groups: "groups", name: "name", roles: map[string][]auth.Grant{"a": nil}}
	for claims, want := range map[string]bool{
		`{"name":"a","groups":[]}`: false, `{"name":"a"}`: true, `{"groups":[]}`: true, `{"name":"a","groups":null}`: true,
	} {
		var in map[string]any
		if err := json.Unmarshal([]byte(claims), &in); err != nil || r.needs(in) != want {
			t.Errorf("%s: %v %v", claims, r.needs(in), err)
		}
	}
	if (rules{groups: "groups", name: "name"}).needs(map[string]any{"name": "a"}) {
		t.Error("groups are asked for although none is mapped")
	}
}

func TestLocal(t *testing.T) {
	for next, want := range map[string]string{
		"/meshes/shop?tab=routes&q=a%20b#x": "/meshes/shop?tab=routes&q=a%20b#x",
		"/":                                 "/", "/meshes/": "/meshes/", "/meshes/가게": "/meshes/가게", "/a?next=//evil": "/a?next=//evil", "/a%2F%2Fb": "/a%2F%2Fb",
		"": "/", "//evil.example.com": "/", "///evil.example.com": "/", "https://evil.example.com": "/", "javascript:alert(1)": "/", "meshes": "/",
		`/\evil.example.com`: "/", `\\evil.example.com`: "/", "/\t/evil.example.com": "/", "/\n/evil.example.com": "/", " /meshes": "/", "/a//evil": "/",
		"/.//evil.example.com": "/", "/../x": "/", "/a/./b": "/", "/%zz": "/", "/\xff": "/", "/" + strings.Repeat("a", 400): "/",
		"/signin": "/", "/signin/oidc?next=/": "/", "/signout": "/", "/setup/x": "/", "/invite/x": "/", "/api/v1/meshes": "/", "/apiary": "/apiary", "/signins": "/signins", "?x=1": "/", "#x": "/",
	} {
		if got := Local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "//a", "/\\a", "/a?b#c", "/.//a", "/%2f/a", "/\u2028/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := Local(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") || len(got) > maxNext {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"1","preferred_username":"ada","groups":["admins"]}`, `{"groups":"view"}`, `{"groups":[["admins"]]}`, `{"realm":{"roles":["admins"]}}`, `{"_claim_names":7}`,
	} {
		f.Add(s, "groups")
		f.Add(s, "realm.roles")
	}
	roles := map[string][]auth.Grant{"view": {{Role: auth.Viewer}}}
	f.Fuzz(func(t *testing.T, text, groups string) {
		var claims map[string]any
		if json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		got, err := rules{groups: groups, name: "preferred_username", roles: roles}.claim("https://id.example.com", claims)
		if err == nil && (got.Name == "" || len(got.Grants) != 1 || got.Grants[0].Role != auth.Viewer) {
			t.Errorf("%s gives %+v", text, got)
		}
	})
}
