package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) reviewHealth(c *gin.Context) error {
	return w.withLimits(c, c.Param("name"), func(v view, d draft) error { return w.review(c, v, d) })
}

func (w *Web) applyHealth(c *gin.Context) error {
	return w.withLimits(c, c.Param("name"), func(v view, d draft) error { return w.apply(c, v, d) })
}

// settings shows what holds for the mesh as a whole.
func (w *Web) settings(c *gin.Context) error {
	v, err := w.look(c, "settings", "settings.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	return w.render(c, http.StatusOK, page.SettingsPage(v.settingsPage(c, w.desks(c, v))))
}

func (v view) settingsPage(c *gin.Context, ds *desks) page.Settings {
	m := v.current.Mesh
	return page.Settings{
		Shell: v.Shell, Egress: string(m.EgressFilter), Revision: v.current.Revision, Form: ds.limits(m.Settings(), ""),
		Counts: []page.SettingsCount{
			{Key: "services", N: len(m.Services), Href: v.Href("/services")},
			{Key: "nodes", N: len(m.Nodes), Href: v.Href("/topology")},
			{Key: "gateways", N: len(m.Gateways), Href: v.Href("/topology")},
			{Key: "routes", N: len(m.Routes), Href: v.Href("/services")},
		},
		Special: v.special(), Approval: m.Approval.Required(), ApprovalNo: refusal(c, auth.Govern, v.Mesh),
		Version: strconv.FormatInt(v.current.Versions[m.Settings().Ref()], 10),
	}
}

// special lists the services and routes that have limits of their own.
func (v view) special() []page.Link {
	var list []page.Link
	for _, s := range v.current.Mesh.Services {
		own := s.Health != nil
		for _, r := range v.routes(s.Router) {
			own = own || r.Health != nil
		}
		if own {
			list = append(list, page.Link{Text: s.Name, Href: v.ServiceHref(s.Name, "/health")})
		}
	}
	return list
}

func (w *Web) reviewSettings(c *gin.Context) error {
	return w.withLimits(c, "", func(v view, d draft) error { return w.review(c, v, d) })
}

func (w *Web) applySettings(c *gin.Context) error {
	return w.withLimits(c, "", func(v view, d draft) error { return w.apply(c, v, d) })
}

// healthForm is one object's limits as somebody filled them in.
type healthForm struct {
	service string // on whose page the form stands; "" for the mesh's
	object  mesh.Object
	limits  *mesh.HealthLimits // as they would be; nil: none of its own
	read    int64              // the object's version
	fields  []limitField
	typed   []string // by field
	was     []string
	wrong   []string // keys of the catalogue
}

// withLimits reads a form of health limits and hands on the draft, or shows the form again with what is wrong.
func (w *Web) withLimits(c *gin.Context, service string, do func(view, draft) error) error {
	section, title := "services", "services.title"
	if service == "" {
		section, title = "settings", "settings.title"
	}
	v, err := w.look(c, section, title)
	if err != nil {
		return err
	}
	ref := mesh.Ref{Kind: mesh.Kind(c.PostForm("kind")), Name: c.PostForm("object")}
	if !v.hasLimits(ref, service) {
		return mesh.Errorf(mesh.NotFound, "%.40s %.80s: it has no limits on this page: load it again", ref.Kind, ref.Name)
	}
	stored, err := w.Meshes.Object(v.Mesh, ref)
	if err != nil {
		return err
	}
	form := healthForm{service: service, object: stored.Object}
	if form.read, err = version(c); err != nil {
		return err
	}
	again := func(refusal error) error { return w.limitsAgain(c, v, form, refusal) }
	if !form.readLimits(c.PostForm) {
		return again(nil)
	}
	return do(v, w.limitsDraft(v, form, again))
}

// hasLimits says whether an object's limits are set on the page of a service, or with no service on the mesh's.
func (v view) hasLimits(ref mesh.Ref, service string) bool {
	if service == "" {
		return ref.Kind == mesh.KindMesh && ref.Name == v.Mesh
	}
	if ref.Kind == mesh.KindService {
		return ref.Name == service
	}
	s, _ := v.service(service)
	parent, _ := ref.Split()
	return ref.Kind == mesh.KindRoute && s.Router != "" && parent == s.Router
}

// readLimits reads the fields; an empty one is inherited.
func (f *healthForm) readLimits(field func(string) string) (ok bool) {
	var limits mesh.HealthLimits
	ok = true
	for _, each := range limitFields() {
		if each.objective && f.object.Ref().Kind == mesh.KindRoute {
			continue
		}
		typed := strings.TrimSpace(field(each.name))
		wrong := ""
		if typed != "" && !each.write(&limits, typed) {
			wrong, ok = "limits.error."+each.unit, false
		}
		f.fields, f.typed = append(f.fields, each), append(f.typed, typed)
		f.was, f.wrong = append(f.was, field("was."+each.name)), append(f.wrong, wrong)
	}
	if ok && limits != (mesh.HealthLimits{}) {
		f.limits = &limits
	}
	return ok
}

func (w *Web) limitsDraft(v view, form healthForm, again func(error) error) draft {
	ref := form.object.Ref()
	d := draft{
		ref: ref, version: form.read, after: withLimits(form.object, form.limits), path: limitsPath(v, ref, form.service), again: again,
		place:  desk.Place{Mesh: v.Mesh, Object: ref, Form: "limits"},
		stands: true, fields: []page.Field{{Name: "kind", Value: string(ref.Kind)}, {Name: "object", Value: ref.Name}},
	}
	now := limitsOf(form.object)
	for i, f := range form.fields {
		d.fields = append(d.fields, page.Field{Name: f.name, Value: form.typed[i]}, page.Field{Name: "was." + f.name, Value: form.was[i]})
		current := ""
		if now != nil {
			current = f.read(*now)
		}
		d.rows = append(d.rows, page.ConflictRow{
			Name: v.L.T("limits." + f.name), Read: orInherit(v, f, form.was[i]), Now: orInherit(v, f, current), Draft: orInherit(v, f, form.typed[i]),
		})
	}
	d.describe = func(r *page.Review) { w.describeLimits(v, form, d.after, r) }
	return d
}

func orInherit(v view, f limitField, text string) string {
	if text == "" {
		return v.L.T("limits.inherit")
	}
	return f.words(v.L, strings.TrimSuffix(text, "%"))
}

// describeLimits says in words what new limits are, beside what is seen now.
func (w *Web) describeLimits(v view, form healthForm, after mesh.Object, r *page.Review) {
	layers := v.layersOver(form.object, form.service)
	before, then := limitsOf(form.object), limitsOf(after)
	name := form.object.Ref().Name
	for _, f := range form.fields {
		old, now := f.inForce(v, before, layers), f.inForce(v, then, layers)
		if old != now {
			r.Sentences = append(r.Sentences, v.L.T("limits.sentence", "object", name, "limit", v.L.T("limits."+f.name), "before", old, "after", now))
		}
	}
	if n, ok := v.nodes[mesh.ServiceID(form.service)]; ok {
		r.Sentences = append(r.Sentences, v.L.T("limits.sentence.now", "service", form.service, "errors", v.L.Ratio(n.ErrorRatio), "p95", v.L.Latency(n.P95)))
	}
	r.Form.Apply = v.L.T("limits.apply", "object", name)
	r.Unplugged = true
	r.Back = v.L.T("limits.back")
	r.Twins = w.objectTwins(v, after, r.Form.ConfirmWithin)
}

// limitsAgain shows the page with the form as it was filled in and what is wrong with it.
func (w *Web) limitsAgain(c *gin.Context, v view, form healthForm, refusal error) error {
	ref := form.object.Ref()
	fill := func(shown *page.LimitsForm) {
		again(c, &shown.Desk)
		v.fillLimits(shown, form, refusal)
	}
	if form.service == "" {
		p := v.settingsPage(c, w.desks(c, v))
		fill(&p.Form)
		return w.render(c, http.StatusUnprocessableEntity, page.SettingsPage(p))
	}
	p, err := w.servicePage(c, v, form.service, "health")
	if err != nil {
		return err
	}
	for i := range p.Limits {
		if p.Limits[i].Kind == string(ref.Kind) && p.Limits[i].Name == ref.Name {
			fill(&p.Limits[i])
		}
	}
	return w.render(c, http.StatusUnprocessableEntity, page.ServicePage(p))
}

// fillLimits puts what was typed into a form of limits, and what is wrong with it beside its fields.
func (v view) fillLimits(shown *page.LimitsForm, form healthForm, refusal error) {
	shown.Version = form.read
	broken, rest := v.byField(refusal, form.object.Ref())
	for _, list := range [][]page.LimitField{shown.Fields, shown.Objective} {
		for k := range list {
			i := slices.IndexFunc(form.fields, func(f limitField) bool { return f.name == list[k].Name })
			if i < 0 {
				continue
			}
			list[k].Value, list[k].Was = form.typed[i], form.was[i]
			if form.wrong[i] != "" {
				list[k].Error = v.L.T(form.wrong[i], "value", shorten(form.typed[i]))
			}
			if x, ok := broken[list[k].Name]; ok {
				list[k].Error = v.saidOfLimit(x, form.fields[i], form.typed[i])
				delete(broken, list[k].Name)
			}
		}
	}
	shown.Error = v.above(append(rest, v.left(broken)...))
}
