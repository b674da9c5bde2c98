package server

// The tests of this package run the whole product, as a package (server_test.go, and loop_test.go and the rest on one demo
// on real Envoys that all of them share) and as the program that people start (crash_test.go).

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain gives the tests a directory of their own for everything temporary, and at the end looks for what any of the
// servers and demos has left there, and for goroutines that still run.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weir-it-")
	if err == nil {
		err = errors.Join(os.Setenv("TMPDIR", dir), os.Chmod(dir, 0o711)) // PostgreSQL runs in it as another user //nolint:gosec // names in it are random
	}
	suiteDir = dir
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(suite{m}, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// suiteDir is where everything temporary is.
var suiteDir string

// suite is all the tests and the end of what they share.
type suite struct {
	*testing.M
}

// Run runs the tests.
func (s suite) Run() int {
	code := s.M.Run()
	if err := errors.Join(closeShop(), left()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// left says what demos have left in the temporary directory.
func left() error {
	names, err := filepath.Glob(filepath.Join(suiteDir, "weir-demo-*"))
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("demos have left %s", strings.Join(names, ", "))
	}
	return err
}

// program builds bin/weir as make does, once, and gives its path.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(suiteDir, "weir")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", path, "../cmd/weir")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weir: %w: %s", err, out)
	}
	return path, nil
})

// output collects what somebody writes.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write takes a piece.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String gives all so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually waits for something that takes its time on a busy machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	within(t, time.Minute, what, holds)
}

// within waits for something that may take longer.
func within(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in %s it did not come true: %s", most, what)
		}
	}
}
