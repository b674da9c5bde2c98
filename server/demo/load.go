package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	maxRate     = 2000 // requests per second
	maxInFlight = 256  // requests that the generator waits for; beyond that it drops, as people go away
)

// Counts is what a generator did so far.
type Counts struct {
	Sent    int64 // requests made
	Failed  int64 // of those, without an answer or with one of 500 and above
	Dropped int64 // requests not made because too many were waiting
}

// load makes requests at a rate that does not depend on the answers, as people do (an open loop): when the mesh slows
// down, requests pile up instead of coming less often.
type load struct {
	rate   float64
	visits []visit
	random *rand.Rand
	client *http.Client

	sent, failed, dropped, waiting atomic.Int64

	failures failures
}

func newLoad(rate float64, seed uint64, visits []visit) *load {
	return &load{rate: rate, visits: visits, random: rand.New(rand.NewPCG(seed, 0x10ad)), client: newClient()}
}

func (l *load) counts() Counts {
	return Counts{Sent: l.sent.Load(), Failed: l.failed.Load(), Dropped: l.dropped.Load()}
}

// warm waits until every kind of visit is answered well, which is when the last proxy knows the last endpoint.
func (l *load) warm(ctx context.Context) error {
	for _, v := range l.visits {
		for {
			err := l.ask(ctx, v)
			if err == nil {
				break
			}
			if !pause(ctx, 20*time.Millisecond) {
				return mesh.Errorf(mesh.Unavailable, "the demo's services do not answer through the gateway (%s: %s): %w",
					v.url, err.Error(), context.Cause(ctx))
			}
		}
	}
	return nil
}

// run makes requests until ctx ends, and returns when the last is answered.
func (l *load) run(ctx context.Context) {
	defer l.client.CloseIdleConnections()
	var open sync.WaitGroup
	defer open.Wait()
	if l.rate <= 0 || len(l.visits) == 0 {
		<-ctx.Done()
		return
	}
	for next := time.Now(); pause(ctx, time.Until(next)); {
		if late := time.Since(next); late > time.Second {
			next = next.Add(late) // the machine slept or is overloaded: do not make up for it
		}
		next = next.Add(time.Duration(l.random.ExpFloat64() / l.rate * float64(time.Second)))
		v := l.pick()
		if l.waiting.Load() >= maxInFlight {
			l.dropped.Add(1)
			continue
		}
		l.waiting.Add(1)
		open.Go(func() {
			defer l.waiting.Add(-1)
			// A request that was begun is finished when the demo stops, so that stopping fails none.
			begin := time.Now()
			err := l.ask(context.WithoutCancel(ctx), v)
			l.sent.Add(1)
			if failure(err) {
				l.failed.Add(1)
				l.failures.add(Failure{At: begin, After: time.Since(begin), URL: v.url, Why: err.Error()})
			}
		})
	}
}

// pick draws one kind of visit.
func (l *load) pick() visit {
	at := l.random.Float64()
	for _, v := range l.visits {
		if at -= v.share; at < 0 {
			return v
		}
	}
	return l.visits[len(l.visits)-1]
}

// ask makes one request; an answer that is not 200 is a *refusal.
func (l *load) ask(ctx context.Context, v visit) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, http.NoBody)
	if err != nil {
		return err
	}
	if v.host != "" {
		req.Host = v.host
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return &refusal{status: resp.StatusCode, text: complaint(resp)}
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	return err
}
