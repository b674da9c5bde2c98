package web

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) reviewPool(c *gin.Context) error {
	return w.withForm(c, "pool", func(v view, d draft) error { return w.review(c, v, d) })
}

func (w *Web) applyPool(c *gin.Context) error {
	return w.withForm(c, "pool", func(v view, d draft) error { return w.apply(c, v, d) })
}

// poolForm is one listener's limits as somebody filled them in.
type poolForm struct {
	node  mesh.VirtualNode // as it is
	after mesh.VirtualNode // as it would be
	port  int
	read  int64    // the node's version
	typed []string // by limit, in poolLimits' order
	was   []string
	wrong []string // keys of the catalogue
}

// withPool reads the form of a connection pool and hands on the draft, or shows the form again with what is wrong.
func (w *Web) withPool(c *gin.Context, do func(view, draft) error) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	stored, err := w.Meshes.Object(v.Mesh, mesh.Ref{Kind: mesh.KindNode, Name: c.PostForm("node")})
	if err != nil {
		return err
	}
	node, ok := stored.Object.(mesh.VirtualNode)
	if !ok {
		return mesh.Errorf(mesh.Internal, "node %s holds a %T", c.PostForm("node"), stored.Object)
	}
	form := poolForm{node: node}
	form.port, _ = strconv.Atoi(c.PostForm("port")) // 0 is no listener's port
	at := slices.IndexFunc(node.Listeners, func(l mesh.Listener) bool { return l.Port == form.port })
	if at < 0 {
		return mesh.Errorf(mesh.NotFound, "node %s: it has no listener on port %.20q", node.Name, c.PostForm("port"))
	}
	if form.read, err = version(c); err != nil {
		return err
	}
	limits, ok := form.readLimits(c.PostForm)
	again := func(refusal error) error { return w.poolAgain(c, v, form, refusal) }
	if !ok {
		return again(nil)
	}
	after := node
	after.Listeners = slices.Clone(node.Listeners)
	after.Listeners[at].ConnectionPool = limits
	form.after = after
	return do(v, w.poolDraft(v, c.Param("name"), form, again))
}

// readLimits reads the four limits; an empty one is no limit. It gives nil when none is set.
func (f *poolForm) readLimits(field func(string) string) (limits *mesh.ConnectionPool, ok bool) {
	limits, ok = &mesh.ConnectionPool{}, true
	for _, l := range poolLimits() {
		typed := strings.TrimSpace(field(l.name))
		f.typed, f.was = append(f.typed, typed), append(f.was, field("was."+l.name))
		wrong := ""
		if typed != "" {
			n, err := strconv.Atoi(typed)
			switch {
			case err != nil:
				wrong = "pool.error.number"
			case n < 1 || n > math.MaxInt32:
				wrong = "pool.error.range"
			default:
				*l.of(limits) = &n
			}
		}
		ok = ok && wrong == ""
		f.wrong = append(f.wrong, wrong)
	}
	if *limits == (mesh.ConnectionPool{}) {
		return nil, ok
	}
	return limits, ok
}

func (w *Web) poolDraft(v view, service string, form poolForm, again func(error) error) draft {
	d := draft{
		ref: form.node.Ref(), version: form.read, after: form.after,
		path: v.ServiceHrefPath(service, "/pool"), again: again,
		place:  desk.Place{Mesh: v.Mesh, Object: form.node.Ref(), Form: "pool:" + strconv.Itoa(form.port)},
		fields: []page.Field{{Name: "node", Value: form.node.Name}, {Name: "port", Value: strconv.Itoa(form.port)}},
	}
	now := poolOf(form.node, form.port)
	for i, l := range poolLimits() {
		d.fields = append(d.fields, page.Field{Name: l.name, Value: form.typed[i]}, page.Field{Name: "was." + l.name, Value: form.was[i]})
		d.rows = append(d.rows, page.ConflictRow{
			Name: v.L.T("pool." + l.name), Read: v.limitText(form.was[i]), Now: v.limitText(digits(*l.of(&now))), Draft: v.limitText(form.typed[i]),
		})
	}
	d.describe = func(r *page.Review) { w.describePool(v, form, r) }
	return d
}

func poolOf(n mesh.VirtualNode, port int) mesh.ConnectionPool {
	for _, l := range n.Listeners {
		if l.Port == port && l.ConnectionPool != nil {
			return *l.ConnectionPool
		}
	}
	return mesh.ConnectionPool{}
}

func digits(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func (v view) limitText(value string) string {
	if value == "" {
		return v.L.T("pool.unlimited")
	}
	return value
}

// inSentence gives a heading's words as they stand within a sentence: scripts without capitals are as they were.
func inSentence(words string) string {
	first, size := utf8.DecodeRuneInString(words)
	return string(unicode.ToLower(first)) + words[size:]
}

// describePool says in words what new limits do, beside what is used now.
func (w *Web) describePool(v view, form poolForm, r *page.Review) {
	now := poolOf(form.node, form.port)
	seen := v.nodes[form.node.Name].Pool
	var changed []string
	var last string
	for i, l := range poolLimits() {
		before, after := digits(*l.of(&now)), form.typed[i]
		if before == after {
			continue
		}
		name := v.L.T("pool." + l.name)
		changed, last = append(changed, name), v.limitText(after)
		r.Sentences = append(r.Sentences, v.L.T("pool.sentence", "node", form.node.Name, "limit", name,
			"before", v.limitText(before), "after", v.limitText(after)))
		if n, err := strconv.Atoi(after); err == nil && seen != nil && l.use != nil {
			use, _ := l.use(*seen)
			most := float64(n * max(seen.Instances, 1))
			key := "pool.sentence.room"
			if use >= most {
				key = "pool.sentence.below"
			}
			r.Sentences = append(r.Sentences, v.L.T(key, "use", v.L.Number(use), "most", v.L.Number(most), "n", max(seen.Instances, 1)))
		}
	}
	r.Form.Apply = v.L.T("split.apply.none")
	if len(changed) > 0 {
		r.Form.Apply = v.L.T("pool.apply.many", "n", strconv.Itoa(len(changed)), "node", form.node.Name)
	}
	if len(changed) == 1 {
		r.Form.Apply = v.L.T("pool.apply", "limit", inSentence(changed[0]), "node", form.node.Name, "value", inSentence(last))
	}
	r.Proxies = v.touched(map[string]bool{form.node.Name: true})
	r.Twins = w.poolTwins(v, form, r.Form.ConfirmWithin)
}

// poolAgain shows the service's page with the form as it was filled in and what is wrong with it.
func (w *Web) poolAgain(c *gin.Context, v view, form poolForm, refusal error) error {
	p, err := w.servicePage(c, v, c.Param("name"), "pool")
	if err != nil {
		return err
	}
	for i := range p.Pools {
		pool := &p.Pools[i]
		if pool.Node != form.node.Name || pool.Port != form.port {
			continue
		}
		again(c, &pool.Desk)
		pool.Version = form.read
		broken, rest := v.byField(refusal, form.node.Ref())
		for k := range pool.Fields {
			pool.Fields[k].Value, pool.Fields[k].Was = form.typed[k], form.was[k]
			if x, ok := broken[pool.Fields[k].Name]; ok {
				pool.Fields[k].Error = v.said(x)
			}
			if form.wrong[k] != "" {
				pool.Fields[k].Error = p.L.T(form.wrong[k], "value", shorten(form.typed[k]))
			}
			delete(broken, pool.Fields[k].Name)
		}
		pool.Error = v.above(append(rest, v.left(broken)...))
	}
	return w.render(c, http.StatusUnprocessableEntity, page.ServicePage(p))
}
