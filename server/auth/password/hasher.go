package password

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/weirmesh/weir/server/mesh"
)

// Hasher computes hashes, a few at a time: each takes tens of megabytes and milliseconds, so that a flood of sign-ins must
// neither fill the memory nor take the processors from what matters more.
type Hasher struct {
	params Params
	slots  chan struct{}
	wait   time.Duration
	dummy  phc
	runs   atomic.Uint64
}

// New makes a Hasher that computes at most slots hashes at once, and lets whoever finds none free wait for so long.
func New(p Params, slots int, wait time.Duration) *Hasher {
	h := &Hasher{params: p, slots: make(chan struct{}, max(slots, 1)), wait: wait}
	// Nothing fits the dummy: its key is random.
	h.dummy = phc{Params: p, salt: random(saltSize), key: random(keySize)}
	return h
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return b
}

// Make hashes a password. Error: mesh.TooMany when no slot became free in time.
func (h *Hasher) Make(ctx context.Context, password string) (Hash, error) {
	if err := h.take(ctx); err != nil {
		return "", err
	}
	defer h.give()
	p := phc{Params: h.params, salt: random(saltSize)}
	p.key = p.derive(norm.NFC.String(password), keySize)
	return Hash(p.String()), nil
}

// Verdict is what came of checking a password.
type Verdict struct {
	Right bool
	Stale bool // right, and hashed with other parameters than today's: hash it again
}

// Check tells whether a hash is of a password. It costs one hash whatever the outcome, also for an empty hash and for one that
// cannot be read, so that the time it takes tells nobody whether there is such an account. Errors: mesh.TooMany when no
// slot became free in time, mesh.Internal for a hash that cannot be read.
func (h *Hasher) Check(ctx context.Context, hash Hash, password string) (Verdict, error) {
	if err := h.take(ctx); err != nil {
		return Verdict{}, err
	}
	defer h.give()
	if len(password) > maxBytes {
		password = "" // nobody's: it costs what a right one costs and no more
		hash = ""
	}
	p, err := h.dummy, error(nil)
	if hash != "" {
		if p, err = parse(string(hash)); err != nil {
			p = h.dummy
		}
	}
	right := p.right(norm.NFC.String(password))
	if err != nil || hash == "" {
		return Verdict{}, err
	}
	return Verdict{Right: right, Stale: right && p.Params != h.params}, nil
}

// Runs is how many hashes were computed so far.
func (h *Hasher) Runs() uint64 { return h.runs.Load() }

func (h *Hasher) take(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		h.runs.Add(1)
		return nil
	default:
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		h.runs.Add(1)
		return nil
	case <-timer.C:
		return mesh.Errorf(mesh.TooMany, "too many people sign in at this moment: try again in a few seconds")
	case <-ctx.Done():
		return mesh.Errorf(mesh.TooMany, "too many people sign in at this moment: gave up waiting: %w", ctx.Err())
	}
}

func (h *Hasher) give() { <-h.slots }
