package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/drift"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// objectsPage is how many objects are on a page.
const objectsPage = 100

func (w *Web) config(c *gin.Context) error {
	v, err := w.look(c, "config", "config.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	survey, err := w.survey(c, v)
	if err != nil {
		return err
	}
	report := survey.Report()
	p := page.Config{Shell: v.Shell, Query: strings.TrimSpace(c.Query("q")), Drift: driftOf(report)}
	if c.Query("view") == "drift" {
		p.View = "drift"
		for _, o := range first(report.Objects, objectsPage) {
			p.Rows = append(p.Rows, reachOf(o))
		}
		return w.render(c, http.StatusOK, page.ConfigPage(p))
	}
	if kind, err := mesh.ParseKind(c.Query("kind")); err == nil {
		p.Kind = string(kind)
	}
	var shown []mesh.Object
	counts := make(map[mesh.Kind]int)
	for _, o := range v.current.Mesh.Objects() {
		if !objectMatches(o, p.Query) {
			continue
		}
		counts[o.Ref().Kind]++
		if p.Kind == "" || p.Kind == string(o.Ref().Kind) {
			shown = append(shown, o)
		}
	}
	p.Kinds = v.kindCounts(p, counts)
	from := start(c, objectsPage)
	p.Shown, p.List = len(shown), leaf(from, objectsPage, len(shown))
	shown = shown[min(from, len(shown)):]
	p.Groups = w.configGroups(c, v, first(shown, objectsPage), report)
	return w.render(c, http.StatusOK, page.ConfigPage(p))
}

// driftOf is a report as the page shows it.
func driftOf(r drift.Report) page.Drift {
	calls := func(list []drift.Call) []page.DriftCall {
		shown := make([]page.DriftCall, len(list))
		for i, c := range list {
			shown[i] = page.DriftCall{From: c.From, To: c.To, RequestRate: c.RequestRate}
		}
		return shown
	}
	return page.Drift{
		Revision: r.Revision, Connected: r.Connected, Behind: lagging(r.Behind), Objects: len(r.Objects), Unrun: r.Unrun,
		Traffic: r.Traffic, Window: r.Window, Unused: calls(r.Unused), Undeclared: calls(r.Undeclared),
	}
}

func lagging(list []drift.Proxy) []page.DriftProxy {
	shown := make([]page.DriftProxy, len(list))
	for i, p := range list {
		shown[i] = page.DriftProxy{ID: p.ID, Reason: string(p.Reason), Message: p.Message, Since: p.Since, Revision: p.Revision}
	}
	return shown
}

func reachOf(o drift.Object) page.Reach {
	return page.Reach{
		Ref: o.Ref(), Version: o.Version, Deleted: o.Deleted, Change: o.Change,
		Programmed: o.Programmed, Total: o.Total, Missing: lagging(o.Missing),
	}
}

// survey sorts out who runs what of a mesh.
func (w *Web) survey(c *gin.Context, v view) (drift.Survey, error) {
	recent, err := drift.Recent(c.Request.Context(), w.Changes, v.current, v.proxies)
	if err != nil {
		return drift.Survey{}, err
	}
	return drift.New(drift.Input{Current: v.current, Recent: recent, Proxies: v.proxies, Graph: v.graph}), nil
}

// objectMatches says whether all words of a query are in an object's kind, name or references.
func objectMatches(o mesh.Object, query string) bool {
	if query == "" {
		return true
	}
	names := []string{o.Ref().String()}
	for _, ref := range mesh.References(o) {
		names = append(names, ref.Name)
	}
	text := strings.ToLower(strings.Join(names, " "))
	return !slices.ContainsFunc(strings.Fields(strings.ToLower(query)), func(word string) bool { return !strings.Contains(text, word) })
}

func (v view) kindCounts(p page.Config, counts map[mesh.Kind]int) []page.KindCount {
	all := 0
	for _, n := range counts {
		all += n
	}
	list := []page.KindCount{{Count: all, Href: v.Href("/config", "q", p.Query), Current: p.Kind == ""}}
	for _, kind := range mesh.Kinds() {
		list = append(list, page.KindCount{
			Kind: kind, Count: counts[kind], Href: v.Href("/config", "q", p.Query, "kind", string(kind)), Current: p.Kind == string(kind),
		})
	}
	return list
}

// configGroups puts objects, which are sorted by kind, into their kinds.
func (w *Web) configGroups(c *gin.Context, v view, objects []mesh.Object, report drift.Report) []page.ConfigGroup {
	behind := make(map[mesh.Ref]drift.Object, len(report.Objects))
	for _, o := range report.Objects {
		behind[o.Ref()] = o
	}
	entries := make(map[string]change.Change)
	var groups []page.ConfigGroup
	for _, o := range objects {
		ref := o.Ref()
		row := page.ConfigRow{Ref: ref, About: v.aboutObject(o), Version: v.current.Versions[ref], Change: v.current.Changed[ref]}
		if b, ok := behind[ref]; ok {
			row.Behind = v.ReachWords(reachOf(b))
		}
		if row.Change != "" {
			entry, read := entries[row.Change]
			if !read {
				// A page without an author is better than no page.
				entry, _ = w.Changes.Change(c.Request.Context(), row.Change)
				entries[row.Change] = entry
			}
			if entry.ID != "" {
				row.By, row.Ago = entry.Author, v.Ago(entry.At)
			}
		}
		if n := len(groups); n == 0 || groups[n-1].Kind != ref.Kind {
			groups = append(groups, page.ConfigGroup{Kind: ref.Kind})
		}
		last := &groups[len(groups)-1]
		last.Rows = append(last.Rows, row)
	}
	return groups
}

// aboutObject says in a few words what an object is.
func (v view) aboutObject(o mesh.Object) string {
	var words []string
	switch o := o.(type) {
	case mesh.Settings:
		words = append(words, v.L.T("about.egress", "filter", string(cmp.Or(o.EgressFilter, mesh.DropAll))))
	case mesh.VirtualNode:
		words = append(words, ports(o.Listeners)...)
		if d := o.ServiceDiscovery; d != nil {
			words = append(words, v.discoveryWords(*d))
		}
		if len(o.Backends) > 0 {
			words = append(words, v.L.N("about.backends", len(o.Backends)))
		}
	case mesh.VirtualService:
		words = append(words, v.providerText(o))
	case mesh.VirtualRouter:
		for _, l := range o.Listeners {
			words = append(words, string(l.Protocol)+"/"+strconv.Itoa(l.Port))
		}
	case mesh.Split:
		for _, t := range o.Targets {
			words = append(words, t.Node+" "+strconv.Itoa(t.Weight))
		}
	case mesh.Route:
		words = append(words, matchText(v.L, o))
		for _, t := range o.Targets {
			words = append(words, t.Node+" "+strconv.Itoa(t.Weight))
		}
	case mesh.VirtualGateway:
		words = append(words, ports(o.Listeners)...)
	case mesh.GatewayRoute:
		words = append(words, matchText(v.L, mesh.Route{Match: o.Match}), "→ "+o.Target.Service)
	}
	return strings.Join(words, " · ")
}

func ports(listeners []mesh.Listener) []string {
	words := make([]string, len(listeners))
	for i, l := range listeners {
		words[i] = string(l.Protocol) + "/" + strconv.Itoa(l.Port)
	}
	return words
}

func (v view) discoveryWords(d mesh.ServiceDiscovery) string {
	switch {
	case d.DNS != nil:
		return v.L.T("about.dns", "host", d.DNS.Hostname)
	case d.Registration != nil:
		return v.L.T("about.registration")
	}
	return v.L.N("about.endpoints", len(d.Endpoints))
}

// meshFile is the whole mesh as a definition file.
func (w *Web) meshFile(c *gin.Context) error {
	v, err := w.look(c, "config", "config.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return mesh.Errorf(mesh.NotFound, "there is no mesh yet")
	}
	text, err := definition.EncodeMesh(v.current.Mesh)
	if err != nil {
		return mesh.Errorf(mesh.Internal, "write mesh %s: %w", v.Mesh, err)
	}
	// Names of meshes have letters, digits, - and _ only.
	c.Header("Content-Disposition", `attachment; filename="`+v.Mesh+`.yaml"`)
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", text)
	return nil
}
