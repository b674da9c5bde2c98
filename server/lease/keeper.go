package lease

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"
)

// DefaultTTL is how long a lease lasts that is not renewed. Who freezes or is cut off is replaced within it and a sixth.
const DefaultTTL = 3 * time.Second

// Options says which lease a keeper is to keep.
type Options struct {
	Table  Table         // required
	Name   string        // required
	Holder string        // who keeps it, for people: a host and a process; required
	TTL    time.Duration // 0: DefaultTTL
	Logger *slog.Logger  // required
}

// Keeper has something done while, and only while, its replica has the lease.
type Keeper struct {
	Options
	self string // the holder, told apart from an earlier process of the same name
	mu   sync.Mutex
	held Token
}

// New gives a keeper that does not run yet.
func New(o Options) *Keeper {
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	return &Keeper{Options: o, self: o.Holder + " " + rand.Text()[:6]}
}

// Held says whether this replica has the lease, as far as it knows.
func (k *Keeper) Held() (t Token, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held, k.held.Epoch > 0
}

func (k *Keeper) set(t Token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = t
}

// Run waits for the lease and runs act while it is held, as often as it comes back, until ctx ends. The context of act
// carries the lease (From), so that its writes are fenced, and ends when the lease is lost; the next act begins after the
// last has returned. An act that returns while the lease is held ends Run with its error. At the end the lease is given
// back, so that another replica need not wait for it to run out.
func (k *Keeper) Run(ctx context.Context, act func(ctx context.Context, epoch int64) error) error {
	for {
		t, until := k.campaign(ctx)
		if t.Epoch == 0 {
			return nil
		}
		k.Logger.Info("this replica acts", "lease", k.Name, "epoch", t.Epoch)
		k.set(t)
		lost, err := k.term(ctx, t, until, act)
		k.set(Token{})
		if !lost {
			k.release(ctx, t)
			return err
		}
		k.Logger.Warn("another replica may act from now on", "lease", k.Name, "epoch", t.Epoch)
	}
}

// campaign takes the lease once it is free; its epoch is 0 when ctx ended first. Until is the moment at which acting has to
// stop unless it was renewed: counted from before the database was asked, it is never later than what the database keeps.
func (k *Keeper) campaign(ctx context.Context) (t Token, until time.Time) {
	tick := time.NewTicker(k.TTL / 6)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		asked := time.Now()
		bounded, cancel := context.WithTimeout(ctx, k.TTL)
		epoch, err := k.Table.TakeLease(bounded, k.Name, k.self, k.TTL)
		cancel()
		if err == nil && epoch > 0 {
			return Token{k.Name, epoch}, k.end(asked)
		}
		if failed := err != nil; failed != failing && ctx.Err() == nil {
			failing = failed
			if failed {
				k.Logger.Warn("the lease cannot be asked for", "lease", k.Name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return Token{}, time.Time{}
}

// end is when to stop after the database was last asked: a sixth before the lease runs out, for what is under way.
func (k *Keeper) end(asked time.Time) time.Time { return asked.Add(k.TTL - k.TTL/6) }

// term runs act until it returns or the lease is lost.
func (k *Keeper) term(ctx context.Context, t Token, until time.Time, act func(context.Context, int64) error) (lost bool, err error) {
	acting, stop := context.WithCancel(With(ctx, t))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- act(acting, t.Epoch) }() // it ends with the term
	tick := time.NewTicker(k.TTL / 3)
	defer tick.Stop()
	for {
		over := time.NewTimer(time.Until(until))
		select {
		case err := <-done:
			over.Stop()
			return false, err
		case <-over.C:
			stop()
			if stopped := <-done; stopped != nil {
				k.Logger.Debug("acting was stopped", "lease", k.Name, "error", stopped)
			}
			return ctx.Err() == nil, nil
		case <-tick.C:
			over.Stop()
		}
		if ctx.Err() != nil {
			continue // act is about to return
		}
		asked := time.Now()
		bounded, cancel := context.WithDeadline(ctx, earlier(until, asked.Add(k.TTL/3)))
		held, err := k.Table.RenewLease(bounded, t, k.TTL)
		cancel()
		switch {
		case err == nil && held:
			until = k.end(asked)
		case err == nil:
			until = asked // somebody else has it
		case ctx.Err() == nil:
			k.Logger.Warn("the lease could not be renewed", "lease", k.Name, "error", err)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (k *Keeper) release(ctx context.Context, t Token) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.TTL/3)
	defer cancel()
	if err := k.Table.ReleaseLease(bounded, t); err != nil {
		k.Logger.Warn("the lease could not be given back: another replica waits until it runs out", "lease", k.Name, "error", err)
	}
}
