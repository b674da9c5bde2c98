package history

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb"

	"github.com/weirmesh/weir/server/metrics/query"
)

// withBlocks is a store with three hours of a counter that grows by one every half minute, of which all but the newest
// hour are in blocks.
func withBlocks(t *testing.T, o Options) (s *Store, c *clock, start time.Time) {
	t.Helper()
	c = newClock()
	start = c.now()
	o.Now = c.now
	s = openStore(t, o)
	for i := range 361 {
		at := start.Add(time.Duration(i) * 30 * time.Second)
		c.move(at.Sub(c.now()))
		appendAll(t, s, floatOf(at, float64(i), "__name__", "steps_total", "job", "test"), latency(at, int64(i), "__name__", "latency"))
	}
	s.tend(t.Context())
	if n := len(s.current.Load().db.Blocks()); n < 2 && o.MaxBytes == 0 {
		t.Fatalf("there are %d blocks", n)
	}
	return s, c, start
}

func TestBlocksAreWrittenAndRead(t *testing.T) {
	dir := t.TempDir()
	s, c, start := withBlocks(t, Options{Dir: dir})
	whole := func(s *Store) {
		t.Helper()
		want(t, s, `count_over_time(steps_total[3h1s])`, c.now(), 361)
		want(t, s, `count_over_time(latency[3h1s])`, c.now(), 361)
		want(t, s, `steps_total`, start.Add(time.Minute), 2)
		want(t, s, `histogram_count(latency)`, start.Add(time.Minute), 6)
	}
	if s.current.Load().db.Head().MinTime() <= start.UnixMilli() {
		t.Error("nothing left the memory")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole(openStore(t, Options{Dir: dir, Now: c.now}))
}

func TestRetention(t *testing.T) {
	t.Run("by time", func(t *testing.T) {
		s, c, start := withBlocks(t, Options{Retention: time.Hour})
		// Blocks that are merged must be let go of as well, when they are wholly too old.
		for range 8 {
			c.move(15 * time.Minute)
			appendAll(t, s, floatOf(c.now(), 1, "__name__", "later"))
			s.tend(t.Context())
		}
		if oldest := s.Status().Store.Oldest; oldest.Before(start.Add(2 * time.Hour)) {
			t.Errorf("after five hours with a retention of one the oldest sample is of %s", oldest)
		}
		if _, there := valueOf(t, s, `steps_total`, start.Add(time.Minute)); there {
			t.Error("a sample outlived its retention")
		}
	})
	t.Run("by size", func(t *testing.T) {
		s, _, start := withBlocks(t, Options{MaxBytes: 1})
		if n := len(s.current.Load().db.Blocks()); n != 0 {
			t.Errorf("there are %d blocks and room for none", n)
		}
		if _, there := valueOf(t, s, `steps_total`, start.Add(time.Minute)); there {
			t.Error("a sample outlived its room")
		}
		s.tend(t.Context())
		if status := s.Status(); status.State != query.Degraded || !strings.Contains(status.Message, "there is no older history") {
			t.Errorf("status is %s: %s", status.State, status.Message)
		}
	})
}

// blockOf gives the folder of the block with the sample of a moment.
func blockOf(t *testing.T, s *Store, at time.Time) *tsdb.Block {
	t.Helper()
	for _, b := range s.current.Load().db.Blocks() {
		if b.MinTime() <= at.UnixMilli() && at.UnixMilli() < b.MaxTime() {
			return b
		}
	}
	t.Fatalf("no block has %s", at)
	return nil
}

// flip changes some bytes in the second half of a file.
func flip(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for i := range 8 {
		data[len(data)/4+i*len(data)/16] ^= 0x55
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Close()
}

func damages() map[string]func(block string) error {
	return map[string]func(block string) error{
		"chunks flipped":   func(b string) error { return flip(filepath.Join(b, "chunks", "000001")) },
		"chunks cut":       func(b string) error { return os.Truncate(filepath.Join(b, "chunks", "000001"), 9) },
		"chunks deleted":   func(b string) error { return os.RemoveAll(filepath.Join(b, "chunks")) },
		"index flipped":    func(b string) error { return flip(filepath.Join(b, "index")) },
		"index cut":        func(b string) error { return os.Truncate(filepath.Join(b, "index"), 100) },
		"index deleted":    func(b string) error { return os.Remove(filepath.Join(b, "index")) },
		"meta garbled":     func(b string) error { return os.WriteFile(filepath.Join(b, "meta.json"), []byte("{"), 0o600) },
		"meta deleted":     func(b string) error { return os.Remove(filepath.Join(b, "meta.json")) },
		"tombstones empty": func(b string) error { return os.WriteFile(filepath.Join(b, "tombstones"), []byte("xx"), 0o600) },
	}
}

// checkDamaged checks that the store lives on without the block of the first samples, and says so.
func checkDamaged(t *testing.T, s *Store, c *clock, start time.Time) {
	t.Helper()
	for range 4 {
		s.checkNext(t.Context(), map[string]bool{})
	}
	if _, there := valueOf(t, s, `steps_total`, start.Add(time.Minute)); there {
		t.Error("a sample of the damaged block is there")
	}
	want(t, s, `steps_total`, c.now(), 360)
	if got, there := valueOf(t, s, `count_over_time(steps_total[3h1s])`, c.now()); !there || got > 355 || got < 100 {
		t.Errorf("%v samples are left", got)
	}
	s.tend(t.Context())
	if status := s.Status(); status.State != query.Degraded || !strings.Contains(status.Message, "set aside") {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
	entries, err := os.ReadDir(filepath.Join(s.o.Dir, asideDir))
	if err != nil || len(entries) != 1 {
		t.Errorf("set aside are %v, %v", entries, err)
	}
	c.move(time.Second)
	appendAll(t, s, floatOf(c.now(), 1, "__name__", "after"))
	want(t, s, `after`, c.now(), 1)
}

func TestDamagedBlockAtTheStart(t *testing.T) {
	s, c, start := withBlocks(t, Options{})
	for name, damage := range damages() {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, s)
			if err := damage(filepath.Join(dir, filepath.Base(blockOf(t, s, start.Add(time.Minute)).Dir()))); err != nil {
				t.Fatal(err)
			}
			again, err := Open(context.Background(), Options{Dir: dir, Now: (&clock{t: c.now()}).now})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			checkDamaged(t, again, &clock{t: c.now()}, start)
		})
	}
}

