package auth

import (
	"context"
	"path"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// Verb is what somebody wants to do.
type Verb string

// The verbs.
const (
	Pass   Verb = "pass"   // what nobody has to sign in for: assets, signing in, probes
	Enter  Verb = "enter"  // what needs a sign-in and no role: one's own settings, the lists that are filtered by mesh
	See    Verb = "see"    // read a mesh
	Steer  Verb = "steer"  // change what is in a mesh
	Govern Verb = "govern" // make and delete a mesh, set its guard rails and approvals
	Manage Verb = "manage" // people, tokens of others, the security log, backups
)

// needs is the role that a verb takes.
func (v Verb) needs() Role {
	switch v {
	case See:
		return Viewer
	case Steer:
		return Operator
	default:
		return Admin
	}
}

// Every as a resource's mesh is every mesh there is and will be.
const Every = "*"

// Resource is what a verb is about. Without a mesh it is about all of Weir, or (See) about any mesh at all.
type Resource struct {
	Mesh string
	Of   mesh.Ref // zero: the mesh as a whole, or any object of it
}

// Can tells whether whoever the context names may do something. Errors: mesh.Unauthenticated when it names nobody, or why
// that is (Without); mesh.Denied, in words, when they may not. It is asked again at every request: what is taken away is gone at once.
func Can(ctx context.Context, v Verb, r Resource) error {
	if v == Pass {
		return nil
	}
	id, ok := From(ctx)
	if why, failed := ctx.Value(cause{}).(error); !ok && failed {
		return why
	}
	if !ok {
		return mesh.Errorf(mesh.Unauthenticated, "nobody is signed in: sign in, or send a token (--token, WEIR_TOKEN, Authorization: Bearer)")
	}
	return id.Can(v, r)
}

// Can tells whether this identity may do something. Error: mesh.Denied.
func (id Identity) Can(v Verb, r Resource) error {
	if v == Pass || v == Enter {
		return nil
	}
	if allowed(id.Grants, v, r) && (id.Limit == nil || allowed(id.Limit, v, r)) {
		return nil
	}
	where := "all of Weir"
	switch {
	case r.Mesh == Every:
		where = "every mesh: name one that you may see"
	case r.Mesh != "":
		where = "mesh " + r.Mesh
	}
	if r.Of.Name != "" {
		where = r.Of.String() + " of " + where
	}
	who := "you are not"
	if id.Name != "" {
		who = id.Name + " is not"
	}
	return mesh.Errorf(mesh.Denied, "%s %s of %s: ask an administrator for that role", who, v.needs(), where)
}

// allowed tells whether one of the grants covers it.
func allowed(grants []Grant, v Verb, r Resource) bool {
	for _, g := range grants {
		if g.Role.Includes(v.needs()) && g.covers(v, r) {
			return true
		}
	}
	return false
}

// covers tells whether a grant is about a resource. What is about all of Weir takes a grant for all of it; what is about a
// mesh as a whole takes one for all of its objects, except that whoever may see or steer something in a mesh sees the mesh.
func (g Grant) covers(v Verb, r Resource) bool {
	if r.Mesh == "" {
		return v == See || g.everyMesh() && g.everyName()
	}
	if !g.everyMesh() && !match(g.Mesh, r.Mesh) {
		return false
	}
	if g.everyName() || v == See {
		return true
	}
	if r.Of.Name == "" {
		return v == Steer // any object of it: the door asks again for each one
	}
	parent, _, _ := strings.Cut(r.Of.Name, "/")
	return match(g.Name, r.Of.Name) || match(g.Name, parent)
}

// match is path.Match with patterns that were validated.
func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
