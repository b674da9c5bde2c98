package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/drift"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// sentencesShown is how many steps of a definition a review tells one by one.
const sentencesShown = 40

// emptyMesh is how a mesh that does not exist looks.
func emptyMesh() change.Current { return change.Current{} }

// describeDefinition puts what a definition changes into words.
func (w *Web) describeDefinition(v view, e editing, d draft, r *page.Review) {
	r.Back = v.L.T("config.back")
	if e.ref.Name == "" {
		r.Form.Cancel = v.Href("/config")
	}
	for _, o := range d.patch.Put {
		before, _ := v.current.Mesh.Get(o.Ref())
		r.Sentences = append(r.Sentences, v.stepWords(o.Ref(), before, o)...)
	}
	for _, ref := range d.patch.Delete {
		before, _ := v.current.Mesh.Get(ref)
		r.Sentences = append(r.Sentences, v.stepWords(ref, before, nil)...)
	}
	if more := len(r.Sentences) - sentencesShown; more > 0 {
		r.Sentences = append(r.Sentences[:sentencesShown], v.L.N("config.more", more))
	}
	r.Danger = len(d.patch.Delete) > 0
	r.Proxies = v.touched(v.concerned(d.patch))
	r.Twins = w.patchTwins(v, d.patch, r.Form.ConfirmWithin)
	switch n := len(d.patch.Put) + len(d.patch.Delete); {
	case len(d.patch.Delete) == 1 && n == 1:
		r.Form.Apply = v.L.T("config.apply.delete", "what", d.ref.Name)
	case n == 1 && !v.has(d.ref):
		r.Form.Apply = v.L.T("config.apply.create", "what", d.ref.Name)
	case n == 1:
		r.Form.Apply = v.L.T("config.apply.change", "what", d.ref.Name)
	default:
		r.Form.Apply = v.L.N("config.apply.many", n)
	}
}

// concerned gives the graph ids of whoever gets other configuration by a patch.
func (v view) concerned(p mesh.Patch) map[string]bool {
	refs := slices.Clone(p.Delete)
	for _, o := range p.Put {
		refs = append(refs, o.Ref())
	}
	next, err := v.current.Mesh.With(p)
	if err != nil {
		next = v.current.Mesh
	}
	ids := make(map[string]bool)
	for _, p := range v.proxies {
		end := p.Node
		if p.Gateway != "" {
			end = mesh.GatewayID(p.Gateway)
		}
		ids[end] = false
	}
	for _, m := range []mesh.Mesh{v.current.Mesh, next} {
		for end := range drift.Concerned(m, refs, slices.Collect(maps.Keys(ids))) {
			ids[end] = true
		}
	}
	return ids
}

// stepWords says what becomes of one object: its name and verb, then each value that changes.
func (v view) stepWords(ref mesh.Ref, before, after mesh.Object) []string {
	name := v.L.T("object."+string(ref.Kind)) + " " + ref.Name
	switch {
	case before == nil:
		return []string{v.L.T("config.step.create", "what", name)}
	case after == nil:
		return []string{v.L.T("config.step.delete", "what", name)}
	}
	list := []string{v.L.T("config.step.change", "what", name)}
	was, is := values(before), values(after)
	for _, path := range paths(was, is) {
		if was[path] != is[path] {
			list = append(list, v.L.T("config.step.value", "path", path, "from", v.orAbsent(was[path]), "to", v.orAbsent(is[path])))
		}
	}
	return list
}

func (v view) orAbsent(s string) string {
	if s == "" {
		return v.L.T("config.absent.value")
	}
	return mesh.Shorten(s)
}

