package xds

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// BenchmarkPropagate measures one route change to 1,000 proxies of one node: from Apply to the last ACK, with the
// proxies in the same process (so their work is in the CPU time too).
func BenchmarkPropagate(b *testing.B) {
	const proxies = 1000
	s := serve(b, Options{})
	weights := map[string]int{"v1": 1, "v2": 1}
	s.apply(1, shop{weights: weights}.mesh())
	var starting sync.WaitGroup
	for i := range proxies {
		starting.Go(func() {
			xdstest.Start(b, xdstest.Options{Addr: s.Addr().String(), Node: envoyNode("web", fmt.Sprint(i))})
		})
	}
	starting.Wait()
	deadline := time.Now().Add(time.Minute)
	for !allSynced(s, proxies) {
		if time.Now().After(deadline) {
			b.Fatal("the proxies are not synced within a minute")
		}
		time.Sleep(50 * time.Millisecond)
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	changed, stop := s.Watch()
	defer stop()
	report := cpu.Start(b)
	revision := int64(1)
	b.ResetTimer()
	for b.Loop() {
		revision++
		s.apply(revision, shop{weights: map[string]int{"v1": 1, "v2": int(revision)}}.mesh())
		for {
			if d, ok := s.Delivery("shop", revision); ok && d.Done() {
				if d.Acked != proxies {
					b.Fatalf("delivery = %d of %d", d.Acked, d.Total)
				}
				break
			}
			<-changed
		}
	}
	b.StopTimer()
	report(b.N)
	b.ReportMetric(float64(memory.HeapInuse+memory.StackInuse)/(1<<20), "MiB")
}

func allSynced(s *served, want int) bool {
	synced := 0
	for _, p := range s.Proxies("shop") {
		if p.State == provider.Synced {
			synced++
		}
	}
	return synced == want
}
