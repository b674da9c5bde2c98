package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
)

// leaseModel is what a lease is to be, beside what it is.
type leaseModel struct {
	s      *Store
	always bool // it is always free
	ctx    context.Context
	name   string

	epoch  int64 // the newest
	holder int   // who has it, -1: nobody
	over   bool  // it ran out
	tokens [3]int64
}

func (m *leaseModel) who(rt *rapid.T) int { return rapid.IntRange(0, len(m.tokens)-1).Draw(rt, "who") }

func (m *leaseModel) token(i int) lease.Token { return lease.Token{Name: m.name, Epoch: m.tokens[i]} }

func (m *leaseModel) take(rt *rapid.T) {
	i := m.who(rt)
	free := m.always || m.holder < 0 || m.over || m.holder == i
	epoch, err := m.s.TakeLease(m.ctx, m.name, fmt.Sprint("r", i), time.Hour)
	if err != nil || (epoch > 0) != free {
		rt.Fatalf("took epoch %d, %v; free: %v", epoch, err, free)
	}
	if !free {
		return
	}
	if epoch <= m.epoch {
		rt.Fatalf("epoch %d after %d", epoch, m.epoch)
	}
	m.epoch, m.tokens[i], m.holder, m.over = epoch, epoch, i, false
}

func (m *leaseModel) renew(rt *rapid.T) {
	i := m.who(rt)
	held, err := m.s.RenewLease(m.ctx, m.token(i), time.Hour)
	if err != nil || held != (i == m.holder) {
		rt.Fatalf("%d renewed: %v, %v; %d has it", i, held, err, m.holder)
	}
	if held {
		m.over = false
	}
}

func (m *leaseModel) release(rt *rapid.T) {
	i := m.who(rt)
	if err := m.s.ReleaseLease(m.ctx, m.token(i)); err != nil {
		rt.Fatal(err)
	}
	if i == m.holder {
		m.holder, m.epoch = -1, m.epoch+1
	}
}

func (m *leaseModel) runOut(rt *rapid.T) {
	if _, err := m.s.writer.Lease.Update().SetUntil(time.Now().Add(-time.Hour)).Save(m.ctx); err != nil {
		rt.Fatal(err)
	}
	m.over = true
}

// write is allowed to the newest epoch alone, also when its time ran out and nobody came.
func (m *leaseModel) write(rt *rapid.T) {
	i := m.who(rt)
	err := m.s.touch(lease.With(m.ctx, m.token(i)))
	if i == m.holder && err != nil || i != m.holder && (!errors.Is(err, lease.ErrFenced) || mesh.CodeOf(err) != mesh.Conflict) {
		rt.Fatalf("%d wrote: %v; %d has it", i, err, m.holder)
	}
}

func TestLeaseIsAsItsModel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		if err := s.touch(t.Context()); err != nil {
			t.Fatal(err) // without a lease nothing is fenced
		}
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			m := &leaseModel{s: s, always: options(at).Dir != "", ctx: t.Context(), name: fmt.Sprint("lease ", n), holder: -1}
			rt.Repeat(map[string]func(*rapid.T){
				"take": m.take, "renew": m.renew, "release": m.release, "run out": m.runOut, "write": m.write,
			})
		})
	})
}

// Who takes a lease over waits for the writes under it that have begun, and those that begin later find it gone.
func TestTakeoverWaitsForAWrite(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	s, other := open(t, at), open(t, at)
	epoch, err := s.TakeLease(t.Context(), "canary", "a", time.Millisecond)
	if err != nil || epoch != 1 {
		t.Fatal(epoch, err)
	}
	token := lease.Token{Name: "canary", Epoch: epoch}
	tx, err := s.writer.Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fence(lease.With(t.Context(), token), tx, "write"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond) // it has run out
	taken := make(chan int64, 1)
	go func() {
		epoch, err := other.TakeLease(t.Context(), "canary", "b", time.Hour)
		if err != nil {
			t.Error(err)
		}
		taken <- epoch
	}()
	waits := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for end, n := time.Now().Add(patience), 0; n == 0; time.Sleep(5 * time.Millisecond) {
		if err := s.read.QueryRowContext(t.Context(), waits).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) || len(taken) > 0 {
			t.Fatal("nobody waits for the write")
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if epoch := <-taken; epoch != 2 {
		t.Errorf("epoch %d", epoch)
	}
	if err := s.touch(lease.With(t.Context(), token)); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("a late write: %v", err)
	}
}

