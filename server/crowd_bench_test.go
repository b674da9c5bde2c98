package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// BenchmarkCrowd is what one second of a made-up mesh costs: seen, drawn and judged. Recording it is apart.
func BenchmarkCrowd(b *testing.B) {
	for _, services := range []int{500, 5000} {
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			now := time.Unix(1_700_000_000, 0)
			c, err := crowd.New(crowd.Options{Services: services, Seed: 1, Begin: now})
			if err != nil {
				b.Fatal(err)
			}
			meshes := []mesh.Mesh{c.Mesh()}
			live := graph.New(graph.Options{Meshes: func() []mesh.Mesh { return meshes }, Observer: c, Window: 30 * time.Second})
			second := func() {
				now = now.Add(time.Second)
				if g, ok := live.Rebuild(c.Mesh().Name, now); !ok || len(g.Edges) < services {
					b.Fatal("no picture")
				}
			}
			second()
			b.Run("draw", func(b *testing.B) {
				done, n := cpu.Start(b), 0
				for b.Loop() {
					second()
					n++
				}
				done(n)
			})
			b.Run("rollups", func(b *testing.B) {
				done, n := cpu.Start(b), 0
				for b.Loop() {
					c.Rollups(c.Mesh().Name, func(*metrics.Rollup) {})
					n++
				}
				done(n)
			})
		})
	}
}
