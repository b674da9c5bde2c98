package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// childEnv names the database when the test binary runs as the process that is to be killed.
const childEnv = "WEIR_TEST_STORE_CHILD"

// deskEnv is the same for a process that keeps drafts.
const deskEnv = "WEIR_TEST_STORE_DESK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, appendForever(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(deskEnv); dir != "" {
		fmt.Fprintln(os.Stderr, saveForever(dir))
		os.Exit(1)
	}
	if at := os.Getenv(leaseEnv); at != "" {
		fmt.Fprintln(os.Stderr, actForever(at))
		os.Exit(1)
	}
	code := m.Run()
	if err := stopPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// appendForever records changes and prints each ID once it is acknowledged.
func appendForever(at string) error {
	ctx := context.Background()
	s, err := Open(ctx, options(at))
	if err != nil {
		return err
	}
	meshes, err := s.Meshes(ctx)
	if err != nil {
		return err
	}
	var revision int64
	if len(meshes) == 1 {
		revision = meshes[0].Revision
	}
	fmt.Println("ready")
	for {
		if _, err := s.Append(ctx, revision, killable(revision+1)); err != nil {
			return err
		}
		revision++
		fmt.Println(revision)
	}
}

// killable is a change that spans every table of the ledger: it takes the one before it back.
func killable(revision int64) change.Record {
	r := record(fmt.Sprintf("%010d", revision), revision)
	r.Change.Diff = strings.Repeat("d", 10_000) // more than a page
	if revision > 1 {
		r.Moves = []change.Move{{ID: fmt.Sprintf("%010d", revision-1), State: change.Undone, UndoneBy: r.Change.ID}}
	}
	return r
}

func TestKillNineLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		var acknowledged int64
		kills := 8
		if more, err := strconv.Atoi(os.Getenv("WEIR_TEST_KILLS")); err == nil {
			kills = more // the figure that is published is of 40
		}
		for round := range kills {
			// Every round dies somewhere else in a transaction.
			after := 5*(round%8) + 1
			acknowledged = runAndKill(t, at, acknowledged, after, time.Duration(round%8)*300*time.Microsecond)
			checkLedger(t, at, acknowledged)
		}
		t.Logf("%d kills, %d acknowledged changes, none lost", kills, acknowledged)
	})
}

// runAndKill lets a child record changes, kills it after some more were acknowledged, and gives the last acknowledged.
func runAndKill(t *testing.T, dir string, last int64, after int, delay time.Duration) int64 {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); {
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			continue // "ready"
		}
		if last = n; seen == after {
			time.Sleep(delay)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		seen++
	}
	if err := child.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, stderr.String())
	}
	return last
}

// checkLedger looks for acknowledged changes that are missing and for changes that are there in part.
func checkLedger(t *testing.T, dir string, acknowledged int64) {
	t.Helper()
	s := open(t, dir)
	defer s.Close() //nolint:errcheck // closing again fails a later Open
	meshes, err := s.Meshes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revision := meshes[0].Revision
	if revision < acknowledged || revision > acknowledged+1 {
		t.Fatalf("revision %d, acknowledged %d", revision, acknowledged)
	}
	records, err := s.Records(t.Context(), change.Query{Limit: int(revision) + 10})
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(records)) != revision {
		t.Fatalf("%d entries at revision %d", len(records), revision)
	}
	for i, got := range records {
		want := killable(revision - int64(i))
		want.Moves = nil
		if i > 0 {
			by := records[i-1].Change.ID
			want.Change.State, want.Change.UndoneBy, want.Change.Version = change.Undone, by, 2
			want.Change.Timeline = []change.Moment{{What: "undone", Text: by}}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("entry %d is not whole (-want +got):\n%s", revision-int64(i), diff)
		}
	}
	if got, _ := meshes[0].Mesh.Get(mesh.Ref{Kind: mesh.KindNode, Name: "a"}); cmp.Diff(node("a", fmt.Sprintf("s%d", revision)), got) != "" {
		t.Fatalf("the newest state is not revision %d's: %v", revision, got)
	}
}

func TestTwoProcessesOnOneDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if lines := bufio.NewScanner(out); !lines.Scan() {
		t.Fatal("the child did not start")
	}
	refused(t, dir, mesh.Conflict, "in use by another Weir, process "+strconv.Itoa(child.Process.Pid), "--data")
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	open(t, dir) // a lock does not outlive its process
}
