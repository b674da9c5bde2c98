package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// InMesh is the address of a mesh.
type InMesh struct {
	Mesh string `path:"mesh" maxLength:"255" doc:"The mesh."`
}

// One is the address of an object with a plain name.
type One struct {
	InMesh
	Name string `path:"name" maxLength:"512"`
}

// name gives the object's name within the mesh.
func (o One) name() (meshName, name string) { return o.Mesh, o.Name }

// Two is the address of a route or a gateway route. Its slash may be written as %2F.
type Two struct {
	InMesh
	Parent string `path:"parent" maxLength:"255" doc:"The router, or the gateway."`
	Name   string `path:"name" maxLength:"255"`
}

// name gives the object's name within the mesh.
func (t Two) name() (meshName, name string) { return t.Mesh, t.Parent + "/" + t.Name }

// named is an address of an object.
type named interface {
	name() (meshName, name string)
}

// Unless is the reader's condition.
type Unless struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"512" doc:"The ETag that is known already; 304 when it is still current."`
}

func (u Unless) etag() string { return u.IfNoneMatch }

type (
	getOne struct {
		One
		Unless
	}
	getTwo struct {
		Two
		Unless
	}
	putOne struct {
		One
		Asking
		RawBody []byte
	}
	putTwo struct {
		Two
		Asking
		RawBody []byte
	}
	deleteOne struct {
		One
		Asking
	}
	deleteTwo struct {
		Two
		Asking
	}
)

func (p putOne) request() (Asking, []byte)    { return p.Asking, p.RawBody }
func (p putTwo) request() (Asking, []byte)    { return p.Asking, p.RawBody }
func (d deleteOne) request() (Asking, []byte) { return d.Asking, nil }
func (d deleteTwo) request() (Asking, []byte) { return d.Asking, nil }

// reading and changing are the two sorts of requests on one object.
type (
	reading interface {
		named
		etag() string
	}
	changing interface {
		named
		request() (Asking, []byte)
	}
)

// answer is one object with its ETag.
type answer[B any] struct {
	Status int
	ETag   string `header:"ETag"`
	Body   B
}

// list is a collection.
type list[B any] struct {
	Items []B     `json:"items" nullable:"false"`
	Next  *string `json:"next" doc:"Where the next page begins; null on the last."`
}

// changed is the answer of everything that changes: the change, with its three truths as far as they are known.
type changed struct {
	Status   int
	Location string `header:"Location"`
	Body     change.Change
}

// register adds the addresses of one kind.
func register[B any](a *API, s shape[B]) {
	plural := s.kind.Plural()
	huma.Register(a.huma, operation("list-"+plural, http.MethodGet, "/meshes/{mesh}/"+plural, "List "+strings.ReplaceAll(plural, "-", " ")),
		func(ctx context.Context, in *struct {
			InMesh
			Unless
		},
		) (*answer[list[B]], error) {
			return listObjects(ctx, a, s, in.Mesh, in.IfNoneMatch)
		})
	if s.kind == mesh.KindRoute || s.kind == mesh.KindGatewayRoute {
		registerItem[getTwo, putTwo, deleteTwo](a, s, "/meshes/{mesh}/"+plural+"/{parent}/{name}")
		return
	}
	registerItem[getOne, putOne, deleteOne](a, s, "/meshes/{mesh}/"+plural+"/{name}")
}

// registerItem adds the addresses of one object of a kind.
func registerItem[G reading, P, D changing, B any](a *API, s shape[B], path string) {
	kind := string(s.kind)
	huma.Register(a.huma, operation("get-"+kind, http.MethodGet, path, "Show "+s.what),
		func(ctx context.Context, in *G) (*answer[B], error) {
			meshName, name := (*in).name()
			return getObject(ctx, a, s, wanted{meshName, mesh.Ref{Kind: s.kind, Name: name}, (*in).etag()})
		})
	put := operation("put-"+kind, http.MethodPut, path, "Create or replace "+s.what)
	put.DefaultStatus = http.StatusAccepted
	put.Description = "The body is the whole specification. kind, mesh, name and version may be there as an answer has them; " +
		"a version counts as If-Match."
	put.SkipValidateBody = true // the mesh's own decoder says more
	put.RequestBody = a.bodyOf(reflect.TypeFor[B]())
	huma.Register(a.huma, put, func(ctx context.Context, in *P) (*changed, error) {
		meshName, name := (*in).name()
		ask, body := (*in).request()
		return a.putObject(ctx, meshName, mesh.Ref{Kind: s.kind, Name: name}, ask, body)
	})
	remove := operation("delete-"+kind, http.MethodDelete, path, "Delete "+s.what)
	remove.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, remove, func(ctx context.Context, in *D) (*changed, error) {
		meshName, name := (*in).name()
		ask, _ := (*in).request()
		return a.deleteObject(ctx, meshName, mesh.Ref{Kind: s.kind, Name: name}, ask)
	})
}

// bodyOf describes a body that the mesh's own strict decoder reads.
func (a *API) bodyOf(t reflect.Type) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(t, true, "")},
	}}
}

func listObjects[B any](ctx context.Context, a *API, s shape[B], meshName, known string) (*answer[list[B]], error) {
	current, err := a.o.Meshes.Mesh(meshName)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[list[B]]{ETag: weak(current.Revision), Body: list[B]{Items: []B{}}}
	for _, o := range current.Mesh.Objects() {
		if b, ok := s.show(meshName, o, current.Versions[o.Ref()]); ok {
			out.Body.Items = append(out.Body.Items, b)
		}
	}
	out.Status = fresh(known, out.ETag)
	return out, nil
}

// wanted names an object and the ETag by which the caller knows it.
type wanted struct {
	mesh  string
	ref   mesh.Ref
	known string
}

func getObject[B any](ctx context.Context, a *API, s shape[B], w wanted) (*answer[B], error) {
	stored, err := a.o.Meshes.Object(w.mesh, w.ref)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	b, ok := s.show(w.mesh, stored.Object, stored.Version)
	if !ok {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Internal, "mesh %s: %s is a %T", w.mesh, w.ref, stored.Object))
	}
	out := &answer[B]{ETag: strong(stored.Version), Body: b}
	out.Status = fresh(w.known, out.ETag)
	return out, nil
}

// putObject creates or replaces a whole object.
func (a *API) putObject(ctx context.Context, meshName string, ref mesh.Ref, ask Asking, body []byte) (*changed, error) {
	o, version, err := whole(meshName, ref, body)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p, err := ask.proposal(meshName, Wish{})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p.Patch.Put = []mesh.Object{o}
	if version != 0 {
		p.Base[ref] = version
	}
	return a.proposeOn(ctx, p, ref, ask)
}

// deleteObject deletes one object.
func (a *API) deleteObject(ctx context.Context, meshName string, ref mesh.Ref, ask Asking) (*changed, error) {
	if _, err := a.o.Meshes.Object(meshName, ref); err != nil && ask.IdempotencyKey == "" {
		return nil, a.fail(ctx, err)
	}
	p, err := ask.proposal(meshName, Wish{})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p.Patch.Delete = []mesh.Ref{ref}
	return a.proposeOn(ctx, p, ref, ask)
}

// proposeOn adds the caller's condition on one object and proposes.
func (a *API) proposeOn(ctx context.Context, p change.Proposal, ref mesh.Ref, ask Asking) (*changed, error) {
	var current int64
	if stored, err := a.o.Meshes.Object(p.Mesh, ref); err == nil {
		current = stored.Version
	}
	version, ok, err := ask.base(current)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if ok {
		p.Base[ref] = version
	}
	c, err := waits(a.o.Door.Propose(ctx, p))
	switch {
	case errors.Is(err, change.ErrUnchanged):
		return a.unchanged(ctx, p, err)
	case err != nil:
		return nil, a.refuse(ctx, err, p.Mesh, ref)
	}
	return accepted(c), nil
}

// unchanged answers a proposal of what is so already: with the newest change that made it so, and its truths.
func (a *API) unchanged(ctx context.Context, p change.Proposal, cause error) (*changed, error) {
	current, err := a.o.Meshes.Mesh(p.Mesh)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	newest := ""
	for _, o := range p.Patch.Put {
		newest = max(newest, current.Changed[o.Ref()])
	}
	if newest == "" {
		return nil, a.fail(ctx, cause)
	}
	c, err := a.o.Ledger.Change(ctx, newest)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := accepted(c)
	out.Status = http.StatusOK
	if p.DryRun {
		out.Body = change.Change{
			Mesh: c.Mesh, Kind: c.Kind, Name: c.Name, Objects: []mesh.Ref{}, Author: p.Author, Reason: p.Reason, At: time.Now().UTC(),
			Summary: "nothing would change", DryRun: true, State: change.Kept,
		}
		out.Location = ""
	}
	return out, nil
}

// refuse is fail, with the newest change of the object when somebody changed it first.
func (a *API) refuse(ctx context.Context, err error, meshName string, ref mesh.Ref) error {
	out := a.fail(ctx, err)
	p := &Problem{}
	ok := errors.As(out, &p)
	if !ok || !stale(err) {
		return out
	}
	changes, err := a.o.Ledger.Changes(ctx, change.Query{Mesh: meshName, Object: ref, Limit: 1})
	if err == nil && len(changes) > 0 {
		p.Changed = &changes[0]
	}
	return p
}

// accepted is the answer to a change.
func accepted(c change.Change) *changed {
	out := &changed{Status: http.StatusAccepted, Body: c}
	switch {
	case c.Waits != nil:
		out.Location = "/api/v1/meshes/" + url.PathEscape(c.Mesh) + "/proposals/" + c.Waits.ID
	case !c.DryRun:
		out.Location = "/api/v1/changes/" + c.ID
	}
	return out
}

// strong is the ETag of an object.
func strong(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// weak is the ETag of what is made from several objects.
func weak(version int64) string { return "W/" + strong(version) }

// fresh is 304 when the caller knows the ETag already.
func fresh(known, etag string) int {
	for tag := range strings.SplitSeq(known, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || (tag != "" && strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/")) {
			return http.StatusNotModified
		}
	}
	return http.StatusOK
}
