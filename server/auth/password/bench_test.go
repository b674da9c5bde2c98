package password

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
)

// BenchmarkSignIn is the cost of one sign-in: at most 60 ms of CPU.
func BenchmarkSignIn(b *testing.B) {
	h := New(Default(), 1, time.Minute)
	hash, err := h.Make(b.Context(), "river of glass")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	done, n := cpu.Start(b), 0
	for b.Loop() {
		if v, err := h.Check(b.Context(), hash, "river of glass"); err != nil || !v.Right {
			b.Fatal(err)
		}
		n++
	}
	done(n)
}

// BenchmarkThousandSignIns has a thousand people sign in at once: at most 512 MB, and those who find no turn in time are told
// to try again.
func BenchmarkThousandSignIns(b *testing.B) {
	for b.Loop() {
		h := New(Default(), runtime.GOMAXPROCS(0), time.Second)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var checked, refused int
		for range 1000 {
			wg.Go(func() {
				_, err := h.Check(b.Context(), "", "river of glass")
				mu.Lock()
				defer mu.Unlock()
				switch mesh.CodeOf(err) {
				case "":
					checked++
				case mesh.TooMany:
					refused++
				default:
					b.Error(err)
				}
			})
		}
		wg.Wait()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "sys-MB")
		b.ReportMetric(float64(checked), "checked")
		b.ReportMetric(float64(refused), "refused")
	}
}
