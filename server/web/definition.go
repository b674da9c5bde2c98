package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// yamlForm is the name under which drafts of definitions are kept.
const yamlForm = "yaml"

// maxSent is how much a form with a definition in it may weigh: the definition twice, once as a file, and some fields.
const maxSent = 3 * definition.Limit

// editing is one way to a definition: an object's own, a new object's, or any number from a file.
type editing struct {
	path string   // of the form
	ref  mesh.Ref // the one object that it is about; empty: what the text says
	new  bool     // it must not exist yet
}

func (w *Web) editObject(kind mesh.Kind) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "config", "config.title")
		if err != nil {
			return err
		}
		ref := refOf(c, kind)
		o, ok := v.current.Mesh.Get(ref)
		if !ok {
			return mesh.Errorf(mesh.NotFound, "%s: mesh %s has none: it may have been deleted meanwhile", shorten(ref.String()), v.Mesh)
		}
		e := editing{path: page.ConfigPath(ref) + "/edit", ref: ref}
		p := w.definitionForm(v, e)
		p.Text, p.Version = w.yamlOf(v.Mesh, o), v.current.Versions[ref]
		around, draft := w.desks(c, v).of(e.place(v), p.Version, v.Href(e.path))
		p.Desk = around
		if draft != nil {
			p.Text, p.Version = plainText(draft.Get("text")), versionNumber(draft.Get("version"))
		}
		return w.render(c, http.StatusOK, page.ConfigFormPage(p))
	}
}

func (e editing) place(v view) desk.Place {
	return desk.Place{Mesh: v.Mesh, Object: e.ref, Form: yamlForm}
}

// definitionForm is the form before there is anything in it.
func (w *Web) definitionForm(v view, e editing) page.ConfigForm {
	p := page.ConfigForm{Shell: v.Shell, Ref: e.ref, Cancel: v.Href("/config"), Back: v.L.T("config.title")}
	p.Action = v.Href(e.path)
	switch {
	case e.ref.Name != "":
		p.Heading, p.Cancel, p.Back = v.L.T("config.editing", "what", e.ref.Name), v.ConfigHref(e.ref), e.ref.Name
	case e.new:
		p.Heading, p.Lead = v.L.T("config.creating"), v.L.T("config.creating.lead")
	default:
		p.Heading, p.Lead, p.File = v.L.T("config.applying"), v.L.T("config.applying.lead"), true
	}
	p.Title = p.Heading
	return p
}

// newObject is the form for an object that does not exist, filled with a template of the chosen kind.
func (w *Web) newObject(c *gin.Context) error {
	v, err := w.look(c, "config", "config.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	kind, err := mesh.ParseKind(c.Query("kind"))
	if err != nil || kind == mesh.KindMesh {
		kind = mesh.KindNode
	}
	p := w.definitionForm(v, editing{path: "/config/new", new: true})
	p.Text, p.Kinds = templateOf(kind, v.Mesh), v.templates(kind)
	p.Desk = page.Desk{Action: p.Action, Refusal: w.refusal(c, v.Mesh)}
	return w.render(c, http.StatusOK, page.ConfigFormPage(p))
}

func (v view) templates(chosen mesh.Kind) []page.Link {
	var list []page.Link
	for _, kind := range mesh.Kinds()[1:] {
		list = append(list, page.Link{Text: v.L.T("object." + string(kind)), Href: v.Href("/config/new", "kind", string(kind)), Current: kind == chosen})
	}
	return list
}

// applyFile is the form for a definition file.
func (w *Web) applyFile(c *gin.Context) error {
	v, err := w.look(c, "config", "config.title")
	if err != nil {
		return err
	}
	p := w.definitionForm(v, editing{path: "/config/apply"})
	p.Desk = page.Desk{Action: p.Action, Refusal: w.refusal(c, v.Mesh)}
	return w.render(c, http.StatusOK, page.ConfigFormPage(p))
}

// withDefinition makes the handler of a form with a definition: do reviews or applies what it says.
func (w *Web) withDefinition(about func(*gin.Context) editing, do func(*gin.Context, view, draft) error) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "config", "config.title")
		if err != nil {
			return err
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxSent)
		e := about(c)
		text, err := sentText(c)
		if err != nil {
			return err
		}
		again := func(refusal error) error { return w.definitionAgain(c, v, e, faulty{text, refusal}) }
		bundle, err := w.gather(v, e, text)
		if err != nil {
			return again(err)
		}
		// The text names its mesh, about which nobody could be asked before it was read.
		if err := auth.Can(c.Request.Context(), auth.Steer, auth.Resource{Mesh: bundle.Mesh}); err != nil {
			return err
		}
		if bundle.Mesh != v.Mesh {
			if v, err = w.lookAt(v, bundle.Mesh); err != nil {
				return err
			}
		}
		d, err := w.drafted(c, v, e, bundle)
		if err != nil {
			return again(err)
		}
		d.fields = append(d.fields, page.Field{Name: "text", Value: text})
		d.again = again
		return do(c, v, d)
	}
}

