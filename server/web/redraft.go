package web

import (
	"maps"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// keepFor keeps what somebody brings to a review, so that a session that ends there, or another language, loses nothing.
// Another window's draft is not overwritten: the review is shown all the same, and says so.
func (w *Web) keepFor(c *gin.Context, v view, d draft) error {
	if w.Drafts == nil || c.PostForm(tokenField) == "" {
		return nil
	}
	fields := make(url.Values)
	for _, f := range append(d.fields, carried(c)...) {
		fields.Add(f.Name, f.Value)
	}
	for _, name := range []string{"version", "reason", "confirmWithin"} {
		if value, ok := c.GetPostForm(name); ok {
			fields.Set(name, value)
		}
	}
	err := w.keep(c, v, d.place, kept(fields))
	switch mesh.CodeOf(err) {
	case "", mesh.Conflict:
		return nil
	case mesh.Invalid:
		return err
	}
	// The disk may be full and the change may be what helps: a draft that cannot be kept stops nobody.
	w.Logger.WarnContext(c.Request.Context(), "draft not kept", "object", d.ref.String(), "err", err)
	return nil
}

// keepQuietly keeps a form whose rows were added to, removed or moved.
func (w *Web) keepQuietly(c *gin.Context, v view, at desk.Place, values url.Values) {
	if w.Drafts == nil || c.PostForm(tokenField) == "" {
		return
	}
	fields := kept(c.Request.PostForm)
	for name := range own(c.Request.PostForm) {
		fields.Del(name)
	}
	maps.Copy(fields, values)
	if err := w.keep(c, v, at, fields); err != nil {
		w.Logger.DebugContext(c.Request.Context(), "draft not kept", "object", at.Object.String(), "err", err)
	}
}

// aroundReview says on a review who else is at the object, that another window of its reader is, and where the page is
// found again in another language.
func (w *Web) aroundReview(c *gin.Context, v view, d draft, r *page.Review) {
	ds := w.desks(c, v)
	r.Resend = page.Resend{Form: "review-form", Action: v.Href(d.path)}
	r.Form.Desk = page.Desk{Form: d.place.Form, Action: v.Href(d.path), Token: c.PostForm(tokenField), Refusal: ds.refusal}
	for _, other := range ds.elsewhere(d.ref) {
		r.Form.Others = append(r.Form.Others, v.editing(other))
	}
	if w.Drafts == nil || r.Form.Token == "" {
		return
	}
	r.Form.Draft = v.Href(d.path + "/draft")
	mine, ok, err := w.Drafts.Draft(c.Request.Context(), d.place, w.person(c, false))
	if err != nil || !ok || mine.Fields.Get(tokenField) != r.Form.Token {
		if ok {
			r.Form.Began = &page.Began{Unsaved: v.L.T("desk.overtaken")}
		}
		return
	}
	query := url.Values{"draft": {d.place.Form}, "object": {d.ref.Name}}
	if v.Here.Query().Has("mesh") {
		query.Set("mesh", v.Mesh)
	}
	r.Resend = page.Resend{} // the draft has an address
	r.Here = &url.URL{Path: d.path + "/apply", RawQuery: query.Encode()}
	if path, err := url.PathUnescape(d.path); err == nil {
		r.Here.Path, r.Here.RawPath = path+"/apply", d.path+"/apply"
	}
}

// reviewAgain shows the review of the reader's draft anew: after another language was chosen, or on going back to it.
// Without a draft it leads to the form.
func (w *Web) reviewAgain(c *gin.Context) error {
	form, person := c.Query("draft"), w.person(c, false)
	if w.Drafts == nil || form == "" || person == "" {
		return w.backToForm(c)
	}
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	tab := strings.TrimSuffix(strings.TrimPrefix(c.FullPath(), "/services/:name/"), "/apply")
	at := desk.Place{Mesh: v.Mesh, Form: form, Object: mesh.Ref{Kind: kindOf(tab, form, c.Query("object")), Name: c.Query("object")}}
	d, ok, err := w.Drafts.Draft(c.Request.Context(), at, person)
	if err != nil {
		return err
	}
	if !ok {
		return w.backToForm(c)
	}
	// The handlers read what somebody sent; what they sent is what the draft holds.
	if err := c.Request.ParseForm(); err != nil {
		return mesh.Errorf(mesh.Invalid, "%s: %w", c.Request.URL.Path, err)
	}
	c.Request.PostForm = maps.Clone(d.Fields)
	c.Request.PostForm.Set("exact", "1")
	return w.reviews()[tab](c)
}

// kindOf is the kind of the object that a form on a tab is about.
func kindOf(tab, form, name string) mesh.Kind {
	switch {
	case tab == "pool":
		return mesh.KindNode
	case tab == "/settings":
		return mesh.KindMesh
	case tab == "health" && !strings.Contains(name, "/"):
		return mesh.KindService
	case form == "order" || form == "add":
		return mesh.KindRouter
	}
	return mesh.KindRoute
}

func (w *Web) reviews() map[string]handler {
	return map[string]handler{
		"traffic": w.reviewTraffic, "pool": w.reviewPool, "health": w.reviewHealth, "/settings": w.reviewSettings,
	}
}
