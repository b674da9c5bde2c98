package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// editor is one kind of form. Everything goes by the form's values, so that what is in force, what somebody typed and
// a draft are drawn, read and compared in one way.
type editor struct {
	name string // of the form, and of its texts under "knob.form."
	tab  string // the part of the service's page on which it stands
	// values are what is in force as the form's values.
	values func(v view, at spot) url.Values
	// layout is the form with values in it.
	layout func(v view, at spot, values url.Values) page.Knob
	// read says what a form's values would change. A field's name with a key of the catalogue says what is wrong with it.
	read func(v view, at spot, values url.Values) (patch mesh.Patch, wrong map[string]string)
	// apply says what pressing the button does; nil: it sets the object's NAME.
	apply func(v view, at spot, values url.Values) string
	// says is what the form does, in sentences; nil: each value that changes.
	says func(v view, at spot, values url.Values) []string
	// danger: it takes something away.
	danger bool
}

// spot is what a form is about.
type spot struct {
	service  string
	router   string
	route    mesh.Route       // with a form of a route
	node     mesh.VirtualNode // with a form of a listener
	listener int              // its place in the node
}

func (at spot) port() int { return at.node.Listeners[at.listener].Port }

// ref is the object that a form is about: the route, the node or the router.
func (at spot) ref() mesh.Ref {
	switch {
	case at.node.Name != "":
		return at.node.Ref()
	case at.route.Name != "":
		return at.route.Ref()
	}
	return mesh.Ref{Kind: mesh.KindRouter, Name: at.router}
}

func (at spot) place(v view, form string) desk.Place {
	if at.node.Name != "" {
		form += ":" + strconv.Itoa(at.port())
	}
	return desk.Place{Mesh: v.Mesh, Object: at.ref(), Form: form}
}

// hidden are the fields by which the form is found again.
func (at spot) hidden(form string) []page.Field {
	list := []page.Field{{Name: "form", Value: form}}
	switch {
	case at.node.Name != "":
		list = append(list, page.Field{Name: "node", Value: at.node.Name}, page.Field{Name: "port", Value: strconv.Itoa(at.port())})
	case at.route.Name != "":
		list = append(list, page.Field{Name: "router", Value: at.route.Router}, page.Field{Name: "route", Value: at.route.Name})
	default:
		list = append(list, page.Field{Name: "router", Value: at.router})
	}
	return list
}

func editors() []editor {
	return []editor{
		matchEditor(), targetsEditor(), shareEditor(), leaveEditor(), timeoutEditor(), retryEditor(), deleteEditor(), // of a route
		orderEditor(), addEditor(), // of a router
		outlierEditor(), listenerEditor(), // of a listener
	}
}

func editorOf(tab, name string) (editor, bool) {
	for _, e := range editors() {
		if e.tab == tab && e.name == name {
			return e, true
		}
	}
	return editor{}, false
}

// knob is a form as it stands on the page: with the draft of its reader in it when there is one.
func (d *desks) knob(e editor, at spot, tab string) page.Knob {
	action := d.v.ServiceHref(at.service, "/"+tab)
	now := e.values(d.v, at)
	version := d.v.versionOf(e, at)
	around, draft := d.of(at.place(d.v, e.name), version, action)
	values, was := now, now.Encode()
	if draft != nil {
		values, was = own(draft), draft.Get(wasField)
		version, _ = strconv.ParseInt(draft.Get("version"), 10, 64)
	}
	k := d.v.knobWith(e, at, values)
	k.Desk, k.Version, k.Was = around, version, was
	k.Open = k.Open || draft != nil
	return k
}

// knobWith is a form with values in it.
func (v view) knobWith(e editor, at spot, values url.Values) page.Knob {
	k := e.layout(v, at, values)
	port := ""
	if at.node.Name != "" {
		port = strconv.Itoa(at.port())
	}
	k.Name, k.ID, k.Hidden, k.Danger = e.name, knobID(e.name, at.ref().Name, port), at.hidden(e.name), e.danger
	if k.Title == "" {
		k.Title = v.L.T("knob.form." + e.name)
	}
	if k.Review == "" {
		k.Review = v.L.T("split.review")
	}
	return k
}

