package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/graph"
)

// TestNamesInRenderings says that names which a proxy or a configuration made up do no harm where a graph is written.
func TestNamesInRenderings(t *testing.T) {
	evil := "x\"] ; a -> b [label=\"\\\x1b[2J\nend"
	g := graph.Graph{
		Mesh: evil, Fresh: true, Nodes: []graph.Node{{ID: evil, Name: evil, Kind: graph.KindNode}},
		Edges: []graph.Edge{{From: evil, To: "external/" + evil, Used: true}},
	}
	text := dot(g)
	if n := strings.Count(text, "->"); n != strings.Count(text, `"x\"] ; a -> b`)+strings.Count(text, `"external/x\"] ; a -> b`)+1 {
		t.Errorf("a name became an edge:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "end") {
			t.Errorf("a name broke a line:\n%s", text)
		}
	}
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out}
	if err := a.edges(g); err != nil || strings.ContainsAny(out.String()+text, "\x1b") {
		t.Errorf("%v %q", err, out.String())
	}
}
