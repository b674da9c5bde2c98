package xds

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	// age is how long a connection may last, a tenth more or less, so that proxies spread over replicas that came later.
	age = 30 * time.Minute
	// ageGrace is what a connection that is too old has to end its streams; they do not end by themselves.
	ageGrace = 10 * time.Second
	// joinsPerCore and joinsAtOnce bound the streams that begin in a second: after a restart all proxies come at once, and
	// what a stream costs is its first answer.
	joinsPerCore = 250
	joinsAtOnce  = 1000
)

// keepalives are the server's. grpc varies the age by itself.
func keepalives() keepalive.ServerParameters {
	return keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, MaxConnectionAge: age, MaxConnectionAgeGrace: ageGrace}
}

func newJoins() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(joinsPerCore*runtime.GOMAXPROCS(0)), joinsAtOnce)
}

// drain is how a server takes leave of its proxies while it still serves.
type drain struct {
	begun  chan struct{} // closed when it begins
	within time.Duration // how long it takes; written before begun is closed
}

// Drain asks every proxy, over that time, to go to another replica: streams end at random moments, new ones are refused, and
// health checks are told that this one does not serve. It returns at once, and may be called once.
func (s *Server) Drain(within time.Duration) {
	s.leaving.within = within
	s.serving.Shutdown()
	close(s.leaving.begun)
}

// parting is when a stream ends, counted from the beginning of the drain: not in its first moments, in which the proxy's own
// health checks may move it without a stream that is cut.
func (d *drain) parting() <-chan time.Time {
	return time.After(d.within/4 + rand.N(d.within/2+1))
}

func errDraining() error {
	return status.Error(codes.Unavailable, "this Weir is about to stop: another replica takes over, or this one is back soon")
}

// enter waits for a stream's turn.
func (s *Server) enter(ctx context.Context) error {
	select {
	case <-s.leaving.begun:
		return errDraining()
	default:
	}
	if err := s.joins.Wait(ctx); err != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return nil
}

// Serving says why proxies cannot be served; nil: they can.
func (s *Server) Serving() error {
	if s.running.Load() {
		return nil
	}
	return mesh.Errorf(mesh.Unavailable, "the control plane does not serve proxies")
}
