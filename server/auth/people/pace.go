package people

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Sign-ins are delayed, not locked out: whoever guesses somebody's password must not be able to keep them from their work.
const (
	free       = 3                // failures without a delay
	firstDelay = time.Second      // doubled with each failure after that
	maxDelay   = 10 * time.Second // of one sign-in
	forgetting = 15 * time.Minute // without a failure
	maxPlaces  = 10_000           // remembered; beyond that the one that failed longest ago goes
	maxWaiting = 100              // sign-ins that wait at once
)

// place is what failures are counted by: a name, and the network that asks.
type place struct{ name, network string }

// network is what one party is supposed to have: an IPv4 address, a /64 of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}

// delayAfter is how long to wait after so many failures.
func delayAfter(failures int) time.Duration {
	if failures < free {
		return 0
	}
	return min(firstDelay<<min(failures-free, 10), maxDelay)
}

// pace remembers who failed where.
type pace struct {
	mu      sync.Mutex
	places  map[place]*tally
	waiting int
}

// tally is what is known of a place. A check that has begun counts as a failure until it ends well, so that a thousand at
// once are no thousand free guesses.
type tally struct {
	failures int
	last     time.Time // of a failure, or of a check that began
	waits    bool      // somebody waits
}

func newPace() *pace { return &pace{places: make(map[place]*tally)} }

// tooSoon is in the chain of mesh.TooMany and says how long to wait.
type tooSoon struct{ after time.Duration }

func (tooSoon) Error() string { return "too soon" }

// RetryAfter tells after how long whatever was refused with mesh.TooMany may be tried again, in whole seconds; false when the
// error does not say.
func RetryAfter(err error) (time.Duration, bool) {
	if soon, ok := errors.AsType[tooSoon](err); ok {
		return soon.after.Truncate(time.Second) + time.Second, true
	}
	return time.Second, mesh.CodeOf(err) == mesh.TooMany
}

func refuseSoon(after time.Duration) error {
	return &mesh.Error{
		Code: mesh.TooMany, Err: tooSoon{after},
		Message: "several sign-ins failed just now and another one is being checked: wait a few seconds and try again",
	}
}

// enter begins a check, after a wait if there were failures. Who has entered calls failed, succeeded or leave. Error:
// mesh.TooMany when somebody waits at this place already, too many wait at all, or ctx ended.
func (p *pace) enter(ctx context.Context, at place, now time.Time) (time.Duration, error) {
	wait, err := p.begin(at, now)
	if err != nil || wait <= 0 {
		return wait, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		p.waited(at)
		return wait, nil
	case <-ctx.Done():
		p.waited(at)
		p.leave(at)
		return wait, mesh.Errorf(mesh.TooMany, "the sign-in was given up while it waited: %w", ctx.Err())
	}
}

// begin decides how long to wait and counts the check.
func (p *pace) begin(at place, now time.Time) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.places[at]
	if t != nil && now.Sub(t.last) > forgetting && !t.waits {
		t = nil
	}
	if t == nil {
		p.makeRoom(now)
		t = &tally{last: now}
		p.places[at] = t
	}
	wait := min(t.last.Add(delayAfter(t.failures)).Sub(now), maxDelay) // also when those who waited gave up
	if wait > 0 && (t.waits || p.waiting >= maxWaiting) {
		return 0, refuseSoon(wait)
	}
	if wait > 0 {
		t.waits = true
		p.waiting++
	}
	t.failures++
	t.last = now.Add(max(wait, 0))
	return max(wait, 0), nil
}

func (p *pace) waited(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
	if t := p.places[at]; t != nil {
		t.waits = false
	}
}

// failed notes that a check ended badly: it was counted when it began.
func (p *pace) failed(at place, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.places[at]; t != nil && now.After(t.last) {
		t.last = now
	}
}

// succeeded forgets a place's failures.
func (p *pace) succeeded(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.places[at]; t != nil && t.waits {
		t.failures = 0
		return
	}
	delete(p.places, at)
}

// leave takes back a check that came to nothing.
func (p *pace) leave(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.places[at]; t != nil {
		t.failures = max(t.failures-1, 0)
	}
}

// makeRoom forgets what is old, and if that is not enough the place that failed longest ago.
func (p *pace) makeRoom(now time.Time) {
	if len(p.places) < maxPlaces {
		return
	}
	var oldest place
	var since time.Time
	for at, t := range p.places {
		switch {
		case t.waits:
		case now.Sub(t.last) > forgetting:
			delete(p.places, at)
		case since.IsZero() || t.last.Before(since):
			oldest, since = at, t.last
		}
	}
	if len(p.places) >= maxPlaces {
		delete(p.places, oldest)
	}
}
