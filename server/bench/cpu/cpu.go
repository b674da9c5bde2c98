// Package cpu measures the CPU time that this process used, which says more than wall time on a machine that others
// share. It is for benchmarks; nothing that serves uses it.
package cpu

import (
	"syscall"
	"time"
)

// Benchmark is what a figure is reported to; *testing.B is one.
type Benchmark interface {
	ReportMetric(n float64, unit string)
	Fatal(args ...any)
}

// Used gives the process's CPU time so far, in user and system mode together.
func Used(b Benchmark) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Start begins to measure. What it returns reports the CPU time of each of n operations in ms, as cpu-ms/op; call it when
// the loop is over.
func Start(b Benchmark) func(n int) {
	begin := Used(b)
	return func(n int) { b.ReportMetric(float64((Used(b)-begin).Nanoseconds())/1e6/float64(n), "cpu-ms/op") }
}
