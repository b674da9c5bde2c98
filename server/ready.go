package server

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/api"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// readyWithin is how long one look at the parts may take: who asks has a deadline, too.
const readyWithin = 2 * time.Second

// leaving says that the server is about to stop.
type leaving struct{ begun atomic.Bool }

// untilDrained gives a context for the parts: it ends when ctx has ended and the drain is over. Meanwhile everything serves
// on, /readyz says that this replica is leaving, and proxies are asked to go to another one.
func (s *Server) untilDrained(ctx context.Context) (context.Context, context.CancelFunc) {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		defer end()
		s.leaving.begun.Store(true)
		if s.opts.Drain <= 0 {
			return
		}
		s.opts.Logger.Info("draining: not ready any more, proxies are asked to go elsewhere; a second signal ends it at once", "for", s.opts.Drain)
		s.xds.Drain(s.opts.Drain)
		pause := time.NewTimer(s.opts.Drain)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-running.Done(): // a part has failed meanwhile
		}
	})
	return running, func() { unwatch(); end() }
}

// checks looks at every part, once.
func (s *Server) checks(ctx context.Context) []api.Check {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var leaving error
	if s.leaving.begun.Load() {
		leaving = mesh.Errorf(mesh.Unavailable, "draining: the server is about to stop")
	}
	store := s.store.Readable(ctx)
	if store != nil {
		store = mesh.Errorf(mesh.Unavailable, "the database cannot be read: %w", store)
	}
	checks := []api.Check{
		{Name: "serving", Err: leaving},
		{Name: "store", Err: store},
		{Name: "proxies", Err: s.xds.Serving()},
	}
	if store != nil {
		return checks // what follows asks the database, too
	}
	have, err := s.store.Schema(ctx)
	checks = append(checks, api.Check{Name: "schema", Err: err, Note: strconv.FormatInt(have, 10)})
	checks = append(checks, s.together(ctx)...)
	for _, source := range s.state() {
		c := api.Check{Name: "metrics " + source.Name, Minor: true} // without them it steers all the same
		if source.State != query.OK {
			c.Err = fmt.Errorf("%s: %s", source.State, source.Message)
		}
		checks = append(checks, c)
	}
	return checks
}
