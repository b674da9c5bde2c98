package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/palette"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// The palette's bounds.
const (
	maxResults  = 20
	maxActions  = 6  // of one kind, before what merely has that name
	recentFound = 30 // changes that are searched
)

// find is the palette: what fits the words that were typed, and where it leads. It changes nothing: an action leads to the
// form or the review of what it would do.
func (w *Web) find(c *gin.Context) error {
	v, err := w.look(c, "go", "go.title")
	if err != nil {
		return err
	}
	query := strings.TrimSpace(c.Query("q"))
	if runes := []rune(query); len(runes) > palette.MaxQuery {
		query = string(runes[:palette.MaxQuery])
	}
	s := w.search(c, v)
	results := s.atHand()
	if query != "" {
		results = append(s.actions(query), s.named(query, maxResults)...)
	}
	return w.render(c, http.StatusOK, page.GoPage(page.Go{Shell: v.Shell, Query: query, Results: distinct(results, maxResults)}))
}

// search is what a query is matched against.
type search struct {
	view
	past    bool     // moments that have passed can be looked at
	from    *url.URL // the page that the reader comes from
	changes []change.Change
	saved   []desk.View
	rolling []page.RolloutRow // that are under way
}

// search reads what can be found. Without a ledger or a store the rest is found all the same: the palette is needed most
// when something is broken.
func (w *Web) search(c *gin.Context, v view) search {
	s := search{view: v, past: w.Timeline != nil, from: cameFrom(c)}
	if v.Mesh == "" {
		return s
	}
	var err error
	if s.changes, err = w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, Limit: recentFound}); err != nil {
		w.Logger.WarnContext(c.Request.Context(), "palette without changes", "err", err)
	}
	s.rolling = w.activeRollouts(c, v)
	if w.Views != nil {
		if s.saved, err = w.Views.Views(c.Request.Context(), v.Mesh); err != nil {
			w.Logger.WarnContext(c.Request.Context(), "palette without saved views", "err", err)
		}
	}
	return s
}

// cameFrom is the address, on this host, of the page that the palette was opened on.
func cameFrom(c *gin.Context) *url.URL {
	from, err := url.Parse("/" + trimSlashes(c.Query("from")))
	if err != nil || from.Host != "" || c.Query("from") == "" {
		return &url.URL{Path: "/"}
	}
	return from
}

func distinct(results []page.GoResult, most int) []page.GoResult {
	var list []page.GoResult
	for _, r := range results {
		same := func(o page.GoResult) bool {
			return o.Href == r.Href && o.Name == r.Name && slices.Equal(o.Hidden, r.Hidden)
		}
		if !slices.ContainsFunc(list, same) {
			list = append(list, r)
		}
	}
	return list[:min(len(list), most)]
}

// atHand is what is offered before anything is typed: what is wrong, what waits for a decision, saved views, the pages.
func (s search) atHand() []page.GoResult {
	var list []page.GoResult
	for _, health := range []mesh.Health{mesh.Unhealthy, mesh.Degraded} {
		for _, n := range s.graph.Nodes {
			if n.Health == health && n.Kind == graph.KindService && len(list) < maxActions {
				list = append(list, s.open(palette.Entry{Kind: "service", Key: n.Name, Name: n.Name}))
			}
		}
	}
	for _, e := range s.changes {
		if e.State == change.Pending {
			list = append(list, page.GoResult{Kind: "action", Name: s.L.T("go.wait.change", "summary", e.Summary), Href: s.ChangeHref(e.ID)})
		}
	}
	for _, r := range s.rolling {
		list = append(list, s.open(palette.Entry{Kind: "rollout", Key: r.ID, Name: s.L.T("canaries.row", "canary", r.Canary, "target", r.Target.Name)}))
	}
	for _, saved := range s.saved[:min(len(s.saved), maxActions)] {
		list = append(list, s.open(palette.Entry{Kind: "view", Key: saved.Query, Name: saved.Name}))
	}
	for _, e := range s.pages() {
		list = append(list, s.open(e))
	}
	return list
}

// named are the things whose names fit.
func (s search) named(query string, most int) []page.GoResult {
	var list []page.GoResult
	for _, e := range palette.Find(query, s.entries(), most) {
		list = append(list, s.open(e))
	}
	return list
}

func (s search) pages() []palette.Entry {
	var list []palette.Entry
	for _, d := range destinations() {
		if d.key == "compare" && !s.past {
			continue
		}
		list = append(list, palette.Entry{Kind: "page", Key: s.Href(d.path, d.query...), Name: s.L.T("go.page." + d.key), Words: strings.Fields(d.words)})
	}
	return list
}

