package web_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// bustling is a made-up mesh of so many services, half a minute after its beginning.
func bustling(b *testing.B, services int) *world {
	b.Helper()
	c, err := crowd.New(crowd.Options{Services: services, Seed: 1, Begin: noon().Add(-30 * time.Second)})
	if err != nil {
		b.Fatal(err)
	}
	meshes := []mesh.Mesh{c.Mesh()}
	live := graph.New(graph.Options{Meshes: func() []mesh.Mesh { return meshes }, Observer: c})
	g, ok := live.Rebuild(c.Mesh().Name, noon())
	if !ok {
		b.Fatal("no picture")
	}
	w := &world{meshes: map[string]*change.Current{}, graphs: map[string]graph.Graph{g.Mesh: g}}
	w.add(c.Mesh())
	return w
}

// BenchmarkPages is what drawing a page costs that nobody else looks at.
func BenchmarkPages(b *testing.B) {
	for _, services := range []int{500, 2000, 5000} {
		site := serve(bustling(b, services))
		for _, path := range []string{"/", "/?fragment=overview", "/services", "/topology", "/topology?fragment=parts"} {
			b.Run("services="+strconv.Itoa(services)+path, func(b *testing.B) {
				done, n := cpu.Start(b), 0
				for b.Loop() {
					r := httptest.NewRequest(http.MethodGet, path, nil)
					a := httptest.NewRecorder()
					if site.ServeHTTP(a, r); a.Code != http.StatusOK {
						b.Fatal(a.Code)
					}
					n++
				}
				done(n)
			})
		}
	}
}
