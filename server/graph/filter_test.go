package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

func TestFilter(t *testing.T) {
	node := func(id, service string) Node { return Node{ID: id, Kind: KindNode, Name: id, Service: service} }
	g := Graph{
		Nodes: []Node{
			node("cart-v1", "cart"), node("cart-v2", "cart"),
			{ID: "gateway/front", Kind: KindGateway, Name: "front"},
			node("pay here", ""),
			{ID: "service/cart", Kind: KindService, Name: "cart"},
		},
		Edges: []Edge{
			{From: "cart-v1", To: "pay here", Health: mesh.Unhealthy},
			{From: "cart-v2", To: "pay here", Health: mesh.Healthy},
			{From: "gateway/front", To: "cart-v1", Health: mesh.Healthy},
			{From: "gateway/front", To: "cart-v2", Health: mesh.Degraded},
		},
	}
	for filter, want := range map[string]string{
		"":                             "0123",
		"cart":                         "0123",
		"CART-V1":                      "02",
		"cart pay":                     "01",
		"unhealthy":                    "0",
		"from:cart":                    "01",
		"from:cart-v2":                 "1",
		"to:cart":                      "23",
		"to:car":                       "",
		`to:"pay here"`:                "01",
		"from:front":                   "23",
		"from:gateway/front to:cart":   "23",
		"from-kind:gateway":            "23",
		"from-prefix:cart":             "01",
		"to-prefix:cart":               "23",
		"from-colour:red":              "",
		`"`:                            "0123",
		"from:cart to:cart":            "",
		"from-kind:service degraded":   "",
		"from-kind:gateway   degraded": "3",
	} {
		rows, total := NewOutline(g).Page(Page{Filter: filter, Rows: 9})
		got := ""
		for _, e := range rows {
			got += string(rune('0' + slices.IndexFunc(g.Edges, func(o Edge) bool { return o.From == e.From && o.To == e.To })))
		}
		sorted := strings.Split(got, "")
		slices.Sort(sorted)
		if got = strings.Join(sorted, ""); got != want || total != len(want) {
			t.Errorf("%q leaves %q of %d, want %q", filter, got, total, want)
		}
	}
}
