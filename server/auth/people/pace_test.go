package people

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestDelays(t *testing.T) {
	for failures, want := range []time.Duration{0, 0, 0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		if got := delayAfter(failures); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
	for _, many := range []int{100, 1 << 40} {
		if got := delayAfter(many); got != maxDelay {
			t.Errorf("after %d failures %s", many, got)
		}
	}
}

func TestTheRightPasswordGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, at := newPace(), place{"kim", "192.0.2.1"}
		for range 50 {
			if _, err := p.enter(t.Context(), at, time.Now()); err != nil {
				t.Fatal(err)
			}
			p.failed(at, time.Now())
		}
		before := time.Now()
		if _, err := p.enter(t.Context(), at, before); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(before); waited != maxDelay {
			t.Errorf("it waited %s", waited)
		}
		p.succeeded(at)
		if waited, err := p.enter(t.Context(), at, time.Now()); waited != 0 || err != nil {
			t.Errorf("after success it waits %s: %v", waited, err)
		}
		// Another network and another name are not delayed.
		for _, other := range []place{{"kim", "192.0.2.2"}, {"lee", "192.0.2.1"}} {
			if waited, err := p.enter(t.Context(), other, time.Now()); waited != 0 || err != nil {
				t.Errorf("%v waits %s: %v", other, waited, err)
			}
		}
	})
}

func TestOneWaitsAtAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, at := newPace(), place{"kim", "192.0.2.1"}
		var checked, refused atomic.Int32
		for range 1000 {
			go func() {
				_, err := p.enter(t.Context(), at, time.Now())
				if err != nil {
					if after, ok := RetryAfter(err); mesh.CodeOf(err) != mesh.TooMany || !ok || after < time.Second || after > maxDelay+time.Second {
						t.Errorf("%v: after %s", err, after)
					}
					refused.Add(1)
					return
				}
				checked.Add(1)
				p.failed(at, time.Now())
			}()
		}
		synctest.Wait()
		if checked.Load() != free {
			t.Errorf("%d guesses of a thousand at once are checked at once", checked.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if checked.Load() != free+1 || refused.Load() != 1000-free-1 || p.waiting != 0 {
			t.Errorf("%d checked, %d refused, %d wait", checked.Load(), refused.Load(), p.waiting)
		}
	})
}

func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		ctx, cancel := context.WithCancel(t.Context())
		var refused atomic.Int32
		for i := range 2 * maxWaiting {
			at := place{fmt.Sprint(i), "192.0.2.1"}
			for range free {
				if _, err := p.enter(ctx, at, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			go func() {
				if _, err := p.enter(ctx, at, time.Now()); err != nil {
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if p.waiting != maxWaiting || refused.Load() != maxWaiting {
			t.Errorf("%d wait, %d are refused", p.waiting, refused.Load())
		}
		cancel()
		synctest.Wait()
		if p.waiting != 0 {
			t.Errorf("%d wait after they gave up", p.waiting)
		}
	})
}

// TestMemoryIsBounded tries many names: nobody fills the memory, and what is forgotten is what failed longest ago.
func TestMemoryIsBounded(t *testing.T) {
	p := newPace()
	for i := range maxPlaces + 5 {
		at := place{fmt.Sprint(i), "192.0.2.1"}
		if _, err := p.begin(at, noon.Add(time.Duration(i)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.places) > maxPlaces {
		t.Errorf("%d places are remembered", len(p.places))
	}
	if p.places[place{"0", "192.0.2.1"}] != nil || p.places[place{fmt.Sprint(maxPlaces), "192.0.2.1"}] == nil {
		t.Error("the newest were forgotten")
	}
	if _, err := p.begin(place{"new", ""}, noon.Add(24*time.Hour)); err != nil || len(p.places) > 2 {
		t.Errorf("%d places are remembered a day later: %v", len(p.places), err)
	}
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "@": "@",
	} {
		if got := network(address); got != want {
			t.Errorf("%q is of %q, want %q", address, got, want)
		}
	}
}

// TestPace makes up sign-ins: no wait is longer than promised, and nothing is counted below zero.
func TestPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := newPace(), noon
		places := []place{{"kim", "a"}, {"kim", "b"}, {"lee", "a"}}
		open := map[place]int{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := places[rapid.IntRange(0, 2).Draw(t, "place")]
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "later")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				wait, err := p.begin(at, now)
				if wait > maxDelay {
					t.Fatalf("it waits %s", wait)
				}
				if err == nil {
					open[at]++
					if wait > 0 {
						p.waited(at)
					}
				}
			case 1:
				if open[at] > 0 {
					open[at]--
					p.failed(at, now)
				}
			case 2:
				if open[at] > 0 {
					open[at]--
					p.succeeded(at)
				}
			case 3:
				if open[at] > 0 {
					open[at]--
					p.leave(at)
				}
			}
			if p.waiting != 0 {
				t.Fatalf("%d wait", p.waiting)
			}
			for at, tally := range p.places {
				if tally.failures < 0 {
					t.Fatalf("%v failed %d times", at, tally.failures)
				}
			}
		}
	})
}
