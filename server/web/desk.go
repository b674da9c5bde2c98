package web

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// personCookie tells browsers apart where nothing else tells people apart. It is an identity and no authentication: it
// says whose draft a draft is, and whoever can reach Weir can make up another. What somebody may do is not its business.
const personCookie = "weir_person"

// The fields that belong to a form's window and to no value of it.
const (
	tokenField = "desk" // tells windows apart
	overField  = "over" // the token of the draft that the form was filled from
	wasField   = "was"
)

// person is who a request is from, "" when nobody knows. make gives a browser a name that has none.
func (w *Web) person(c *gin.Context, make bool) string {
	if id, ok := auth.From(c.Request.Context()); ok && id.Kind == auth.Person {
		return "person " + id.ID
	}
	const length = 26 // of rand.Text
	if name := c.GetString(personCookie); name != "" {
		return name // given in this request
	}
	if name := remembered(c, personCookie); len(name) == length || !make {
		return name
	}
	name := rand.Text()
	c.Set(personCookie, name)
	http.SetCookie(c.Writer, &http.Cookie{
		Name: personCookie, Value: name, Path: "/", MaxAge: year, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.Request.TLS != nil,
	})
	return name
}

// desks reads what a page has to say about edits that were begun. It asks once for each object.
type desks struct {
	w       *Web
	c       *gin.Context
	v       view
	person  string
	refusal string
	quiet   bool // nothing is asked: only a part without forms is drawn
	others  map[mesh.Ref][]desk.Draft
}

func (w *Web) desks(c *gin.Context, v view) *desks {
	part := c.Query("fragment")
	return &desks{
		w: w, c: c, v: v, person: w.person(c, false), refusal: w.refusal(c, v.Mesh), others: make(map[mesh.Ref][]desk.Draft),
		quiet: w.Drafts == nil || part != "" && part != "controls",
	}
}

// of gives what stands around a form. When its reader has begun an edit there, values are its fields.
func (d *desks) of(at desk.Place, version int64, action string) (around page.Desk, values url.Values) {
	around = page.Desk{Form: at.Form, Action: action, Token: rand.Text(), Refusal: d.refusal}
	if d.w.Drafts == nil {
		return around, nil
	}
	around.Draft = under(action, "/draft")
	if d.quiet {
		return around, nil
	}
	for _, other := range d.elsewhere(at.Object) {
		if other.Form == at.Form {
			around.Others = append(around.Others, d.v.editing(other))
		}
	}
	if d.person == "" {
		return around, nil
	}
	begun, ok, err := d.w.Drafts.Draft(d.c.Request.Context(), at, d.person)
	if err != nil {
		// A page without its draft is better than no page: the draft is still there.
		d.w.Logger.WarnContext(d.c.Request.Context(), "draft not read", "object", at.Object.String(), "err", err)
		return around, nil
	}
	if !ok {
		return around, nil
	}
	around.Over = begun.Fields.Get(tokenField)
	around.Began = &page.Began{Said: d.v.begun(begun), Stale: begun.Version != version}
	return around, begun.Fields
}

// elsewhere lists what other people have begun to do to an object.
func (d *desks) elsewhere(of mesh.Ref) []desk.Draft {
	if d.quiet || d.w.Drafts == nil {
		return nil
	}
	if list, ok := d.others[of]; ok {
		return list
	}
	list, err := d.w.Drafts.Others(d.c.Request.Context(), d.v.Mesh, of, d.person)
	if err != nil {
		d.w.Logger.WarnContext(d.c.Request.Context(), "drafts of others not read", "object", of.String(), "err", err)
	}
	d.others[of] = list
	return list
}

// editing says that somebody else is at it.
func (v view) editing(d desk.Draft) string {
	form, _, _ := strings.Cut(d.Form, ":")
	said := []any{"author", shorten(d.Author), "at", v.When(d.At), "form", v.L.T("desk.form." + form)}
	if d.Begun.IsZero() {
		return v.L.T("desk.other", said...)
	}
	return v.L.T("desk.other.since", append(said, "begun", v.When(d.Begun))...)
}

// begun says of the reader's own draft since when it is there, where that is known, and when it was touched last.
func (v view) begun(d desk.Draft) string {
	if d.Begun.IsZero() {
		return v.L.T("desk.began", "ago", v.Ago(d.At))
	}
	return v.L.T("desk.began.since", "begun", v.When(d.Begun), "ago", v.Ago(d.At))
}

// under puts more path into an address before its query.
func under(address, more string) string {
	path, query, has := strings.Cut(address, "?")
	if has {
		query = "?" + query
	}
	return path + more + query
}

