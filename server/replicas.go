package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/fleet"
	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/store"
)

// Of several replicas on one database, one is the steward: it follows changes and rollouts, and records what happens. The
// others do what people and proxies ask of them. A replica alone is the steward of itself.
const stewardship = "steward"

// noticesAhead is how many notices a part may be behind before it reads everything again.
const noticesAhead = 1024

// hearAgain is the pause before what could not be read is tried again.
const hearAgain = time.Second

// replicas is what connects this server with others on the same database.
type replicas struct {
	name    string
	since   int64        // the newest notice when the parts were loaded
	seen    atomic.Int64 // the newest notice that the parts were told of
	notices event.Bus[store.Notice]
	keeper  *lease.Keeper
}

// openStore opens the database, and takes the place of this replica among others before anything is loaded.
func (s *Server) openStore(ctx context.Context) error {
	log := s.opts.Logger
	r := &s.replicas
	host, err := os.Hostname()
	if err != nil {
		host = "weir"
	}
	r.name = cmp.Or(s.opts.Name, fmt.Sprintf("%s %s", host, s.console.Addr()))
	s.store, err = store.Open(ctx, store.Options{Dir: s.opts.Data, DatabaseURL: s.opts.DatabaseURL, Replica: r.name, Logger: log.With("part", "store")})
	if err != nil {
		return err
	}
	s.onClose("store", s.store.Close)
	if r.since, err = s.store.Newest(ctx); err != nil {
		return err
	}
	r.seen.Store(r.since)
	r.keeper = lease.New(lease.Options{
		Table: s.store, Name: stewardship, Holder: holderOf(r.name) + strconv.Itoa(os.Getpid()), Logger: log.With("part", "lease"),
	})
	return nil
}

// newFleet connects the proxies of this replica with those of the others.
func (s *Server) newFleet() *fleet.Fleet {
	return fleet.New(fleet.Options{
		Table: s.store.Replicas(), Replica: s.replicas.name, Version: s.opts.Version, Local: s.xds, Live: s.seeing.live, Registry: s.registry,
		Meshes: func() []string { return s.door.Meshes() }, Logger: s.opts.Logger.With("part", "replicas"),
	})
}

// steward does what only one replica may do, until ctx ends: when the server stops, or when another replica has taken over.
func (s *Server) steward(ctx context.Context, _ int64) error {
	for _, t := range s.tellers {
		t.Skip()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(named("change", func() error { return s.door.Run(auth.With(ctx, auth.Itself("deadline"))) }))
	group.Go(named("expiry", func() error { return s.door.RunExpiry(ctx) }))
	group.Go(named("canary", func() error { return s.rollouts.Run(auth.With(ctx, auth.Itself("rollout"))) }))
	group.Go(named("journal", func() error { return s.journal.Run(ctx) }))
	for _, t := range s.tellers {
		group.Go(named("webhooks", func() error { return t.Run(ctx) }))
	}
	return group.Wait()
}

// runReplicas has this replica act, alone or in turn with others, and follow what the others record, until ctx ends.
func (s *Server) runReplicas(ctx context.Context, group *errgroup.Group) {
	group.Go(named("door", func() error { return s.door.Serve(ctx) }))
	group.Go(named("events", func() error { return s.journal.Follow(ctx) }))
	if s.opts.DatabaseURL == "" { // nobody else has this database
		group.Go(func() error { return s.steward(ctx, 0) })
		return
	}
	r := &s.replicas
	for _, part := range []struct {
		name string
		kind store.NoticeKind
		tell func(ctx context.Context, id string) error
	}{
		{"ledger of others", store.NoticeChange, s.door.Hear},
		{"proposals of others", store.NoticeProposal, s.door.HearApproval},
		{"rollouts of others", store.NoticeRollout, s.rollouts.Hear},
		{"events of others", store.NoticeEvents, func(context.Context, string) error { s.journal.Hear(); return nil }},
	} {
		notices := r.notices.Subscribe(noticesAhead)
		group.Go(named(part.name, func() error {
			defer notices.Close()
			hearing{part.kind, part.tell, s.opts.Logger}.run(ctx, notices)
			return nil
		}))
	}
	group.Go(named("notices", func() error { return s.store.Follow(ctx, r.since, r.heard) }))
	group.Go(named("lease", func() error { return r.keeper.Run(ctx, s.steward) }))
}

// hearing tells a part of every notice of a kind.
type hearing struct {
	kind store.NoticeKind
	tell func(ctx context.Context, id string) error // an empty id: everything has to be read again
	log  *slog.Logger
}

// run tells until ctx ends. What cannot be read is tried again, with everything that came meanwhile.
func (h hearing) run(ctx context.Context, notices *event.Subscription[store.Notice]) {
	var behind <-chan time.Time // nil while nothing is left to read
	for {
		id := ""
		select {
		case <-ctx.Done():
			return
		case <-behind:
		case n := <-notices.C:
			if id = n.Subject; notices.Missed() || n.Kind == store.NoticeMissed {
				id = ""
			} else if n.Kind != h.kind {
				continue
			}
		}
		behind = nil
		if err := h.tell(ctx, id); err != nil && ctx.Err() == nil {
			h.log.Warn("what another replica recorded cannot be read, trying again", "kind", string(h.kind), "id", id, "error", err)
			behind = time.After(hearAgain)
		}
	}
}
