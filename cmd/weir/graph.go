package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) graphCommand() *cobra.Command {
	var meshName, at, since, window string
	var f format
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show who calls whom, and how it goes",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				ask := graphAsk{at, since, window, f}
				if since == "" {
					return a.showGraph(ctx, c, name, ask)
				}
				if f == "dot" {
					return misuse("-o dot draws one moment: leave --since out, or write a table, json or yaml")
				}
				return a.showDifference(ctx, c, name, ask)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	cmd.Flags().StringVar(&at, "at", "", "the moment, as in 2026-11-22T17:00:00Z or -5m (default: now)")
	cmd.Flags().StringVar(&since, "since", "", "show what is different at the moment from this earlier one, and what was changed in between")
	cmd.Flags().StringVar(&window, "window", "", "what the numbers are taken over, as in 30s")
	formatFlag(cmd, &f, "dot")
	return cmd
}

// graphAsk is which picture is wanted, and how it is written.
type graphAsk struct {
	at, since, window string
	format            format
}

// showGraph asks for a mesh's graph and writes it.
func (a *app) showGraph(ctx context.Context, c *client.Client, meshName string, ask graphAsk) error {
	data, err := c.GraphRaw(ctx, meshName, ask.at, ask.window)
	if err != nil {
		return err
	}
	if ask.format == "json" || ask.format == "yaml" {
		return a.raw(ask.format, data)
	}
	var g graph.Graph
	if err := json.Unmarshal(data, &g); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if ask.format == "dot" {
		_, err := fmt.Fprint(a.stdout, dot(g))
		return err
	}
	return a.edges(g)
}

// edges writes the graph's edges; what makes them unfit to rely on goes to stderr.
func (a *app) edges(g graph.Graph) error {
	switch {
	case g.Fresh:
	case g.Age == 0:
		fmt.Fprintln(a.stderr, "weir: these numbers are not fresh: not every proxy has reported")
	default:
		fmt.Fprintf(a.stderr, "weir: these numbers are not fresh: the oldest report is %s old\n", seconds(g.Age))
	}
	a.lacking(g.Partial, g.Notes)
	rows := make([][]string, len(g.Edges))
	for i, e := range g.Edges {
		pool := ""
		if e.Pool.MaxConnections > 0 {
			pool = fmt.Sprintf("%.0f/%.0f", e.Pool.Connections, e.Pool.MaxConnections)
		}
		rows[i] = []string{
			e.From, e.To, string(e.Protocol), fmt.Sprintf("%.1f/s", e.RequestRate), fmt.Sprintf("%.1f %%", e.ErrorRatio*100),
			seconds(e.P50), seconds(e.P95), seconds(e.P99), pool, string(e.Health), strings.Join(e.Why, "; "),
		}
	}
	return a.table([]string{"FROM", "TO", "PROTOCOL", "RATE", "ERRORS", "P50", "P95", "P99", "POOL", "HEALTH", "WHY"}, rows)
}

// seconds writes a duration given in seconds with three digits.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// dot writes the graph for Graphviz: a box for every node within its service's, an arrow for every edge.
func dot(g graph.Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  node [shape=box];\n", dotText(g.Mesh))
	services := make(map[string][]graph.Node)
	for _, n := range g.Nodes {
		switch {
		case n.Kind == graph.KindService:
		case n.Service != "":
			services[n.Service] = append(services[n.Service], n)
		default:
			fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.ID), dotText(n.Name))
		}
	}
	for _, n := range g.Nodes {
		versions := services[n.Name]
		if n.Kind != graph.KindService || len(versions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "  subgraph %s {\n    label=%s;\n", dotText("cluster_"+n.Name), dotText(n.Name))
		for _, v := range versions {
			fmt.Fprintf(&b, "    %s [label=%s];\n", dotText(v.ID), dotText(v.Name))
		}
		b.WriteString("  }\n")
		delete(services, n.Name)
	}
	for _, n := range g.Nodes { // versions of a service that has no box of its own
		if _, left := services[n.Service]; left && n.Service != "" {
			fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.ID), dotText(n.Name))
		}
	}
	for _, e := range g.Edges {
		style := ""
		switch {
		case e.Health == mesh.Unhealthy:
			style = ", color=red, penwidth=2"
		case e.Health == mesh.Degraded:
			style = ", color=orange"
		case !e.Used:
			style = ", style=dashed"
		}
		label := fmt.Sprintf("%.1f/s · %.1f %% · %s", e.RequestRate, e.ErrorRatio*100, seconds(e.P95))
		if !e.Used {
			label = "unused"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s];\n", dotText(e.From), dotText(e.To), dotText(label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText quotes a word for Graphviz.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}