// own leaves the fields that are a form's values: what finds the form and what signs a change are none.
func own(form url.Values) url.Values {
	values := maps.Clone(form)
	for _, name := range []string{
		"form", "router", "route", "node", "port", "version", wasField, tokenField, overField, "key", "do", "reason", "confirmWithin", "override", "exact",
	} {
		values.Del(name)
	}
	return values
}

// withEditor reads one of the editors' forms and hands on the draft, or shows the form again: with a row more or less,
// or with what is wrong.
func (w *Web) withEditor(c *gin.Context, e editor, do func(view, draft) error) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	at, err := v.spot(c)
	if err != nil {
		return err
	}
	values := compacted(own(c.Request.PostForm))
	read, err := version(c)
	if err != nil {
		return err
	}
	again := func(wrong map[string]string, refusal error) error {
		return w.knobAgain(c, v, knobState{e, at, values, wrong, read, refusal})
	}
	if pressed := c.PostForm("do"); pressed != "" {
		if !rearrange(values, pressed) {
			return again(nil, mesh.Errorf(mesh.Invalid, "the button %.40q is none of this form's: load the page again", pressed))
		}
		w.keepQuietly(c, v, at.place(v, e.name), values)
		return again(nil, nil)
	}
	patch, wrong := e.read(v, at, values)
	if len(wrong) > 0 {
		return again(wrong, nil)
	}
	return do(v, w.editorDraft(c, v, knobState{e, at, values, nil, read, nil}, patch))
}

// knobState is one of the editors' forms as somebody sent it.
type knobState struct {
	editor
	at      spot
	typed   url.Values
	wrong   map[string]string
	version int64
	refusal error
}

// spot finds what a form is about.
func (v view) spot(c *gin.Context) (spot, error) {
	at := spot{service: c.Param("name")}
	service, ok := v.service(at.service)
	if !ok {
		return at, mesh.Errorf(mesh.NotFound, "service %s: mesh %s has no such virtual service", shorten(at.service), v.Mesh)
	}
	if name := c.PostForm("node"); name != "" {
		node, ok := v.node(name)
		if !ok {
			return at, mesh.Errorf(mesh.NotFound, "node %s: mesh %s has none", shorten(name), v.Mesh)
		}
		at.node = node
		at.listener = slices.IndexFunc(node.Listeners, func(l mesh.Listener) bool { return strconv.Itoa(l.Port) == c.PostForm("port") })
		if at.listener < 0 {
			return at, mesh.Errorf(mesh.NotFound, "node %s: it has no listener on port %.20q", name, c.PostForm("port"))
		}
		return at, nil
	}
	at.router = c.PostForm("router")
	if service.Router == "" || at.router != service.Router {
		return at, mesh.Errorf(mesh.NotFound, "service %s: it is not provided by virtual router %s any more", at.service, shorten(at.router))
	}
	if name := c.PostForm("route"); name != "" {
		for _, r := range v.routes(at.router) {
			if r.Name == name {
				at.route = r
				return at, nil
			}
		}
		return at, mesh.Errorf(mesh.NotFound, "route %s/%s: mesh %s has none", shorten(at.router), shorten(name), v.Mesh)
	}
	return at, nil
}

// editorDraft is what a form's values would change, on its way to the door.
func (w *Web) editorDraft(c *gin.Context, v view, s knobState, patch mesh.Patch) draft {
	ref := s.at.ref()
	d := draft{
		ref: ref, version: s.version, patch: patch, path: v.ServiceHrefPath(s.at.service, "/"+s.tab), place: s.at.place(v, s.name),
		route: s.at.route.Name,
		again: func(refusal error) error {
			s.refusal = refusal
			return w.knobAgain(c, v, s)
		},
	}
	d.base = map[mesh.Ref]int64{ref: s.version}
	if s.name == "order" {
		d.current = v.versionOf(s.editor, s.at)
		// The door knows the router's own version: what was read of its routes holds, or the router's is asked for in vain.
		d.base[ref] = v.current.Versions[ref]
		if d.current != s.version {
			d.base[ref] = -1
		}
	}
	for _, o := range patch.Put {
		if _, ok := d.base[o.Ref()]; ok {
			continue
		}
		d.base[o.Ref()] = 0
		if _, exists := v.current.Mesh.Get(o.Ref()); exists {
			d.base[o.Ref()] = v.current.Versions[o.Ref()]
		}
	}
	d.fields = append(d.fields, s.at.hidden(s.name)...)
	for _, name := range slices.Sorted(maps.Keys(s.typed)) {
		for _, value := range s.typed[name] {
			d.fields = append(d.fields, page.Field{Name: name, Value: value})
		}
	}
	d.fields = append(d.fields, page.Field{Name: wasField, Value: c.PostForm(wasField)})
	was, err := url.ParseQuery(c.PostForm(wasField))
	if err != nil {
		was = nil
	}
	d.rows = v.conflictRows(s, was)
	d.describe = func(r *page.Review) { w.describeKnob(v, s, patch, r) }
	return d
}

