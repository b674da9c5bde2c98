package server

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/journal"
)

// knownProposals is of how many proposals it is remembered what was told of them.
const knownProposals = 1024

// tellProposals has what waits for a second person, and what one decided, written down among the events, each once: webhooks
// are told of it from there.
func (s *Server) tellProposals(ctx context.Context) {
	motions := s.door.Motions().Subscribe(256)
	defer motions.Close()
	told := make(map[string]change.ApprovalState)
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-motions.C:
			if told[a.ID] == a.State {
				continue
			}
			if len(told) == knownProposals {
				clear(told)
			}
			told[a.ID] = a.State
			s.journal.Add(journal.OfApproval(a, time.Now()))
		}
	}
}
