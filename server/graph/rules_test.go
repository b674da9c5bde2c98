package graph

import (
	"os"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// TestLimits finds the limits of the golden case's edges: those of the route, of the stricter of two routes, of the
// service, and of the mesh.
func TestLimits(t *testing.T) {
	data, err := os.ReadFile("testdata/limits.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var m mesh.Mesh
	if err := yaml.UnmarshalStrict(txtar.Parse(data).Files[0].Data, &m); err != nil {
		t.Fatal(err)
	}
	limits := Limits(m, health.Default())
	for _, c := range []struct {
		from, to          string
		degraded, failing float64
		p95               string
	}{
		{"web", "search-a", 0.01, 0.02, "300ms"},
		{"web", "search-b", 0.01, 0.02, "300ms"},
		{"cart", "search-b", 0.04, 0.2, "300ms"}, // no route leads it there: the node's
		{"web", "cart", 0.04, 0.2, "20ms"},
		{"web", "plain", 0.04, 0.2, "1s"},
		{"stranger", "cart", 0.04, 0.2, "20ms"},
		{"web", "external/stranger", 0.04, 0.2, "1s"},
	} {
		l := limits(c.from, c.to)
		if l.DegradedErrors != c.degraded || l.FailingErrors != c.failing || l.DegradedP95.String() != c.p95 {
			t.Errorf("%s → %s: %+v", c.from, c.to, l)
		}
	}
}