// versionOf is the version of what a form is about. An order is of all routes of a router, so theirs are counted together:
// versions only grow.
func (v view) versionOf(e editor, at spot) int64 {
	own := v.current.Versions[at.ref()]
	if e.name != "order" {
		return own
	}
	for ref, version := range v.current.Versions {
		if router, _ := ref.Split(); ref.Kind == mesh.KindRoute && router == at.router {
			own += version
		}
	}
	return own
}

// conflictRows puts what was read, what is and what is drafted beside each other, by the name of the value.
func (v view) conflictRows(s knobState, was url.Values) []page.ConflictRow {
	var rows []page.ConflictRow
	row := func(name string) *page.ConflictRow {
		for i := range rows {
			if rows[i].Name == name {
				return &rows[i]
			}
		}
		none := v.L.T("limits.none")
		rows = append(rows, page.ConflictRow{Name: name, Read: none, Now: none, Draft: none})
		return &rows[len(rows)-1]
	}
	for _, f := range v.knobWith(s.editor, s.at, was).Words(v.L.T("limits.none")) {
		row(f.Name).Read = f.Value
	}
	for _, f := range v.knobWith(s.editor, s.at, s.values(v, s.at)).Words(v.L.T("limits.none")) {
		row(f.Name).Now = f.Value
	}
	for _, f := range v.knobWith(s.editor, s.at, s.typed).Words(v.L.T("limits.none")) {
		row(f.Name).Draft = f.Value
	}
	return rows
}

// describeKnob says in words what a form's values change.
func (w *Web) describeKnob(v view, s knobState, patch mesh.Patch, r *page.Review) {
	name := s.at.ref().Name
	if s.says != nil {
		r.Sentences = s.says(v, s.at, s.typed)
	}
	for _, row := range v.conflictRows(s, nil) {
		if s.says == nil && row.Now != row.Draft {
			r.Sentences = append(r.Sentences, v.L.T("limits.sentence", "object", name, "limit", row.Name, "before", row.Now, "after", row.Draft))
		}
	}
	r.Form.Apply = v.L.T("knob.apply", "what", v.L.T("knob.form."+s.name), "object", name)
	if s.apply != nil {
		r.Form.Apply = s.apply(v, s.at, s.typed)
	}
	if s.danger {
		r.Danger, r.Sentences = true, []string{v.L.T("knob.delete.ask", "object", name)}
	}
	touched := v.callersOf(s.at.router)
	if s.at.node.Name != "" {
		touched = v.around1(s.at.node.Name)
	}
	r.Proxies = v.touched(touched)
	r.Twins = w.patchTwins(v, patch, r.Form.ConfirmWithin)
}

// around1 are the graph ids whose proxies hold what a node's listener says: its own, and its callers'.
func (v view) around1(node string) map[string]bool {
	ids := map[string]bool{node: true}
	for _, id := range v.current.Mesh.Callers(node) {
		ids[id] = true
	}
	return ids
}

// knobAgain shows the service's page with a form as it was filled in and what is wrong with it.
func (w *Web) knobAgain(c *gin.Context, v view, s knobState) error {
	p, err := w.servicePage(c, v, s.at.service, s.tab)
	if err != nil {
		return err
	}
	k := v.knobWith(s.editor, s.at, s.typed)
	fill := func(shown *page.Knob) {
		if shown.ID != k.ID {
			return
		}
		around := shown.Desk
		*shown = k
		shown.Desk, shown.Version, shown.Was, shown.Open = around, s.version, c.PostForm(wasField), true
		again(c, &shown.Desk)
		s.mark(v, shown)
	}
	p.EachKnob(fill)
	status := http.StatusUnprocessableEntity
	if len(s.wrong) == 0 && s.refusal == nil {
		status = http.StatusOK
	}
	return w.render(c, status, page.ServicePage(p))
}