func TestDamagedBlockWhileRunning(t *testing.T) {
	whole, wholeClock, start := withBlocks(t, Options{})
	first := filepath.Base(blockOf(t, whole, start.Add(time.Minute)).Dir())
	for _, name := range []string{"chunks flipped", "chunks cut", "index flipped", "index deleted"} {
		t.Run(name, func(t *testing.T) {
			c := &clock{t: wholeClock.now()}
			s := openStore(t, Options{Dir: copyOf(t, whole), Now: c.now})
			if err := damages()[name](filepath.Join(s.o.Dir, first)); err != nil {
				t.Fatal(err)
			}
			if name != "index deleted" { // an open file stays readable
				answer, err := s.Query(t.Context(), `count_over_time(steps_total[3h1s])`, c.now())
				if err != nil || len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0], "is damaged and was set aside: samples from 2026-03-01T12:00:00Z") {
					t.Errorf("a question that reads it: %+v, %v", answer, err)
				}
			}
			checkDamaged(t, s, c, start)
		})
	}
}

// TestDamagedMemory flips bytes in the chunks that were written out of the memory: the log has their samples too.
func TestDamagedMemory(t *testing.T) {
	s, c, _ := withBlocks(t, Options{})
	for range 240 {
		c.move(5 * time.Second)
		appendAll(t, s, floatOf(c.now(), 1, "__name__", "many"))
	}
	s.tend(t.Context())
	dir := copyOf(t, s)
	files, err := filepath.Glob(filepath.Join(dir, "chunks_head", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no chunks were written out of the memory", err)
	}
	if err := flip(files[len(files)-1]); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Options{Dir: dir, Now: c.now})
	want(t, again, `count_over_time(many[1h])`, c.now(), 240)
	want(t, again, `count_over_time(steps_total[4h])`, c.now(), 361)
}

func TestSetAsidePartsAreLetGoOf(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	for _, name := range []string{"old", "new"} {
		f, err := os.Create(filepath.Join(s.o.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(maxSetAside - 1); err != nil { // takes no room on the disk
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		c.move(time.Second)
		if err := s.setAside(name, name); err != nil {
			t.Fatal(err)
		}
	}
	s.tend(t.Context())
	entries, err := os.ReadDir(filepath.Join(s.o.Dir, asideDir))
	if err != nil || len(entries) != 1 || !strings.HasSuffix(entries[0].Name(), "-new") {
		t.Errorf("left are %v, %v", entries, err)
	}
	if err := os.RemoveAll(filepath.Join(s.o.Dir, asideDir)); err != nil {
		t.Fatal(err)
	}
	s.tend(t.Context())
	if status := s.Status(); status.State != query.OK {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
}
