package judge

import (
	"testing"
	"time"
)

func BenchmarkAdd(b *testing.B) {
	j := begin(b, Defaults())
	w := timed(0, []float64{0.1, 0.25, 0.5, 1, 2.5, 5}, []float64{0.3, 0.2, 0.1, 0.01, 0, 0}, []float64{0.3, 0.2, 0.1, 0.01, 0, 0})
	b.ReportAllocs()
	for b.Loop() {
		add(b, j, w)
		w.From, w.To = w.To, w.To.Add(15*time.Second)
	}
}
