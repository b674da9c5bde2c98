// Package chaos is what the tests of faults share: how hard they try, and the one line of figures that each of them prints.
//
// They try a little with `make test` and as hard as docs/faults.md says with `make chaos`, which sets WEIR_CHAOS=full.
package chaos

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// TB is what a test gives; testing.T does.
type TB interface {
	Helper()
	Logf(format string, args ...any)
}

// Full tells whether faults are to be tried as hard as docs/faults.md says.
func Full() bool { return os.Getenv("WEIR_CHAOS") == "full" }

// Scaled gives the count or duration that a test of a fault tries.
func Scaled[T any](little, full T) T {
	if Full() {
		return full
	}
	return little
}

// Figure prints what came of a fault, in the form that `make chaos` shows.
func Figure(t TB, fault, criterion, format string, measured ...any) {
	t.Helper()
	t.Logf("fault: %s | %s | %s", fault, criterion, fmt.Sprintf(format, measured...))
}

// PeakMemory reads the most memory that a process has held so far, in bytes, from Linux' VmHWM.
func PeakMemory(pid int) (int64, error) { return status(pid, "VmHWM:") }

// Memory reads the memory that a process holds, in bytes, from Linux' VmRSS.
func Memory(pid int) (int64, error) { return status(pid, "VmRSS:") }

func status(pid int, key string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, key)
}

// tick is the unit of Linux' CPU times for programs, whatever the kernel's own: a hundredth of a second.
const tick = 0.01

// CPU reads how many seconds of CPU time a process has taken, its own and the kernel's for it.
func CPU(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ") // "pid (name) state …", of which utime and stime are the 14th and 15th
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d: %q", pid, data)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return float64(user+system) * tick, err
}

// Descriptors counts the files and sockets that a process has open.
func Descriptors(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}