// entries is everything that has a name. Addresses are made for what is shown alone.
func (s search) entries() []palette.Entry {
	list := append(s.pages(), s.looks()...)
	add := func(kind, key, name string, order int, words ...string) {
		list = append(list, palette.Entry{Kind: kind, Key: key, Name: name, Order: order, Words: words})
	}
	for _, name := range s.serviceNames() {
		add("service", name, name, 1)
	}
	for _, n := range s.current.Mesh.Nodes {
		add("version", n.Name, n.Name, 2)
	}
	for _, g := range s.current.Mesh.Gateways {
		add("gateway", g.Name, g.Name, 2)
	}
	for _, r := range s.current.Mesh.Routes {
		add("route", r.Router+"/"+r.Name, r.Router+"/"+r.Name, 3)
	}
	for _, o := range s.current.Mesh.Objects() {
		ref := o.Ref()
		add("object", string(ref.Kind)+" "+ref.Name, ref.Name, 6, "config", "yaml", "구성", string(ref.Kind))
	}
	for _, p := range s.proxies {
		add("proxy", p.ID, p.ID, 4)
	}
	for _, saved := range s.saved {
		add("view", saved.Query, saved.Name, 1)
	}
	for _, r := range s.rolling {
		add("rollout", r.ID, s.L.T("canaries.row", "canary", r.Canary, "target", r.Target.Name), 1, r.ID, r.Canary, "canary", "카나리")
	}
	for _, e := range s.changes {
		add("change", e.ID, e.Summary, 5, e.ID, e.Author)
	}
	return list
}

// looks are the languages and themes; a choice leads back to where the reader was.
func (s search) looks() []palette.Entry {
	var list []palette.Entry
	for _, theme := range page.Themes() {
		words := append(strings.Fields("theme colours 테마 색상"), theme)
		list = append(list, palette.Entry{Kind: "action", Key: s.back("theme", theme), Name: s.L.T("go.theme", "theme", s.L.T("theme."+theme)), Words: words})
	}
	for _, lang := range i18n.Languages() {
		name := s.L.T("language." + string(lang))
		list = append(list, palette.Entry{Kind: "action", Key: s.back("lang", string(lang)), Name: s.L.T("go.language", "language", name), Words: []string{"language", "언어", name, string(lang)}})
	}
	return list
}

// back is the page that the reader came from with one parameter set.
func (s search) back(name, value string) string {
	query := s.from.Query()
	query.Set(name, value)
	return (&url.URL{Path: s.from.Path, RawPath: s.from.RawPath, RawQuery: query.Encode()}).String()
}

// open is an entry as a result: with its address, and its health where it has one.
func (s search) open(e palette.Entry) page.GoResult {
	r := page.GoResult{Kind: e.Kind, Name: e.Name, Href: e.Key}
	switch e.Kind {
	case "service":
		r.Href, r.Health = s.ServiceHref(e.Key, ""), s.nodes[mesh.ServiceID(e.Key)].Health
		if n, ok := s.nodes[mesh.ServiceID(e.Key)]; ok && n.RequestRate > 0 {
			r.Detail = s.L.Rate(n.RequestRate)
		}
	case "version":
		r.Href, r.Health, r.Detail = s.boxHref(e.Key), s.nodes[e.Key].Health, s.serviceOf(e.Key)
	case "gateway":
		id := mesh.GatewayID(e.Key)
		r.Href, r.Health = s.FocusHref(id), s.nodes[id].Health
	case "route":
		r.Href = s.objectHref(mesh.Ref{Kind: mesh.KindRoute, Name: e.Key})
		if r.Href == "" {
			r.Href = s.Href("/services")
		}
	case "object":
		kind, name, _ := strings.Cut(e.Key, " ")
		r.Href, r.Detail = s.ConfigHref(mesh.Ref{Kind: mesh.Kind(kind), Name: name}), kind
	case "proxy":
		r.Href = s.ProxyHref(e.Key)
	case "view":
		query, err := url.ParseQuery(e.Key)
		if err != nil {
			query = url.Values{}
		}
		query.Set("mesh", s.Mesh)
		r.Href = "/topology?" + query.Encode()
	case "rollout":
		r.Href = s.RolloutHref(e.Key)
		for _, each := range s.rolling {
			if each.ID == e.Key {
				r.Detail = s.L.T("phase."+each.Phase) + " · " + each.Weight
			}
		}
	case "change":
		r.Href = s.ChangeHref(e.Key)
		if at := slices.IndexFunc(s.changes, func(c change.Change) bool { return c.ID == e.Key }); at >= 0 {
			r.Detail = s.Ago(s.changes[at].At) + " · " + s.changes[at].Author
		}
	}
	return r
}

// number reads a whole number that may be followed by a percent sign.
func number(word string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimSuffix(word, "%"))
	return n, err == nil && n >= 0
}
