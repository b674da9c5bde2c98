package change_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// pending proposes weights that wait for their confirmation.
func (r *rig) pending(t *testing.T, within time.Duration, o mesh.Object) change.Change {
	t.Helper()
	p := put(o)
	p.ConfirmWithin = within
	return r.must(t, p)
}

func moments(c change.Change) (list []string) {
	for _, m := range c.Timeline {
		list = append(list, strings.TrimSpace(m.What+" "+m.Text))
	}
	return list
}

func TestExtend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		c := r.pending(t, time.Minute, weights(50, 50))
		other := r.pending(t, time.Minute, mesh.VirtualNode{Name: "extra"})
		time.Sleep(50 * time.Second)
		dry := bob
		dry.DryRun = true
		if got, err := r.Extend(t.Context(), c.ID, dry, time.Hour); err != nil || !got.DryRun || !r.get(t, c.ID).ConfirmBy.Equal(*c.ConfirmBy) {
			t.Errorf("dry: %+v, %v", got, err)
		}
		got, err := r.Extend(t.Context(), c.ID, bob, 5*time.Minute)
		if err != nil || !got.ConfirmBy.Equal(c.ConfirmBy.Add(5*time.Minute)) {
			t.Fatalf("extended to %v, %v", got.ConfirmBy, err)
		}
		time.Sleep(5 * time.Minute)
		if got := r.get(t, other.ID); got.State != change.Reverted {
			t.Errorf("the other one is %s", got.State)
		}
		if got := r.get(t, c.ID); got.State != change.Pending || len(got.Timeline) < 2 || !strings.Contains(strings.Join(moments(got), "; "), "extended bob, 5m0s") {
			t.Errorf("after five minutes: %s, %v", got.State, moments(got))
		}
		time.Sleep(time.Minute)
		if got := r.get(t, c.ID); got.State != change.Reverted {
			t.Errorf("a minute later: %s", got.State)
		}
		for what, do := range map[string]func() error{
			"what is over": func() error { _, err := r.Extend(t.Context(), c.ID, bob, time.Minute); return err },
			"by nothing":   func() error { _, err := r.Extend(t.Context(), c.ID, bob, 0); return err },
			"by a week":    func() error { _, err := r.Extend(t.Context(), c.ID, bob, 7*24*time.Hour); return err },
			"nothing":      func() error { _, err := r.Extend(t.Context(), "nothing", bob, time.Minute); return err },
		} {
			if err := do(); err == nil {
				t.Errorf("%s was extended", what)
			}
		}
		long := r.pending(t, 24*time.Hour, weights(60, 40))
		if _, err := r.Extend(t.Context(), long.ID, bob, time.Hour); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "would wait for 25h") {
			t.Errorf("beyond a day: %v", err)
		}
	})
}

// Of two people who confirm and revert at once one wins, and the other is told who did what.
func TestConfirmAndRevertAtOnce(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	for round := range 12 {
		c := r.pending(t, time.Hour, weights(10, round+1))
		var group sync.WaitGroup
		var errs [2]error
		begin := make(chan struct{})
		for i, do := range []func(context.Context, string, change.By) (change.Change, error){r.Confirm, r.Revert} {
			group.Go(func() { <-begin; _, errs[i] = do(t.Context(), c.ID, bob) })
		}
		close(begin)
		group.Wait()
		state := r.get(t, c.ID).State
		switch {
		case errs[0] == nil && mesh.CodeOf(errs[1]) == mesh.Conflict && state == change.Kept && strings.Contains(errs[1].Error(), "it is kept"):
		case errs[1] == nil && mesh.CodeOf(errs[0]) == mesh.Conflict && state == change.Reverted && strings.Contains(errs[0].Error(), "reverted already, by change"):
		default:
			t.Fatalf("%s after %v and %v", state, errs[0], errs[1])
		}
		r.must(t, put(weights(99, round+1)))
	}
}

