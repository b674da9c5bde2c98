package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/store/postgrestest"
)

// stored runs a benchmark on every database, each as durable as in production.
func stored(b *testing.B, do func(b *testing.B, s *Store)) {
	run := func(b *testing.B, at string) {
		s, err := Open(b.Context(), options(at))
		if err != nil {
			b.Fatal(err)
		}
		do(b, s)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, b.TempDir()) })
	b.Run("postgres", func(b *testing.B) {
		server, err := postgrestest.Start(postgrestest.Options{Durable: true})
		if err != nil {
			b.Fatal(err)
		}
		defer server.Close() //nolint:errcheck // a throw-away server
		run(b, server.Database(b, ""))
	})
}

// median reports the middle of what was measured.
func median(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
}

func BenchmarkAppend(b *testing.B) {
	stored(b, func(b *testing.B, s *Store) {
		var base int64
		var took []time.Duration
		for b.Loop() {
			begun := time.Now()
			if _, err := s.Append(b.Context(), base, record(fmt.Sprintf("%010d", base+1), base+1)); err != nil {
				b.Fatal(err)
			}
			took, base = append(took, time.Since(begun)), base+1
		}
		median(b, took)
	})
}

// BenchmarkFollow measures from the moment at which a change is recorded to the moment at which another replica hears of it.
func BenchmarkFollow(b *testing.B) {
	stored(b, func(b *testing.B, s *Store) {
		ctx, cancel := context.WithCancel(b.Context())
		heard, done := make(chan time.Time, 1), make(chan struct{})
		other := s
		if e, ok := s.engine.(*pgEngine); ok {
			var err error
			if other, err = Open(ctx, options(e.config.ConnString())); err != nil {
				b.Fatal(err)
			}
			defer other.Close() //nolint:errcheck // it only listened
		}
		go func() {
			defer close(done)
			_ = other.Follow(ctx, 0, func(Notice) { heard <- time.Now() })
		}()
		var base int64
		var took []time.Duration
		for b.Loop() {
			if _, err := s.Append(ctx, base, record(fmt.Sprintf("%010d", base+1), base+1)); err != nil {
				b.Fatal(err)
			}
			recorded := time.Now()
			took, base = append(took, max((<-heard).Sub(recorded), 0)), base+1
		}
		median(b, took)
		cancel()
		<-done
	})
}
