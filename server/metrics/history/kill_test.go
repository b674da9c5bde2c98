package history

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// width is how many numbers and how many histograms a batch of the child has.
const width = 60

// batchAt is when the samples of a batch are of; base is in ms since 1970.
func batchAt(base int64, n int) time.Time { return time.UnixMilli(base + int64(n)*100) }

// batch is one batch of the child: everything in it says n.
func batch(base int64, n int) []sample {
	var samples []sample
	for i := range width {
		samples = append(samples,
			floatOf(batchAt(base, n), float64(n), "__name__", "number", "i", strconv.Itoa(i)),
			latency(batchAt(base, n), int64(n), "__name__", "latency", "i", strconv.Itoa(i)))
	}
	return samples
}

// writeUntilKilled is the child: it commits batches as fast as it can and says the number of each that was committed.
func writeUntilKilled() int {
	base, _ := strconv.ParseInt(os.Getenv("WEIR_HISTORY_BASE"), 10, 64)
	n, _ := strconv.Atoi(os.Getenv("WEIR_HISTORY_FIRST"))
	s, err := Open(context.Background(), Options{Dir: os.Getenv("WEIR_HISTORY_DIR")})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for ; ; n++ {
		if err := tryAppend(s, batch(base, n)...); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(n)
	}
}

// killWriter runs the child until it has committed some batches, kills it and gives the number of the last one.
func killWriter(t *testing.T, dir string, base int64, first int) int {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=write", "WEIR_HISTORY_DIR="+dir,
		"WEIR_HISTORY_BASE="+strconv.FormatInt(base, 10), "WEIR_HISTORY_FIRST="+strconv.Itoa(first))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last, stop := first-1, first+20+rand.IntN(20)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Errorf("the child says: %s", lines.Text())
			break
		}
		if last == stop {
			// Anywhere in a batch: a commit takes about this long.
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v", err)
	}
	return last
}

func TestKilledInMidWrite(t *testing.T) {
	dir, base := t.TempDir(), time.Now().Add(-30*time.Minute).UnixMilli()
	first := 1
	for range 3 {
		last := killWriter(t, dir, base, first)
		s, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		first = checkBatches(t, s, base, last) + 1
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkBatches checks that all batches up to last are there and that no batch is there in part. It gives the last one.
func checkBatches(t *testing.T, s *Store, base int64, last int) int {
	t.Helper()
	end := batchAt(base, last+1000)
	newest, _ := valueOf(t, s, `max(max_over_time(number[10m]))`, end)
	there := int(newest)
	if there < last {
		t.Errorf("batch %d was committed and the last that is there is %d", last, there)
	}
	for _, expr := range []string{
		`count(last_over_time(number[10m]) == %d)`, `count(histogram_count(last_over_time(latency[10m])) / 3 == %d)`,
		`count(count_over_time(latency[10m]) == %d)`,
	} {
		want(t, s, fmt.Sprintf(expr, there), end, width)
	}
	want(t, s, `min(count_over_time(number[10m]))`, end, float64(there))
	return there
}

// copyOf is a copy of a store that is open, as a crash would leave it.
func copyOf(t *testing.T, s *Store) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(s.o.Dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	_, last, err := wlog.Segments(filepath.Join(dir, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	return wlog.SegmentName(filepath.Join(dir, "wal"), last)
}

func TestBatchInPartIsCutOff(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{})
	for n := 1; n <= 3; n++ {
		appendAll(t, s, batch(base, n)...)
	}
	// The records of a fourth batch without its end, as the library logs them one by one.
	unsealed := s.current.Load().db.AppenderV2(t.Context())
	for _, x := range batch(base, 4) {
		if _, err := unsealed.Append(0, x.labels, 0, x.at.UnixMilli(), x.v, x.h, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := unsealed.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := checkBatches(t, openStore(t, Options{Dir: copyOf(t, s)}), base, 3); got != 3 {
		t.Errorf("the last batch is %d, want 3", got)
	}
}

func TestTornLog(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{})
	for n := 1; n <= 3; n++ {
		appendAll(t, s, batch(base, n)...)
	}
	for name, tear := range map[string]func(f *os.File, size int64) error{
		"cut":     func(f *os.File, size int64) error { return f.Truncate(size - 5) },
		"garbage": func(f *os.File, size int64) error { _, err := f.WriteAt([]byte("garbage\xff\x01"), size); return err },
		"flipped": func(f *os.File, size int64) error { _, err := f.WriteAt([]byte{0xff, 0xff}, size-30); return err },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, s)
			f, err := os.OpenFile(lastSegment(t, dir), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if err := tear(f, info.Size()); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			again := openStore(t, Options{Dir: dir})
			atLeast := 2
			if name == "garbage" {
				atLeast = 3
			}
			checkBatches(t, again, base, atLeast)
			appendAll(t, again, batch(base, 9)...)
			want(t, again, `count(number == 9)`, batchAt(base, 9), width)
		})
	}
}

// TestLogDamagedInTheMiddle is a disk that garbled an older segment: what the library can read is kept, and it is said
// that the rest is missing.
func TestLogDamagedInTheMiddle(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{})
	dir := s.o.Dir
	for n := 1; n <= 4; n++ {
		if n == 3 { // a start begins a new segment
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, Options{Dir: dir})
		}
		appendAll(t, s, batch(base, n)...)
	}
	dir = copyOf(t, s)
	segment := wlog.SegmentName(filepath.Join(dir, "wal"), 0)
	info, err := os.Stat(segment)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segment, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("garbage"), min(info.Size()/4, 8000)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Options{Dir: dir})
	if status := again.Status(); status.State != "degraded" || !strings.Contains(status.Message, "log was damaged") {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
	appendAll(t, again, batch(base, 9)...)
	want(t, again, `count(number == 9)`, batchAt(base, 9), width)
}

func TestLogThatCannotBeRepaired(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{})
	appendAll(t, s, batch(base, 1)...)
	dir := copyOf(t, s)
	if err := os.MkdirAll(filepath.Join(dir, "wal", "00000007"), 0o700); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Options{Dir: dir})
	again.tend(t.Context())
	if status := again.Status(); status.State != "degraded" || !strings.Contains(status.Message, "set aside") {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
	appendAll(t, again, batch(base, 2)...)
	want(t, again, `count(number == 2)`, batchAt(base, 2), width)
}
