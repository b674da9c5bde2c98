package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/graph"
)

func (a *app) graphCommand() *cobra.Command {
	var meshName, since string
	var hops int
	var ask client.GraphAsk
	var f format
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show who calls whom, and how it goes",
		Long: "Show who calls whom, and how it goes: all of it, or what a view chooses. The views are problems (what is wrong, and the\n" +
			"heaviest way from an entry to it), focus (the callers and callees of one service), groups (groups of services against\n" +
			"each other), table and whole.",
		Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			if hops != 0 {
				ask.Hops = strconv.Itoa(hops)
			}
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				if since == "" {
					return a.showGraph(ctx, c, name, graphAsk{ask, since, f})
				}
				if f == "dot" {
					return misuse("-o dot draws one moment: leave --since out, or write a table, json or yaml")
				}
				if ask.View+ask.Focus+ask.Hops+ask.By != "" || len(ask.Hide) > 0 {
					return misuse("--since compares whole graphs: leave --view, --focus, --hops, --hide and --by out")
				}
				return a.showDifference(ctx, c, name, graphAsk{ask, since, f})
			})
		}),
	}
	meshFlag(cmd, &meshName)
	flags := cmd.Flags()
	flags.StringVar(&ask.At, "at", "", "the moment, as in 2026-11-22T17:00:00Z or -5m (default: now)")
	flags.StringVar(&since, "since", "", "show what is different at the moment from this earlier one, and what was changed in between")
	flags.StringVar(&ask.Window, "window", "", "what the numbers are taken over, as in 30s")
	flags.StringVar(&ask.View, "view", "", "what to choose: problems, focus, groups, table or whole (default: all; with --focus: focus)")
	flags.StringVar(&ask.Focus, "focus", "", "the service, version or graph id whose callers and callees are shown")
	flags.IntVar(&hops, "hops", 0, "how far callers and callees are shown, 1 to 3 (default: 1)")
	flags.StringArrayVar(&ask.Hide, "hide", nil, "a box that is not shown; may be repeated")
	flags.StringVar(&ask.By, "by", "", "how --view groups groups: namespace, area, prefix or kind (default: what serves best)")
	formatFlag(cmd, &f, "dot")
	return cmd
}

// graphAsk is which picture is wanted, and how it is written.
type graphAsk struct {
	client.GraphAsk
	since  string
	format format
}

// showGraph asks for a mesh's graph and writes it.
func (a *app) showGraph(ctx context.Context, c *client.Client, meshName string, ask graphAsk) error {
	data, err := c.GraphRaw(ctx, meshName, ask.GraphAsk)
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
	grouped := g.Scene != nil && g.Scene.Groups != nil
	switch {
	case ask.format == "dot" && grouped:
		_, err = fmt.Fprint(a.stdout, dotGroups(g))
	case ask.format == "dot":
		_, err = fmt.Fprint(a.stdout, dot(g))
	case grouped:
		err = a.groups(g)
	case g.Scene != nil && g.Scene.View == graph.ViewProblems:
		err = a.problems(g)
	default:
		err = a.edges(g)
	}
	return err
}

// caution says on stderr what makes a graph unfit to rely on, and how much of it is not shown.
func (a *app) caution(g graph.Graph) {
	switch {
	case g.Fresh:
	case g.Age == 0:
		fmt.Fprintln(a.stderr, "weir: these numbers are not fresh: not every proxy has reported")
	default:
		fmt.Fprintf(a.stderr, "weir: these numbers are not fresh: the oldest report is %s old\n", seconds(g.Age))
	}
	a.lacking(g.Partial, g.Notes)
	if s := g.Scene; s != nil && s.View != graph.ViewGroups && s.Units < s.UnitTotal {
		fmt.Fprintf(a.stderr, "weir: %d of %d services and other boxes are shown\n", s.Units, s.UnitTotal)
	}
	if s := g.Scene; s != nil && s.HidProblems > 0 {
		fmt.Fprintf(a.stderr, "weir: %d problems are not shown, since --hide names one of their ends\n", s.HidProblems)
	}
}

// edges writes the graph's edges.
func (a *app) edges(g graph.Graph) error {
	a.caution(g)
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
