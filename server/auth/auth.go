// Package auth is who asks and what they may do: identities, roles, grants, and the one question Can that API, socket,
// pages and the door ask.
//
// It is pure: how somebody proved who they are is found out elsewhere (server/auth/people, server/gate) and travels in the
// context. Where nobody is named, nothing is allowed.
package auth

import (
	"path"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// Role is how much somebody may do. A larger one includes the smaller ones.
type Role string

// The roles, the smallest first.
const (
	Viewer   Role = "viewer"   // sees
	Operator Role = "operator" // changes what is in a mesh: weights, pools, routes, rollouts
	Admin    Role = "admin"    // makes and deletes meshes, sets their guard rails and approvals; of every mesh: people too
)

// Roles lists them, the smallest first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// Includes tells whether somebody with this role may do what another one may.
func (r Role) Includes(other Role) bool {
	has, needs := slices.Index(Roles(), r), slices.Index(Roles(), other)
	return needs >= 0 && has >= needs
}

// Grant gives a role in the meshes, and there on the objects, whose names match. Patterns are those of path.Match: "*",
// "shop-*"; empty is "*". A route's name is "router/route", and a pattern without a slash is matched against its router too.
type Grant struct {
	Role Role   `json:"role"`
	Mesh string `json:"mesh,omitempty"`
	Name string `json:"name,omitempty"`
}

// String writes the grant as commands take it: "operator", "operator@shop", "operator@shop/reviews*".
func (g Grant) String() string {
	s := string(g.Role)
	if g.everyMesh() && g.everyName() {
		return s
	}
	s += "@" + g.Mesh
	if g.everyMesh() {
		s = string(g.Role) + "@*"
	}
	if !g.everyName() {
		s += "/" + g.Name
	}
	return s
}

// ParseGrant reads what String writes. Error: mesh.Invalid.
func ParseGrant(s string) (Grant, error) {
	role, scope, scoped := strings.Cut(s, "@")
	g := Grant{Role: Role(role)}
	g.Mesh, g.Name, _ = strings.Cut(scope, "/")
	if scoped && (g.Mesh == "" || strings.HasSuffix(scope, "/")) { // a name that was left out must not mean all of them
		return Grant{}, mesh.Errorf(mesh.Invalid, "%q: a mesh or a name is missing, as in operator@shop/reviews*", mesh.Shorten(s))
	}
	return g, g.Validate()
}

// Validate refuses roles that there are not and patterns that cannot be matched. Error: mesh.Invalid.
func (g Grant) Validate() error {
	if !slices.Contains(Roles(), g.Role) {
		return mesh.Errorf(mesh.Invalid, "role %q: it is viewer, operator or admin, as in operator@shop/reviews*", mesh.Shorten(string(g.Role)))
	}
	for _, pattern := range []string{g.Mesh, g.Name} {
		if _, err := path.Match(pattern, ""); err != nil || len(pattern) > maxPattern {
			return mesh.Errorf(mesh.Invalid, "pattern %q: names with * for any letters, up to %d characters, as in operator@shop/reviews*", mesh.Shorten(pattern), maxPattern)
		}
	}
	return nil
}

// maxPattern is the length of a pattern in bytes: that of the longest name.
const maxPattern = 255

func (g Grant) everyMesh() bool { return g.Mesh == "" || g.Mesh == "*" }
func (g Grant) everyName() bool { return g.Name == "" || g.Name == "*" }

// Kind is what an identity is of.
type Kind string

// The kinds of identities.
const (
	Person Kind = "person"
	Token  Kind = "token" // a program, by an API token that a person minted
	Key    Kind = "key"   // a program, by an App Mesh access key
	Anyone Kind = "open"  // there is no sign-in: whoever reaches the loopback address
	Weir   Kind = "weir"  // Weir itself: rollouts, deadlines
)

// Identity is who asks.
type Identity struct {
	Kind Kind
	ID   string // of the person, token or key; empty for Anyone and Weir
	Name string // what ledger entries are signed with; empty: the request says who it is of (Anyone)
	// Person is whose doing it is: a person's own ID, the owner's of a token or key. Who must be two people, such as whoever
	// asks and whoever approves, is told apart by it. Empty for Anyone and Weir.
	Person string
	// Grants are what they may do. Limit, of a token or key, narrows that further: both must allow.
	Grants []Grant
	Limit  []Grant // nil: not narrowed
	// Session is the public name of the session that a person is in; empty for others.
	Session string
}

// Open is the identity of whoever asks a Weir without sign-in.
func Open() Identity { return Identity{Kind: Anyone, Grants: []Grant{{Role: Admin}}} }

// Itself is the identity of a part of Weir that acts by itself: "rollout", "deadline".
func Itself(part string) Identity {
	return Identity{Kind: Weir, Name: part, Grants: []Grant{{Role: Admin}}}
}