// sentText is the definition that was sent: the file's when there is one, else the field's.
func sentText(c *gin.Context) (string, error) {
	file, _, err := c.Request.FormFile("file")
	if err == nil {
		defer file.Close()
		data, err := io.ReadAll(io.LimitReader(file, definition.Limit+1))
		if err != nil {
			return "", mesh.Errorf(mesh.Invalid, "the file could not be read: %w", err)
		}
		if len(data) > 0 {
			return plainText(string(data)), nil
		}
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", mesh.Errorf(mesh.Invalid, "the form has more than %d bytes: split the definition into several files", large.Limit)
	}
	return plainText(c.PostForm("text")), nil
}

// plainText undoes what browsers do to the ends of lines.
func plainText(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// gather reads a definition and checks that it is about what the form is about.
func (w *Web) gather(v view, e editing, text string) (definition.Bundle, error) {
	documents, err := definition.Decode([]byte(text))
	if err != nil {
		return definition.Bundle{}, err
	}
	name := v.Mesh
	if e.ref.Name == "" && documents[0].Mesh != "" {
		name = documents[0].Mesh
	}
	b, err := definition.Gather(name, documents, func(name string) mesh.Settings {
		current, err := w.Meshes.Mesh(name)
		if err != nil { // there is none yet
			return mesh.Settings{}
		}
		return current.Mesh.Settings()
	})
	if err != nil {
		return b, err
	}
	if e.ref.Name != "" && (len(b.Patch.Put) != 1 || b.Patch.Put[0].Ref() != e.ref) {
		got := make([]string, len(b.Patch.Put))
		for i, o := range b.Patch.Put {
			got[i] = o.Ref().String()
		}
		return b, mesh.Errorf(mesh.Invalid, "this page edits %s, and the text defines %s: to give it another name, create a new object and delete this one",
			e.ref, shorten(strings.Join(got, ", ")))
	}
	return b, nil
}

// lookAt is a view of another mesh than the page's; one that does not exist is empty.
func (w *Web) lookAt(v view, name string) (view, error) {
	v.Mesh = name
	if !slices.Contains(v.Meshes, name) {
		v.Meshes, v.current, v.proxies, v.graph.Edges = nil, emptyMesh(), nil, nil
		return v, nil
	}
	var err error
	if v.current, err = w.Meshes.Mesh(name); err != nil {
		return v, err
	}
	v.proxies = w.Proxies.Proxies(name)
	v.graph, _ = w.Graphs.Graph(name)
	return v, nil
}

// drafted is what a definition changes, as a draft. Versions that the text names have to hold; of the others, those that
// were shown at the review.
func (w *Web) drafted(c *gin.Context, v view, e editing, b definition.Bundle) (draft, error) {
	if e.new {
		for _, o := range b.Patch.Put {
			if _, exists := v.current.Mesh.Get(o.Ref()); exists {
				return draft{}, mesh.Errorf(mesh.Invalid, "%s exists already: give the new one another name, or edit that one", o.Ref())
			}
		}
	}
	next, err := v.current.Mesh.With(b.Patch)
	if err != nil {
		return draft{}, err
	}
	d := draft{ref: e.ref, path: e.path, patch: mesh.Diff(v.current.Mesh, next), base: make(map[mesh.Ref]int64)}
	shown := reviewedVersions(c)
	for _, o := range d.patch.Put {
		ref := o.Ref()
		version, read := shown[ref.Path()]
		if !read {
			if version = v.current.Versions[ref]; !v.has(ref) {
				version = 0
			}
		}
		d.base[ref] = version
		if e.ref.Name == "" {
			d.fields = append(d.fields, page.Field{Name: "base", Value: fmt.Sprintf("%d %s", version, ref.Path())})
		}
	}
	for ref, version := range b.Base {
		if _, changes := d.base[ref]; changes {
			d.base[ref] = version
		}
	}
	switch {
	case e.ref.Name != "":
		if d.version, err = version(c); err != nil {
			return draft{}, err
		}
		if said, ok := b.Base[e.ref]; ok && said != d.version {
			return draft{}, otherVersion(e.ref, said, d.version)
		}
		d.place, d.base = e.place(v), map[mesh.Ref]int64{e.ref: d.version}
	case len(d.patch.Put) == 1:
		d.ref = d.patch.Put[0].Ref()
	default:
		d.ref = mesh.Ref{Kind: mesh.KindMesh, Name: v.Mesh}
	}
	d.describe = func(r *page.Review) { w.describeDefinition(v, e, d, r) }
	d.rows = w.definitionRows(c, v, d)
	return d, nil
}

// otherVersion refuses a text that says of which version it is when the page was opened with another: it was copied from
// elsewhere, and what happened between the two would be undone unseen.
func otherVersion(ref mesh.Ref, said, opened int64) error {
	return &mesh.Error{
		Code: mesh.Conflict, Message: "the text is of another version of " + ref.String() + " than this page",
		Violations: []mesh.Violation{{
			Field: ref.String() + ": version", Value: strconv.FormatInt(said, 10),
			Rule: fmt.Sprintf("is %d, with which this page was opened, or left out", opened),
		}},
	}
}

func (v view) has(ref mesh.Ref) bool {
	_, ok := v.current.Mesh.Get(ref)
	return ok
}

// reviewedVersions are the versions that a review was made from: "3 route/reviews/primary" each. Only what is applied is
// bound to them; a review is of what is in force.
func reviewedVersions(c *gin.Context) map[string]int64 {
	shown := make(map[string]int64)
	if !strings.HasSuffix(c.Request.URL.Path, "/apply/apply") && !strings.HasSuffix(c.Request.URL.Path, "/new/apply") {
		return shown
	}
	for _, line := range c.PostFormArray("base") {
		if n, path, ok := strings.Cut(line, " "); ok {
			if version, err := strconv.ParseInt(n, 10, 64); err == nil {
				shown[path] = version
			}
		}
	}
	return shown
}

// faulty is a text and what is wrong with it.
type faulty struct {
	text  string
	fault error
}

// definitionAgain shows the form with what was typed and what is wrong with it, line by line.
func (w *Web) definitionAgain(c *gin.Context, v view, e editing, f faulty) error {
	p := w.definitionForm(v, e)
	p.Text, p.Version = f.text, versionNumber(c.PostForm("version"))
	p.Desk = page.Desk{Action: p.Action, Refusal: w.refusal(c, v.Mesh)}
	if e.ref.Name != "" {
		p.Desk, _ = w.desks(c, v).of(e.place(v), p.Version, p.Action)
		again(c, &p.Desk)
	}
	lines := strings.Split(f.text, "\n")
	for _, fault := range definition.Locate([]byte(f.text), f.fault) {
		line := page.FaultLine{Line: fault.Line, Message: fault.Message}
		if fault.Line > 0 && fault.Line <= len(lines) {
			line.Source = mesh.Shorten(strings.TrimSpace(lines[fault.Line-1]))
		}
		if fault.Broken != nil {
			line.Message = v.saidWhole(*fault.Broken)
		}
		p.Faults = append(p.Faults, line)
	}
	slices.SortStableFunc(p.Faults, func(a, b page.FaultLine) int { return a.Line - b.Line })
	status := http.StatusUnprocessableEntity
	if mesh.CodeOf(f.fault) == mesh.Conflict {
		status = http.StatusConflict
	}
	return w.render(c, status, page.ConfigFormPage(p))
}

// editingOf is a form's subject for the handlers of one kind.
func editingOf(kind mesh.Kind) func(*gin.Context) editing {
	return func(c *gin.Context) editing {
		ref := refOf(c, kind)
		return editing{path: page.ConfigPath(ref) + "/edit", ref: ref}
	}
}

func creating(*gin.Context) editing { return editing{path: "/config/new", new: true} }
func fromFile(*gin.Context) editing { return editing{path: "/config/apply"} }
