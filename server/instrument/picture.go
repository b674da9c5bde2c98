package instrument

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// picture works the present state out when it is asked for.
type picture struct {
	o          Options
	programmed func(mesh string) []share
}

// share is a target's part of a route's weights, 0 to 1.
type share struct {
	route, node string
	part        float64
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe says nothing, which makes the collector unchecked: its series come and go with the meshes.
func (p *picture) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present state.
func (p *picture) Collect(out chan<- prometheus.Metric) {
	now := p.o.Now()
	s := sender{out: out}
	s.send(desc("weir_build_info", "The version of Weir.", "version"), 1, p.o.Version)
	for _, name := range p.o.Meshes.Meshes() {
		current, err := p.o.Meshes.Mesh(name)
		if err != nil {
			continue // it has gone since it was listed
		}
		s.send(desc("weir_mesh_revision", "Newest recorded revision of a mesh.", "mesh"), float64(current.Revision), name)
		p.proxies(s, name)
		g, ok := p.o.Graphs.Graph(name)
		if ok {
			p.graph(s, g, now)
		}
		p.weights(s, current.Mesh, g)
	}
	if p.o.Sources != nil {
		p.sources(s, p.o.Sources(), now)
	}
	if p.o.Targets != nil {
		p.targets(s, p.o.Targets(), now)
	}
}

// sender makes gauges.
type sender struct{ out chan<- prometheus.Metric }

func (s sender) send(d *prometheus.Desc, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	s.out <- m
}

func (p *picture) proxies(s sender, name string) {
	states := make(map[string]int)
	over := 0
	for _, x := range p.o.Proxies.Proxies(name) {
		states[string(x.State)]++
		over += x.SeriesOver
	}
	for _, state := range []string{"synced", "pending", "rejected", "gone", "refused"} {
		s.send(desc("weir_proxies", "Proxies of a mesh by state.", "mesh", "state"), float64(states[state]), name, state)
	}
	s.send(desc("weir_proxy_series_over", "Series of the proxies' newest reports that were dropped because of a limit.", "mesh"), float64(over), name)
}

// graph says how old the live picture's numbers are, and how the mesh fares.
func (p *picture) graph(s sender, g graph.Graph, now time.Time) {
	age := g.Age + max(now.Sub(g.At), 0).Seconds()
	s.send(desc("weir_mesh_age_seconds", "Age of the oldest connected proxy's newest report.", "mesh"), age, g.Mesh)
	nodes, edges := make(map[mesh.Health]int), make(map[mesh.Health]int)
	for i := range g.Nodes {
		nodes[g.Nodes[i].Health]++
	}
	for i := range g.Edges {
		edges[g.Edges[i].Health]++
	}
	for _, h := range []mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy} {
		s.send(desc("weir_graph_nodes", "Nodes of the live graph by health.", "mesh", "health"), float64(nodes[h]), g.Mesh, string(h))
		s.send(desc("weir_graph_edges", "Edges of the live graph by health.", "mesh", "health"), float64(edges[h]), g.Mesh, string(h))
	}
}

// weights sends the three truths of every route with more than one target.
func (p *picture) weights(s sender, m mesh.Mesh, g graph.Graph) {
	d := desc("weir_route_weight_ratio",
		"A target's share of a route: as requested, as every proxy last had it, and as traffic is split now (only when the route's targets are no other route's).",
		"mesh", "route", "node", "truth")
	for _, x := range shares(m) {
		s.send(d, x.part, m.Name, x.route, x.node, "requested")
	}
	for _, x := range p.programmed(m.Name) {
		s.send(d, x.part, m.Name, x.route, x.node, "programmed")
	}
	for _, x := range observed(m, g) {
		s.send(d, x.part, m.Name, x.route, x.node, "observed")
	}
}

func (p *picture) sources(s sender, sources []query.Source, now time.Time) {
	for _, x := range sources {
		up := 0.0
		if x.State == query.OK || x.State == query.Degraded {
			up = 1
		}
		s.send(desc("weir_source_up", "Whether a source of metrics answers.", "source", "kind"), up, x.Name, x.Kind)
		if !x.LastSuccess.IsZero() {
			s.send(desc("weir_source_age_seconds", "Time since a source of metrics last answered.", "source", "kind"), now.Sub(x.LastSuccess).Seconds(), x.Name, x.Kind)
		}
		s.send(desc("weir_source_latency_seconds", "Time that a source's newest answer took.", "source", "kind"), x.Latency, x.Name, x.Kind)
	}
}

func (p *picture) targets(s sender, targets []query.Target, now time.Time) {
	type place struct{ mesh, job, url string }
	told := make(map[place]bool)
	for _, t := range targets {
		at := place{t.Mesh, t.Job, t.URL}
		if told[at] {
			continue // an address that is listed twice, under other labels
		}
		told[at] = true
		up := 0.0
		if t.State == query.OK || t.State == query.Degraded {
			up = 1
		}
		s.send(desc("weir_target_up", "Whether the last scrape of a target succeeded.", "mesh", "job", "target"), up, t.Mesh, t.Job, t.URL)
		if !t.LastScrape.IsZero() {
			s.send(desc("weir_target_age_seconds", "Time since a target was last scraped.", "mesh", "job", "target"), now.Sub(t.LastScrape).Seconds(), t.Mesh, t.Job, t.URL)
		}
		s.send(desc("weir_target_samples", "Samples of a target's last page.", "mesh", "job", "target"), float64(t.Samples), t.Mesh, t.Job, t.URL)
		s.send(desc("weir_target_dropped_samples", "Samples of a target's last page that were left out because of a limit.", "mesh", "job", "target"), float64(t.Dropped), t.Mesh, t.Job, t.URL)
	}
}

// shares gives the targets of every route with more than one of them.
func shares(m mesh.Mesh) []share {
	var list []share
	for _, r := range m.Routes {
		sum := 0
		for _, t := range r.Targets {
			sum += t.Weight
		}
		if len(r.Targets) < 2 || sum == 0 {
			continue
		}
		byNode := make(map[string]int) // a node may be a target on several of its ports
		for _, t := range r.Targets {
			if _, again := byNode[t.Node]; !again {
				list = append(list, share{r.Ref().Name, t.Node, 0})
			}
			byNode[t.Node] += t.Weight
		}
		for i := range list[len(list)-len(byNode):] {
			x := &list[len(list)-len(byNode)+i]
			x.part = float64(byNode[x.node]) / float64(sum)
		}
	}
	return list
}

// observed gives the measured shares of the routes whose targets serve no other route: of the others the edges do not
// tell which route a call took.
func observed(m mesh.Mesh, g graph.Graph) []share {
	routes := make(map[string]int)
	for _, r := range m.Routes {
		for _, t := range r.Targets {
			routes[t.Node]++
		}
	}
	rate := make(map[string]float64)
	for i := range g.Edges {
		if g.Edges[i].To != g.Edges[i].From {
			rate[g.Edges[i].To] += g.Edges[i].RequestRate
		}
	}
	var list []share
	for _, r := range m.Routes {
		sum, own := 0.0, len(r.Targets) > 1
		for _, t := range r.Targets {
			sum += rate[t.Node]
			own = own && routes[t.Node] == 1
		}
		if !own || sum == 0 {
			continue
		}
		for _, t := range r.Targets {
			list = append(list, share{r.Ref().Name, t.Node, rate[t.Node] / sum})
		}
	}
	return list
}
