package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// memory is a table of one lease, with the clock of the test's bubble.
type memory struct {
	mu     sync.Mutex
	epoch  int64
	holder string
	until  time.Time
	acting int // replicas that act at this moment
	taken  []int64
}

// wire is how one replica reaches the table: it may be cut, or slow.
type wire struct {
	*memory
	mu    sync.Mutex
	cut   bool
	delay time.Duration
}

func (w *wire) set(cut bool, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.delay = cut, delay
}

// pass takes the time that the way takes; half is true when the question arrives and the answer is lost.
func (w *wire) pass(ctx context.Context) (half bool, err error) {
	w.mu.Lock()
	cut, delay := w.cut, w.delay
	w.mu.Unlock()
	if cut {
		<-ctx.Done()
		return false, ctx.Err()
	}
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case <-time.After(delay):
		return false, nil
	}
}

func (w *wire) TakeLease(ctx context.Context, _, holder string, ttl time.Duration) (int64, error) {
	half, err := w.pass(ctx)
	if err != nil && !half {
		return 0, err
	}
	m := w.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.until) && m.holder != holder {
		return 0, err
	}
	m.epoch++
	m.holder, m.until = holder, time.Now().Add(ttl)
	m.taken = append(m.taken, m.epoch)
	return m.epoch, err
}

func (w *wire) RenewLease(ctx context.Context, t Token, ttl time.Duration) (bool, error) {
	half, err := w.pass(ctx)
	if err != nil && !half {
		return false, err
	}
	m := w.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != t.Epoch {
		return false, err
	}
	m.until = time.Now().Add(ttl)
	return true, err
}

func (w *wire) ReleaseLease(ctx context.Context, t Token) error {
	if half, err := w.pass(ctx); err != nil && !half {
		return err
	}
	m := w.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch == t.Epoch {
		m.epoch++
		m.until = time.Time{}
	}
	return nil
}

// act counts who acts at the same time, until it is stopped.
func (m *memory) act(fail func(string)) func(context.Context, int64) error {
	return func(ctx context.Context, epoch int64) error {
		if t, ok := From(ctx); !ok || t.Epoch != epoch {
			fail(fmt.Sprintf("epoch %d acts under %+v", epoch, t))
		}
		m.mu.Lock()
		m.acting++
		if m.acting > 1 {
			fail(fmt.Sprintf("%d replicas act at once", m.acting))
		}
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		m.acting--
		m.mu.Unlock()
		return ctx.Err()
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fault is what happens to the way of one replica.
type fault struct {
	after   time.Duration // since the fault before
	replica int
	cut     bool
	delay   time.Duration
}

// Whatever happens to the ways to the database, two replicas never act at once, and soon after all is well one does.
func TestNeverTwoAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const replicas = 3
		faults := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) fault {
			return fault{
				after:   time.Duration(rapid.IntRange(0, 4000).Draw(rt, "after")) * time.Millisecond,
				replica: rapid.IntRange(0, replicas-1).Draw(rt, "replica"),
				cut:     rapid.Bool().Draw(rt, "cut"),
				delay:   time.Duration(rapid.IntRange(0, 1500).Draw(rt, "delay")) * time.Millisecond,
			}
		}), 0, 20).Draw(rt, "faults")
		var trouble string
		synctest.Test(t, func(*testing.T) {
			trouble = live(replicas, faults)
		})
		if trouble != "" {
			rt.Fatal(trouble)
		}
	})
}

// live lets replicas live through faults and says what went wrong, "" for nothing.
func live(replicas int, faults []fault) (trouble string) {
	var mu sync.Mutex
	fail := func(what string) { mu.Lock(); trouble = what; mu.Unlock() }
	ctx, cancel := context.WithCancel(context.Background())
	table := &memory{}
	wires := make([]*wire, replicas)
	var all sync.WaitGroup
	for i := range wires {
		wires[i] = &wire{memory: table}
		keeper := New(Options{Table: wires[i], Name: "canary", Holder: fmt.Sprint("r", i), Logger: quiet()})
		all.Go(func() {
			if err := keeper.Run(ctx, table.act(fail)); err != nil && !errors.Is(err, context.Canceled) {
				fail(err.Error())
			}
		})
	}
	for _, f := range faults {
		time.Sleep(f.after)
		wires[f.replica].set(f.cut, f.delay)
	}
	for _, w := range wires {
		w.set(false, time.Millisecond)
	}
	time.Sleep(DefaultTTL + DefaultTTL) // one may still hold what it does not know of; then somebody takes it
	table.mu.Lock()
	if table.acting != 1 {
		fail(fmt.Sprintf("%d replicas act although all is well", table.acting))
	}
	for i, e := range table.taken {
		if i > 0 && e <= table.taken[i-1] {
			fail(fmt.Sprintf("epochs %v", table.taken))
		}
	}
	table.mu.Unlock()
	cancel()
	all.Wait()
	return trouble
}

func TestTakenOverInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		table := &memory{}
		first, second := &wire{memory: table}, &wire{memory: table}
		var all sync.WaitGroup
		keep := func(ctx context.Context, w *wire) *Keeper {
			k := New(Options{Table: w, Name: "canary", Holder: "r", Logger: quiet()})
			all.Go(func() { _ = k.Run(ctx, table.act(func(s string) { t.Error(s) })) })
			return k
		}
		one, stopped := context.WithCancel(ctx)
		a := keep(one, first)
		time.Sleep(time.Second)
		b := keep(ctx, second)
		time.Sleep(time.Minute)
		if _, ok := a.Held(); !ok {
			t.Fatal("it did not keep the lease")
		}
		first.set(true, 0) // cut off
		time.Sleep(DefaultTTL + DefaultTTL/6 + time.Millisecond)
		if got, ok := b.Held(); !ok || got.Epoch != 2 {
			t.Errorf("not taken over after %s: %+v", DefaultTTL+DefaultTTL/6, got)
		}
		if _, ok := a.Held(); ok {
			t.Error("who is cut off still believes to have the lease")
		}
		first.set(false, 0)
		stopped()
		time.Sleep(time.Second)
		third := &wire{memory: table}
		c := keep(ctx, third)
		time.Sleep(time.Second)
		if _, ok := c.Held(); ok {
			t.Error("it took what another has")
		}
		cancel()
		all.Wait()
	})
}

// Who stops gives the lease back: nobody waits for it to run out.
func TestGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &memory{}
		failed := errors.New("the act failed")
		k := New(Options{Table: &wire{memory: table}, Name: "canary", Holder: "r", Logger: quiet()})
		if err := k.Run(t.Context(), func(context.Context, int64) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		if epoch, err := (&wire{memory: table}).TakeLease(t.Context(), "canary", "s", DefaultTTL); err != nil || epoch != 3 {
			t.Errorf("epoch %d, %v: it was not given back", epoch, err)
		}
	})
}

func TestNoLeaseNoFence(t *testing.T) {
	if _, ok := From(t.Context()); ok {
		t.Error("a context without a lease has one")
	}
}
