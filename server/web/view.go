package web

import (
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/page"
)

// view is what one request looks at: one mesh's configuration, its picture and its proxies, read once.
type view struct {
	page.Shell
	current change.Current
	graph   graph.Graph
	nodes   map[string]graph.Node // by graph id
	proxies []provider.Proxy
}

// frame is the shell of a page; title is a key of the catalogue.
func (w *Web) frame(c *gin.Context, section, title string) page.Shell {
	s := page.Shell{
		L: w.locale(c), Section: section, Theme: theme(c), Here: here(c), Meshes: w.visible(c), Now: w.Now(),
		Assets: page.Assets{
			Style: w.assets.URL("weir.css"), Icon: w.assets.URL("mark.svg"),
			Plot: w.assets.URL("plot.js"), Worker: w.assets.URL("layout-worker.js"),
		},
	}
	if title != "" {
		s.Title = s.L.T(title)
	}
	bundles := []string{"weir.js"}
	if section == "topology" || section == "tv" {
		bundles = append(bundles, "topology.js")
	}
	for _, name := range bundles {
		if address := w.assets.URL(name); address != "" {
			s.Assets.Scripts = append(s.Assets.Scripts, address)
		}
	}
	s.Mesh = chosenMesh(c, s.Meshes)
	s.MadeUp = w.MadeUp != nil && w.MadeUp(s.Mesh)
	s.Refusal = w.refusal(c, s.Mesh)
	s.Who = w.who(c)
	s.Outage = w.outage(s)
	s.Waiting, s.WaitingBut = w.waiting(c, s)
	s.Proposals = w.asked(c, s)
	if g, ok := w.Graphs.Graph(s.Mesh); ok && s.Mesh != "" {
		s.Live = freshness(g, s.Now)
	}
	return s
}

// chosenMesh is the mesh that the address names, or the one last looked at, or the first.
func chosenMesh(c *gin.Context, meshes []string) string {
	for _, name := range []string{c.Query("mesh"), remembered(c, meshCookie)} {
		if slices.Contains(meshes, name) {
			return name
		}
	}
	if len(meshes) == 0 {
		return ""
	}
	return meshes[0]
}

// freshness is how old the picture's numbers are now: their age when it was made, and the time since.
func freshness(g graph.Graph, now time.Time) page.Freshness {
	since := max(now.Sub(g.At), 0)
	age := since + time.Duration(g.Age*float64(time.Second))
	return page.Freshness{Known: !g.At.IsZero(), Fresh: g.Fresh && since < 3*time.Second, Age: age, Silent: !g.At.IsZero() && !g.Fresh && g.Age == 0}
}

// look reads what a page needs. A mesh that the address names and that does not exist is mesh.NotFound; without any
// mesh, view.Mesh is empty.
func (w *Web) look(c *gin.Context, section, title string) (view, error) {
	v := view{Shell: w.frame(c, section, title)}
	if named := c.Query("mesh"); named != "" {
		if !slices.Contains(v.Meshes, named) {
			return v, mesh.Errorf(mesh.NotFound, "mesh %s: there is no such mesh", named)
		}
		if named != remembered(c, meshCookie) {
			remember(c, meshCookie, named)
		}
	}
	if v.Mesh == "" {
		return v, nil
	}
	var err error
	if v.current, err = w.Meshes.Mesh(v.Mesh); err != nil {
		return v, err
	}
	v.graph, _ = w.Graphs.Graph(v.Mesh)
	v.nodes = make(map[string]graph.Node, len(v.graph.Nodes))
	for _, n := range v.graph.Nodes {
		v.nodes[n.ID] = n
	}
	v.proxies = w.Proxies.Proxies(v.Mesh)
	return v, nil
}

// empty says what the mesh lacks before its traffic can be seen.
func (v view) empty() page.Empty {
	connected := slices.ContainsFunc(v.proxies, connected)
	used := slices.ContainsFunc(v.graph.Edges, func(e graph.Edge) bool { return e.Used })
	switch {
	case v.Mesh == "":
		return page.NoMesh
	case !connected && !v.MadeUp:
		return page.NoProxies
	case !used:
		return page.NoTraffic
	}
	return page.NothingMissing
}

func connected(p provider.Proxy) bool {
	return p.State == provider.Synced || p.State == provider.Pending || p.State == provider.Rejected
}

// metricsLate is how old a proxy's newest report may be; proxies report twice a second.
const metricsLate = 5 * time.Second

func (v view) sources() page.Sources {
	var s page.Sources
	for _, p := range v.proxies {
		switch {
		case p.State == provider.Refused:
			s.Refused++
		case connected(p):
			s.Connected++
			if v.Now.Sub(p.MetricsAt) < metricsLate {
				s.Reporting++
			}
			if p.State == provider.Rejected {
				s.Rejected++
			}
		}
	}
	return s
}
