package fleet

import (
	"context"
	"log/slog"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// peer is another replica that lives.
type peer struct {
	row    Row
	state  state
	states int64 // number of the newest state that was read
	counts int64
	broken bool // a document of it could not be read, and that was said
	ends   map[string][]end
}

// listen hears the others until ctx ends.
func (f *Fleet) listen(ctx context.Context, p *packer) {
	var failing trouble
	var steady time.Time // the table has been readable since
	prune := f.Now()
	for {
		err := f.hear(ctx, p, &steady)
		failing.note(ctx, f.Logger, "hear the others: what is known of their proxies gets old", err)
		if err != nil {
			steady = time.Time{}
		}
		if now := f.Now(); err == nil && !now.Before(prune) {
			prune = now.Add(pruneEach)
			if err := f.Table.DropReplicas(ctx, "", keepRows); err != nil {
				f.Logger.Debug("rows of replicas that have gone stay", "error", err)
			}
		}
		if !sleep(ctx, lookEach) {
			return
		}
	}
}

// hear looks at the table once. A replica that is silent is gone, but not when the table could not be read until a moment ago:
// then the others could not write either.
func (f *Fleet) hear(ctx context.Context, p *packer, steady *time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	rows, err := f.Table.Replicas(ctx)
	if err != nil {
		return err
	}
	now := f.Now()
	if steady.IsZero() {
		*steady = now
	}
	f.mu.Lock()
	f.lookedAt = now
	synced := f.clock.known
	f.mu.Unlock()
	if !synced {
		return nil // what others tell of times could not be understood yet
	}
	live := make(map[string]bool, len(rows))
	var mine Row // without a state when somebody removed it, and it was written anew
	for _, row := range rows {
		if row.ID == f.id {
			mine = row
			continue
		}
		known := f.knows(row.ID)
		if row.Age > Silent && (!known || now.Sub(*steady) >= Silent) {
			live[row.ID] = false // who leaves takes its row along
			continue
		}
		switch err := f.read(ctx, p, row); {
		case err == nil:
			live[row.ID] = true
		case mesh.CodeOf(err) != mesh.NotFound: // it left just now
			return err
		}
	}
	f.mu.Lock()
	f.told.again = f.told.again || mine.StateSeq < f.told.state && f.told.text != nil
	f.mu.Unlock()
	f.forget(live)
	return nil
}

func (f *Fleet) knows(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peers[id] != nil
}

// read reads what is new of a replica. What cannot be understood is left as it was: it may be of another version.
func (f *Fleet) read(ctx context.Context, p *packer, row Row) error {
	f.mu.Lock()
	known := f.peers[row.ID]
	if known == nil {
		known = &peer{}
		f.Logger.Info("another replica is there", "replica", row.Name, "id", row.ID, "version", row.Version)
	}
	states, counted := known.states, known.counts
	f.mu.Unlock()
	var fresh *state
	if row.StateSeq != states && row.StateSeq > 0 {
		seq, document, err := f.Table.Document(ctx, row.ID, false)
		if err != nil {
			return err
		}
		s, err := p.readState(document)
		f.understood(known, row, err)
		if err == nil {
			fresh = &s
		}
		states = seq
	}
	if row.CountsSeq != counted && row.CountsSeq > 0 {
		seq, document, err := f.Table.Document(ctx, row.ID, true)
		if err != nil {
			return err
		}
		f.understood(known, row, f.hearCounts(p, row.ID, document))
		counted = seq
	}
	f.mu.Lock()
	if fresh != nil {
		fresh.shift(fresh.Clock - f.clock.ahead)
		known.state, known.ends = *fresh, endsOf(*fresh)
	}
	news := fresh != nil || f.peers[row.ID] == nil
	known.row, known.states, known.counts = row, states, counted
	f.peers[row.ID] = known
	f.mu.Unlock()
	if fresh != nil {
		f.Registry.Elsewhere(row.ID, fresh.Instances)
	}
	if news {
		f.mu.Lock()
		f.notify()
		f.mu.Unlock()
	}
	return nil
}

// understood says once when a replica is not.
func (f *Fleet) understood(p *peer, row Row, err error) {
	if err != nil && !p.broken {
		p.broken = true
		f.Logger.Warn("what another replica tells cannot be read", "replica", row.Name, "version", row.Version, "error", err)
	}
}

// hearCounts takes in what another replica's proxies counted.
func (f *Fleet) hearCounts(p *packer, id string, document []byte) error {
	c, err := p.readCounts(document)
	if err != nil {
		return err
	}
	f.mu.Lock()
	taken := time.UnixMilli(c.Taken).Add(-f.clock.ahead)
	f.mu.Unlock()
	if now := f.Now(); taken.After(now) {
		taken = now
	}
	return f.Live.Heard(id, taken, c.Meshes)
}

// forget lets go of the replicas that do not live: those that are not there, and those that are not true.
func (f *Fleet) forget(live map[string]bool) {
	f.mu.Lock()
	var gone []*peer
	for id, p := range f.peers {
		if !live[id] {
			gone = append(gone, p)
			delete(f.peers, id)
			_, silent := live[id]
			f.mourn(p, !silent)
		}
	}
	if len(gone) > 0 {
		f.notify()
	}
	f.mu.Unlock()
	for _, p := range gone {
		f.Logger.Info("another replica has gone", "replica", p.row.Name, "id", p.row.ID, "silent", p.row.Age)
		f.Registry.Lost(p.row.ID)
		f.Live.Lost(p.row.ID)
	}
}

// trouble says once when something begins to fail, and once when it no longer does.
type trouble bool

func (t *trouble) note(ctx context.Context, log *slog.Logger, what string, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !bool(*t):
		*t = true
		log.Warn("replicas cannot reach each other through the database", "what", what, "error", err)
	case err == nil && bool(*t):
		*t = false
		log.Info("the other replicas are reached again")
	}
}
