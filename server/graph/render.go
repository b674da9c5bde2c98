package graph

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/weirmesh/weir/server/mesh"
)

// Dot writes the picture in Graphviz's language: a box per node, versions inside their service, an edge per edge.
// What is declared and unused is dashed, what is used and undeclared dotted.
func Dot(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n", quote(g.Mesh))
	byService := map[string][]Node{}
	for _, n := range g.Nodes {
		if n.Kind == KindNode && n.Service != "" {
			byService[n.Service] = append(byService[n.Service], n)
		}
	}
	targets := map[string]bool{}
	for _, e := range g.Edges {
		targets[e.To] = true
	}
	for _, n := range g.Nodes {
		versions := byService[n.Name]
		switch {
		case n.Kind == KindService && len(versions) > 0:
			fmt.Fprintf(&b, "\tsubgraph %s {\n\t\tlabel=%s;\n", quote("cluster_"+n.ID), quote(n.Name))
			for _, v := range versions {
				b.WriteString("\t\t" + dotNode(v))
			}
			b.WriteString("\t}\n")
		case n.Kind == KindService && !targets[n.ID], n.Kind == KindNode && n.Service != "":
		default:
			b.WriteString("\t" + dotNode(n))
		}
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "\t%s -> %s [label=%s%s%s];\n", quote(e.From), quote(e.To), quote(edgeLabel(e)), colour(e.Health), line(e))
	}
	b.WriteString("}\n")
	return b.String()
}

func dotNode(n Node) string {
	return fmt.Sprintf("%s [label=%s%s];\n", quote(n.ID), quote(n.Name), colour(n.Health))
}

func colour(h mesh.Health) string {
	switch h {
	case mesh.Degraded:
		return ", color=orange"
	case mesh.Unhealthy:
		return ", color=red"
	case mesh.Unknown, mesh.Idle:
		return ", color=gray"
	default:
		return ""
	}
}

func line(e Edge) string {
	switch {
	case e.Declared && !e.Used:
		return ", style=dashed"
	case !e.Declared:
		return ", style=dotted"
	default:
		return ""
	}
}

func edgeLabel(e Edge) string {
	if !e.Used {
		return ""
	}
	label := number(e.RequestRate) + "/s · " + share(e.ErrorRatio)
	if e.P95 > 0 {
		label += " · " + latency(e.P95)
	}
	return label
}

// quote writes a string as Graphviz reads it. Its only escape is for the quotation mark; a backslash would begin one.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return ' '
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Table writes the edges of the picture for people, one a line, and what is wrong below.
func Table(w io.Writer, g Graph) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tRATE\tERRORS\tP50\tP95\tP99\tSHARE\tHEALTH\tNOTE")
	for _, e := range g.Edges {
		p50, p95, p99, split := "-", "-", "-", "-"
		if e.P50 > 0 {
			p50, p95, p99 = latency(e.P50), latency(e.P95), latency(e.P99)
		}
		if e.Share != nil {
			split = share(*e.Share)
		}
		fmt.Fprintf(t, "%s\t%s\t%s/s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			plain(e.From), plain(e.To), number(e.RequestRate), share(e.ErrorRatio), p50, p95, p99, split, e.Health, note(e))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if len(n.Why) > 0 {
			if _, err := fmt.Fprintf(w, "%s is %s: %s.\n", plain(n.ID), n.Health, plain(strings.Join(n.Why, "; "))); err != nil {
				return err
			}
		}
	}
	if !g.Fresh {
		_, err := fmt.Fprintf(w, "Not every proxy reported lately: the numbers are up to %s s old.\n", number(g.Age))
		return err
	}
	return nil
}

// note says where what is declared and what is seen differ.
func note(e Edge) string {
	switch {
	case e.Declared && !e.Used:
		return "unused"
	case !e.Declared:
		return "undeclared"
	default:
		return ""
	}
}

// plain keeps a name from moving the terminal's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func number(v float64) string {
	if v >= 100 || v == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func share(v float64) string { return strconv.FormatFloat(v*100, 'f', 1, 64) + " %" }

func latency(seconds float64) string {
	if seconds < 1 {
		return strconv.FormatFloat(seconds*1000, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(seconds, 'f', 1, 64) + " s"
}
