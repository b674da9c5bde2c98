package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

func TestLowOnSpace(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	appendAll(t, s, floatOf(c.now(), 1, "__name__", "up"))
	enough := s.o.MinFree
	s.o.MinFree = 1 << 60
	c.move(time.Second)
	if err := tryAppend(s, floatOf(c.now(), 2, "__name__", "up")); mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "1 samples were not stored: the disk of") {
		t.Errorf("a sample without room: %v", err)
	}
	s.tend(t.Context())
	want(t, s, `up`, c.now(), 1)
	status := s.Status()
	if status.State != query.Degraded || !strings.Contains(status.Message, "free some space") || status.Store.Dropped != 1 {
		t.Errorf("status is %s: %s, %+v", status.State, status.Message, status.Store)
	}
	s.o.MinFree = enough
	appendAll(t, s, floatOf(c.now(), 2, "__name__", "up"))
	want(t, s, `up`, c.now(), 2)
	if status := s.Status(); status.State != query.OK {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
}

// TestDiskFull has a child process run into the end of what it may write, go on answering and recover.
func TestDiskFull(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=full", "WEIR_HISTORY_DIR="+t.TempDir())
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// fillTheDisk is the child: its files may only be 80 kB long, and later longer again.
func fillTheDisk() int {
	if err := full(os.Getenv("WEIR_HISTORY_DIR")); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func limitFiles(bytes uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: 1 << 40})
}

func full(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := limitFiles(80_000); err != nil {
		return err
	}
	stored := 0
	for n := 1; n < 2000; n++ {
		if err = tryAppend(s, batch(base, n)...); err != nil {
			break
		}
		stored = n
	}
	if mesh.CodeOf(err) != mesh.Unavailable || stored < 2 {
		return fmt.Errorf("after %d batches: %w", stored, err)
	}
	if err := fullYetAnswering(s, base, stored); err != nil {
		return err
	}
	if err := limitFiles(1 << 40); err != nil {
		return err
	}
	s.tend(context.Background())
	return recovered(s, dir, base, stored)
}

// startedFull checks that a store starts on a full disk, and is there when there is room.
func startedFull(dir string) (*Store, error) {
	if err := limitFiles(1); err != nil {
		return nil, err
	}
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	s.tend(context.Background())
	if status := s.Status(); status.State != query.Down || !strings.Contains(status.Message, "free some space or raise the quota") {
		return nil, fmt.Errorf("status is %s: %s", status.State, status.Message)
	}
	if _, err := s.Query(context.Background(), `up`, time.Now()); query.FaultOf(err) != query.Unavailable {
		return nil, fmt.Errorf("a store that is down answered %w", err)
	}
	if err := limitFiles(1 << 40); err != nil {
		return nil, err
	}
	s.tend(context.Background())
	return s, nil
}

// fullYetAnswering checks the store while it cannot write.
func fullYetAnswering(s *Store, base int64, stored int) error {
	if err := tryAppend(s, batch(base, stored+1)...); mesh.CodeOf(err) != mesh.Unavailable {
		return fmt.Errorf("another batch gave %w", err)
	}
	if status := s.Status(); status.State != query.Degraded || !strings.Contains(status.Message, "log could not be written") {
		return fmt.Errorf("status is %s: %s", status.State, status.Message)
	}
	// Not even an empty file can be made longer now: upkeep must fail without taking the process along.
	if err := limitFiles(1); err != nil {
		return err
	}
	for range 3 {
		s.tend(context.Background())
		if s.Status().State == query.OK && tryAppend(s, batch(base, stored+1)...) == nil {
			return errors.New("all is said to be well")
		}
	}
	answer, err := s.Query(context.Background(), `min(number)`, batchAt(base, stored))
	if err != nil || len(answer.Vector) != 1 || answer.Vector[0].V != float64(stored) {
		return fmt.Errorf("batch %d is not there: %+v: %w", stored, answer.Vector, err)
	}
	return nil
}

// recovered checks that everything that was stored is there when the store can write again, and after the next start.
func recovered(s *Store, dir string, base int64, stored int) error {
	if status := s.Status(); status.State != query.OK {
		return fmt.Errorf("the store did not recover: %s", status.Message)
	}
	for n := stored + 2; n < stored+10; n++ {
		if err := tryAppend(s, batch(base, n)...); err != nil {
			return err
		}
	}
	for range 2 {
		answer, err := s.Query(context.Background(), `min(count_over_time(number[10m]))`, batchAt(base, stored+10))
		if err != nil || len(answer.Vector) != 1 || answer.Vector[0].V != float64(stored+8) {
			return fmt.Errorf("of %d batches there are %+v: %w", stored+8, answer.Vector, err)
		}
		if err := s.Close(); err != nil {
			return err
		}
		if s, err = startedFull(dir); err != nil {
			return err
		}
	}
	return s.Close()
}