// What later changes set is left, and both entries say so in words.
func TestExpiryNotesWhatItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		p := put(weights(50, 50), mesh.VirtualNode{Name: "extra"})
		p.ConfirmWithin = time.Minute
		c := r.must(t, p)
		later := put(weights(10, 90))
		later.Author = "carol"
		by := r.must(t, later)
		time.Sleep(2 * time.Minute)
		got := r.get(t, c.ID)
		for _, each := range []change.Change{got, r.get(t, got.UndoneBy)} {
			if !strings.HasPrefix(each.Note, "left as it is: route reviews/primary was changed by carol") || !strings.Contains(each.Note, by.ID) {
				t.Errorf("note %q", each.Note)
			}
		}
		r.stop()
		if again := newRig(t, r.dir, newProvider("web")).get(t, c.ID); again.Note != got.Note || !cmp.Equal(again.Timeline, got.Timeline) {
			t.Errorf("after a restart %q, %v", again.Note, again.Timeline)
		}
	})
}

// clocks are a wall clock that anybody may set and one that only runs.
type clocks struct {
	mu      sync.Mutex
	wall    time.Time
	running time.Duration
}

func (c *clocks) now() time.Time         { c.mu.Lock(); defer c.mu.Unlock(); return c.wall }
func (c *clocks) elapsed() time.Duration { c.mu.Lock(); defer c.mu.Unlock(); return c.running }
func (c *clocks) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.running = c.wall.Add(d), c.running+d
}

func (c *clocks) jump(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.wall = c.wall.Add(d) }

// clocked opens a door with clocks on a directory; stop ends it.
func clocked(t *testing.T, dir string, c *clocks) (d *change.Door, stop func()) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if d, err = change.New(change.Options{Store: s, Provider: newProvider("a"), Now: c.now, Elapsed: c.elapsed}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return d, stop
}

// A clock that is set forwards or backwards neither shortens nor prolongs a deadline while the process lives, and what is
// said of the deadline follows the clock. Across a restart only the wall tells the time: set back, it prolongs nothing.
func TestClockThatJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &clocks{wall: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
				dir := t.TempDir()
				d, stop := clocked(t, dir, c)
				state := func(id string) change.Change {
					t.Helper()
					time.Sleep(2 * time.Minute) // for Run to look; these clocks stand still meanwhile
					got, err := d.Change(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					return got
				}
				if _, err := d.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: sample()}); err != nil {
					t.Fatal(err)
				}
				p := put(weights(50, 50))
				p.ConfirmWithin = time.Minute
				made, err := d.Propose(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				c.pass(30 * time.Second)
				c.jump(by)
				if got := state(made.ID); got.State != change.Pending || !got.ConfirmBy.Equal(c.now().Add(30*time.Second)) || !strings.Contains(strings.Join(moments(got), "; "), "clock 30s left") {
					t.Fatalf("after the jump: %s until %v at %v, %v", got.State, got.ConfirmBy, c.now(), moments(got))
				}
				c.pass(29 * time.Second)
				if got := state(made.ID); got.State != change.Pending {
					t.Fatalf("before the deadline: %s", got.State)
				}
				c.pass(2 * time.Second)
				if got := state(made.ID); got.State != change.Reverted {
					t.Fatalf("after the deadline: %s", got.State)
				}
				p = put(weights(60, 40))
				p.ConfirmWithin = time.Minute
				if made, err = d.Propose(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				stop()
				c.pass(10 * time.Second)
				c.jump(by)
				d, _ = clocked(t, dir, c)
				got := state(made.ID)
				if by > 0 {
					if got.State != change.Reverted {
						t.Fatalf("an hour later for all that is known: %s", got.State)
					}
					return
				}
				if got.State != change.Pending || got.ConfirmBy.After(c.now().Add(time.Minute)) {
					t.Fatalf("the clock went back, and it is %s until %v at %v", got.State, got.ConfirmBy, c.now())
				}
				c.pass(61 * time.Second)
				if got := state(made.ID); got.State != change.Reverted {
					t.Fatalf("a minute later: %s", got.State)
				}
			})
		})
	}
}