// place finds where the form of a request belongs: an object of the mesh, and which of its forms.
func (v view) place(form func(string) string) (desk.Place, error) {
	at := desk.Place{Mesh: v.Mesh, Form: form("form")}
	switch {
	case form("node") != "":
		at.Object = mesh.Ref{Kind: mesh.KindNode, Name: form("node")}
		at.Form = orElse(at.Form, "pool") + ":" + form("port")
	case form("object") != "":
		at.Object = mesh.Ref{Kind: mesh.Kind(form("kind")), Name: form("object")}
		at.Form = orElse(at.Form, "limits")
	case form("route") != "":
		at.Object = mesh.Ref{Kind: mesh.KindRoute, Name: form("router") + "/" + form("route")}
		at.Form = orElse(at.Form, "weights")
	default:
		at.Object = mesh.Ref{Kind: mesh.KindRouter, Name: form("router")}
	}
	if _, ok := v.current.Mesh.Get(at.Object); !ok {
		return at, mesh.Errorf(mesh.NotFound, "%s: mesh %s has none: it may have been deleted meanwhile", shorten(at.Object.String()), v.Mesh)
	}
	return at, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// keep keeps a form's fields as its reader's draft. A draft from another window than the form knows of is not touched:
// desk.ErrOvertaken.
func (w *Web) keep(c *gin.Context, v view, at desk.Place, fields url.Values) error {
	if w.Drafts == nil {
		return mesh.Errorf(mesh.Unavailable, "this console keeps no drafts")
	}
	read, err := version(c)
	if err != nil {
		return err
	}
	person := w.person(c, true)
	d := desk.Draft{Place: at, Person: person, Author: author(c), Version: read, Fields: fields, At: w.Now()}
	earlier, ok, err := w.Drafts.Draft(c.Request.Context(), at, person)
	if err != nil {
		return err
	}
	d.Over = &earlier.At // zero where there is none, and then there must be none still
	if ok {
		token := earlier.Fields.Get(tokenField)
		if token != "" && token != c.PostForm(tokenField) && token != c.PostForm(overField) {
			return &mesh.Error{Code: mesh.Conflict, Message: v.L.T("desk.overtaken"), Err: desk.ErrOvertaken}
		}
	}
	return w.Drafts.SaveDraft(c.Request.Context(), d)
}

// kept leaves out of a form what belongs to one press of a button.
func kept(form url.Values) url.Values {
	fields := maps.Clone(form)
	for _, name := range []string{"key", "do", "preset", overField, "exact"} {
		fields.Del(name)
	}
	return fields
}

// forget drops the reader's draft of a place; it is applied, or not wanted.
func (w *Web) forget(ctx context.Context, at desk.Place, person string) {
	if w.Drafts == nil || person == "" {
		return
	}
	if err := w.Drafts.DropDraft(ctx, at, person); err != nil {
		w.Logger.WarnContext(ctx, "draft not dropped", "object", at.Object.String(), "err", err)
	}
}

// saveDraft keeps or drops a draft: for script with a sentence, for others with the page that shows it.
func (w *Web) saveDraft(c *gin.Context) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	at, err := v.place(c.PostForm)
	if err != nil {
		return err
	}
	back := strings.TrimSuffix(c.Request.URL.EscapedPath(), "/draft")
	dropped := c.PostForm("do") == "discard"
	if dropped {
		w.forget(c.Request.Context(), at, w.person(c, false))
	} else if err = w.keep(c, v, at, kept(c.Request.PostForm)); err != nil && !errors.Is(err, desk.ErrOvertaken) {
		return err
	}
	said, status := v.L.T("desk.kept", "clock", v.L.Clock(v.Now)), http.StatusOK
	switch {
	case dropped:
		said = v.L.T("desk.dropped")
	case err != nil:
		said, status = v.L.T("desk.overtaken"), http.StatusConflict
	}
	if c.Query("fragment") != "" {
		w.answer(c, status, said)
		return nil
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, v.Href(back, "route", c.PostForm("route"))+"#"+anchor(at))
	return nil
}

// answer is a sentence for script: a document whose text it is.
func (w *Web) answer(c *gin.Context, status int, sentence string) {
	c.Data(status, "text/plain; charset=utf-8", []byte(sentence+"\n"))
}

// anchor is the id of the element that a place's form is in.
func anchor(at desk.Place) string {
	form, port, _ := strings.Cut(at.Form, ":")
	switch form {
	case "weights":
		return "traffic"
	case "limits":
		return page.LimitsID(at.Object.Kind, at.Object.Name)
	case "pool":
		return "pool-" + at.Object.Name + "-" + port
	}
	return knobID(form, at.Object.Name, port)
}

func knobID(form, object, port string) string {
	return strings.Join(slices.DeleteFunc([]string{form, strings.ReplaceAll(object, "/", "-"), port}, func(s string) bool { return s == "" }), "-")
}

// again ties a form that is shown again with what was typed to the window that it came from.
func again(c *gin.Context, around *page.Desk) {
	around.Began = nil
	if token := c.PostForm(tokenField); token != "" {
		around.Token, around.Over = token, c.PostForm(overField)
	}
}

// carried are the fields that tie a review to the window of its form.
func carried(c *gin.Context) []page.Field {
	return []page.Field{{Name: tokenField, Value: c.PostForm(tokenField)}, {Name: overField, Value: c.PostForm(overField)}}
}