// leaseEnv names the database when the test binary runs as a replica that is to be frozen.
const leaseEnv = "WEIR_TEST_STORE_LEASE"

// actForever records changes while it has the lease and says of each that it is recorded, and what became of the one that
// was refused.
func actForever(at string) error {
	ctx := context.Background()
	s, err := Open(ctx, options(at))
	if err != nil {
		return err
	}
	return keeper(s, "child").Run(ctx, func(ctx context.Context, epoch int64) error {
		ctx = context.WithoutCancel(ctx) // it does not hear that it is over
		for {
			meshes, err := s.Meshes(ctx)
			if err != nil {
				fmt.Println("failed:", err) // frozen within a transaction, it finds its connection closed
				continue
			}
			var base int64
			if len(meshes) > 0 {
				base = meshes[0].Revision
			}
			_, err = s.Append(ctx, base, record(fmt.Sprintf("%010d", base+1), base+1))
			switch {
			case errors.Is(err, lease.ErrFenced):
				fmt.Println("fenced")
				return err
			case err == nil:
				fmt.Println(base + 1)
			case !errors.Is(err, change.ErrStale):
				fmt.Println("failed:", err)
			}
		}
	})
}

func keeper(s *Store, holder string) *lease.Keeper {
	return lease.New(lease.Options{Table: s, Name: "canary", Holder: holder, Logger: slog.New(slog.DiscardHandler)})
}

// A holder that freezes in the midst of its work is replaced, and what it still writes when it thaws is refused.
func TestFrozenHolder(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	s := open(t, at)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), leaseEnv+"="+at)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = child.Process.Kill(); _ = child.Wait() }
	defer end()
	lines := bufio.NewScanner(out)
	last := ""
	for range 20 {
		if !lines.Scan() {
			t.Fatal("the child ended")
		}
		last = lines.Text()
	}
	frozen := time.Now()
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	finished := errors.New("finished")
	err = keeper(s, "parent").Run(ctx, func(ctx context.Context, epoch int64) error {
		t.Logf("taken over %s after the holder froze at change %s", time.Since(frozen).Round(time.Millisecond), last)
		if err := s.touch(ctx); err != nil {
			return err
		}
		if err := child.Process.Signal(syscall.SIGCONT); err != nil {
			return err
		}
		for range 1000 {
			if !lines.Scan() {
				return errors.New("the child ended")
			}
			if lines.Text() == "fenced" {
				return finished
			}
			if _, err := strconv.Atoi(lines.Text()); err != nil && !strings.HasPrefix(lines.Text(), "failed:") {
				return errors.New(lines.Text())
			}
			last = lines.Text()
		}
		return errors.New("the child goes on and on: " + last)
	})
	if !errors.Is(err, finished) {
		t.Fatal(err, "; the child said ", last)
	}
	end() // it may have the lease again by now
	meshes, err := s.Meshes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Records(t.Context(), change.Query{Limit: 1 << 20})
	if err != nil || int64(len(records)) != meshes[0].Revision {
		t.Errorf("%d entries at revision %d, %v", len(records), meshes[0].Revision, err)
	}
}

// touch is a write that leaves nothing, under the lease of its context.
func (s *Store) touch(ctx context.Context) error {
	return s.transact(ctx, "write", func(*ent.Tx) error { return nil })
}
