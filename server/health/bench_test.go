package health

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// BenchmarkJudge is one verdict with a cause.
func BenchmarkJudge(b *testing.B) {
	e := flow(1000, 12, func(t *mesh.Traffic) { t.P95 = time.Second / 2 })
	limits := Default()
	b.ReportAllocs()
	for b.Loop() {
		Judge(&e, &limits)
	}
}
