package server

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/mesh"
)

// BenchmarkLedger is how many changes a second go through the door of a whole server, one after the other: each is
// validated, judged by the guard rails, forecast, chained, recorded with a full sync, handed to the control plane and
// followed. No proxy is connected, so that nothing but Weir is measured.
func BenchmarkLedger(b *testing.B) {
	small, err := demo.Sample()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sample", func(b *testing.B) { benchmarkLedger(b, small) })
	large, err := crowd.New(crowd.Options{Services: 500, Seed: 1, Begin: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("services=500", func(b *testing.B) { benchmarkLedger(b, large.Mesh()) })
}

func benchmarkLedger(b *testing.B, m mesh.Mesh) {
	b.Helper()
	s, err := New(b.Context(), Options{
		Listen: "127.0.0.1:0", XDSListen: "127.0.0.1:0", Data: filepath.Join(b.TempDir(), "data"), Open: true, Version: "test",
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	if _, err := s.Propose(ctx, change.Proposal{Mesh: m.Name, Patch: mesh.Diff(mesh.Mesh{}, m), Author: "bench"}); err != nil {
		b.Fatal(err)
	}
	route := twoWay(b, m)
	before, err := s.door.Mesh(m.Name)
	if err != nil {
		b.Fatal(err)
	}
	used, n, begin := cpu.Start(b), 0, time.Now()
	for b.Loop() {
		n++
		route.Targets[0].Weight, route.Targets[1].Weight = 1+n%2, 2
		if _, err := s.Propose(ctx, change.Proposal{Mesh: m.Name, Author: "bench", Patch: mesh.Patch{Put: []mesh.Object{route}}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "changes/s")
	used(n)
	b.StopTimer()
	after, err := s.door.Mesh(m.Name)
	if err != nil || after.Revision != before.Revision+int64(n) {
		b.Fatalf("revision %d after %d changes since %d: %v", after.Revision, n, before.Revision, err)
	}
	if v, err := s.door.Verify(ctx, m.Name); err != nil || !v.OK || int64(v.Entries) != after.Revision {
		b.Fatalf("the ledger does not hold together: %+v, %v", v, err)
	}
}

// twoWay is a route with two targets, whose targets nobody else holds, set to weights that no change begins with.
func twoWay(b *testing.B, m mesh.Mesh) mesh.Route {
	b.Helper()
	for _, r := range m.Routes {
		if len(r.Targets) == 2 {
			r.Targets = slices.Clone(r.Targets)
			return r
		}
	}
	b.Fatal("no route is shared")
	return mesh.Route{}
}