// definitionRows compares what was read, what is in force and what a draft says, value by value, for when they part.
func (w *Web) definitionRows(c *gin.Context, v view, d draft) []page.ConflictRow {
	if len(d.patch.Put) != 1 || d.patch.Put[0].Ref() != d.ref {
		return nil
	}
	o := d.patch.Put[0]
	was, is, read := map[string]string{}, values(o), map[string]string{}
	if now, ok := v.current.Mesh.Get(d.ref); ok {
		was = values(now)
	}
	if d.version != v.current.Versions[d.ref] && w.Versions != nil {
		versions, err := w.Versions.Versions(c.Request.Context(), change.Query{Mesh: v.Mesh, Object: d.ref, Limit: versionsShown})
		if err != nil {
			w.Logger.WarnContext(c.Request.Context(), "versions not read", "object", d.ref.String(), "err", err)
		}
		for _, each := range versions {
			if each.Number == d.version && each.Object != nil {
				read = values(each.Object)
			}
		}
	}
	var rows []page.ConflictRow
	for _, path := range paths(was, is) {
		if was[path] != is[path] || len(read) > 0 && read[path] != was[path] {
			rows = append(rows, page.ConflictRow{Name: path, Read: v.orAbsent(read[path]), Now: v.orAbsent(was[path]), Draft: v.orAbsent(is[path])})
		}
	}
	return rows
}

// onTop lets the text among a form's fields say that it is of an object's version.
func onTop(fields []page.Field, of mesh.Ref, version int64) {
	for i := range fields {
		if fields[i].Name == "text" {
			fields[i].Value = definition.SetVersion(fields[i].Value, of, version)
		}
	}
}

// values are the plain values of an object by their paths: "targets[1].weight" is "25".
func values(o mesh.Object) map[string]string {
	out := make(map[string]string)
	data, err := json.Marshal(o)
	var tree any
	if err != nil || json.Unmarshal(data, &tree) != nil {
		return out
	}
	flatten(out, "", tree)
	return out
}

func flatten(out map[string]string, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 && at != "" {
			out[at] = "{}"
		}
		for name, inner := range v {
			path := name
			if at != "" {
				path = at + "." + name
			}
			flatten(out, path, inner)
		}
	case []any:
		for i, inner := range v {
			flatten(out, at+"["+strconv.Itoa(i)+"]", inner)
		}
	case string:
		out[at] = v
	case nil:
	default:
		if data, err := json.Marshal(v); err == nil {
			out[at] = string(data)
		}
	}
}

// paths lists the paths in either of two sets of values.
func paths(a, b map[string]string) []string {
	list := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(list)
	return slices.Compact(list)
}

// deleteObject makes the handler of the form that deletes an object. One that is in use is not deleted: whoever uses it
// is listed.
func (w *Web) deleteObject(kind mesh.Kind, do func(*gin.Context, view, draft) error) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "config", "config.title")
		if err != nil {
			return err
		}
		ref := refOf(c, kind)
		if !v.has(ref) {
			return mesh.Errorf(mesh.NotFound, "%s: mesh %s has none: it may have been deleted meanwhile", shorten(ref.String()), v.Mesh)
		}
		read, err := version(c)
		if err != nil {
			return err
		}
		d := draft{
			ref: ref, version: read, path: page.ConfigPath(ref) + "/delete",
			patch: mesh.Patch{Delete: []mesh.Ref{ref}}, base: map[mesh.Ref]int64{ref: read},
		}
		d.describe = func(r *page.Review) {
			w.describeDefinition(v, editing{ref: ref}, d, r)
			r.Form.Cancel = v.ConfigHref(ref)
		}
		d.again = func(refusal error) error { return refusal }
		if _, err := v.current.Mesh.With(d.patch); mesh.CodeOf(err) == mesh.Conflict {
			return w.inUse(c, v, ref, err)
		}
		return do(c, v, d)
	}
}

// inUse says who still needs an object.
func (w *Web) inUse(c *gin.Context, v view, ref mesh.Ref, refusal error) error {
	p := page.InUse{Shell: v.Shell, Ref: ref, Message: refusal.Error()}
	p.Title = v.L.T("config.inuse", "what", ref.Name)
	for _, user := range v.current.Mesh.ReferredBy(ref) {
		p.By = append(p.By, v.refLink(user))
	}
	return w.render(c, http.StatusConflict, page.InUsePage(p))
}

// backToObject leads from an address that only takes forms to the object's page.
func (w *Web) backToObject(kind mesh.Kind) handler {
	return func(c *gin.Context) error {
		c.Redirect(http.StatusSeeOther, page.ConfigPath(refOf(c, kind)))
		return nil
	}
}
