package server

import (
	"context"
	"fmt"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/webhook"
)

// tell builds what writes down what happens, and tells it to webhooks. It needs everything that things happen in.
func (s *Server) tell(ctx context.Context) error {
	var err error
	s.journal, err = journal.New(ctx, journal.Options{
		Store: s.store, Changes: s.door, Rollouts: s.rollouts.Events(), Proxies: s.fleet, Health: s.graphs.Updates(),
		Meshes: s.door.Meshes, Logger: s.opts.Logger.With("part", "journal"),
	})
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	// The operator's own file may name addresses of this machine, which those who start rollouts may not.
	sender := webhook.New(webhook.Options{Loopback: true, Version: s.opts.Version})
	for _, h := range s.opts.Told {
		s.tellers = append(s.tellers, journal.NewTeller(s.journal, journal.Hook{
			Name: h.Name, Kinds: h.Kinds, Meshes: h.Meshes,
			Send: func(ctx context.Context, e journal.Event) error { return sender.Send(ctx, h.Hook, e) },
		}))
	}
	return nil
}

// told says how the webhooks do that are told of events.
func (s *Server) told() []journal.HookState {
	list := make([]journal.HookState, len(s.tellers))
	for i, t := range s.tellers {
		list[i] = t.State()
	}
	return list
}
