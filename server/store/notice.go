package store

import (
	"context"
	"sync"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entnotice "github.com/weirmesh/weir/ent/notice"
	"github.com/weirmesh/weir/server/mesh"
)

// NoticeKind says what a notice is about.
type NoticeKind string

// The kinds of notices, and what their subjects are IDs of.
const (
	NoticeChange   NoticeKind = "change"   // a ledger entry that was recorded, or whose state or truths moved
	NoticeRollout  NoticeKind = "rollout"  // a rollout
	NoticeProposal NoticeKind = "proposal" // a change that waits for a second person
	NoticePeople   NoticeKind = "people"   // a person, a session or a token
	NoticeEvents   NoticeKind = "events"   // events; of no subject
	// NoticeMissed means that notices were lost: so many that the oldest are gone, or the database is an earlier one.
	// Everything that is kept in memory has to be read again.
	NoticeMissed NoticeKind = "missed"
)

// Notice says that something was written which replicas keep in memory.
type Notice struct {
	Seq     int64 // grows; some numbers are never used
	Kind    NoticeKind
	Mesh    string // empty: it is of no mesh
	Subject string
	At      time.Time
}

const (
	keptNotices  = 10_000
	pruneEvery   = 256             // notices between two removals of the oldest
	noticesAtATx = 500             // that are read at once
	pollEvery    = 2 * time.Second // for what nobody was woken for
)

// note leaves a notice in a transaction: followers hear of it once that is committed. A transaction of transact, so that
// notices become visible in the order of their numbers.
func (s *Store) note(ctx context.Context, tx *ent.Tx, n Notice) error {
	row, err := tx.Notice.Create().SetKind(string(n.Kind)).SetMesh(n.Mesh).SetSubject(n.Subject).SetAt(time.Now().UTC()).Save(ctx)
	if err != nil {
		return err
	}
	if row.ID%pruneEvery == 0 {
		if _, err := tx.Notice.Delete().Where(entnotice.IDLTE(row.ID - keptNotices)).Exec(ctx); err != nil {
			return err
		}
	}
	tx.OnCommit(func(next ent.Committer) ent.Committer {
		return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
			if err := next.Commit(ctx, tx); err != nil {
				return err
			}
			s.wakes.wake()
			return nil
		})
	})
	return s.engine.announce(ctx, tx)
}

// Newest gives the number of the newest notice, 0 for none. What was read after it is not older than it. Error:
// mesh.Unavailable.
func (s *Store) Newest(ctx context.Context) (int64, error) {
	ids, err := s.reader.Notice.Query().Order(entnotice.ByID(entsql.OrderDesc())).Limit(1).IDs(ctx)
	if err != nil {
		return 0, s.explain("read the notices", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}

// Follow tells of every notice after since once, in order, until ctx ends: of other replicas' writes and of this one's own.
// A database that cannot be reached is asked again; nothing is left out for it, unless there is a NoticeMissed. To begin,
// take Newest, then read what is kept in memory, then follow.
func (s *Store) Follow(ctx context.Context, since int64, tell func(Notice)) error {
	wake := s.wakes.add()
	defer s.wakes.remove(wake)
	ears := s.engine.listener()
	defer ears.close()
	var down bool
	for ctx.Err() == nil {
		err := s.deliver(ctx, &since, tell)
		if ctx.Err() != nil {
			break
		}
		if failed := err != nil; failed != down {
			down = failed
			if failed {
				s.logger.Warn("other replicas cannot be heard: what they change shows later", "error", err)
			} else {
				s.logger.Info("other replicas are heard again")
			}
		}
		if err := ears.wait(ctx, wake); err != nil && ctx.Err() == nil {
			s.logger.Debug("waiting for other replicas", "error", err)
		}
	}
	return nil
}

// deliver tells of what is new.
func (s *Store) deliver(ctx context.Context, since *int64, tell func(Notice)) error {
	newest, err := s.Newest(ctx)
	if err != nil {
		return err
	}
	if newest < *since || newest-*since > keptNotices {
		*since = newest
		tell(Notice{Seq: newest, Kind: NoticeMissed, At: time.Now().UTC()})
	}
	for *since < newest {
		rows, err := s.reader.Notice.Query().Where(entnotice.IDGT(*since)).Order(entnotice.ByID()).Limit(noticesAtATx).All(ctx)
		if err != nil {
			return s.explain("read the notices", err)
		}
		if len(rows) == 0 {
			return mesh.Errorf(mesh.Unavailable, "read the notices: they end before %d", newest)
		}
		for _, row := range rows {
			*since = row.ID
			tell(Notice{Seq: row.ID, Kind: NoticeKind(row.Kind), Mesh: row.Mesh, Subject: row.Subject, At: row.At.UTC()})
		}
	}
	return nil
}

// wakes are the followers of this process.
type wakes struct {
	mu   sync.Mutex
	list map[chan struct{}]struct{}
}

func (w *wakes) add() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil {
		w.list = make(map[chan struct{}]struct{})
	}
	c := make(chan struct{}, 1)
	w.list[c] = struct{}{}
	return c
}

func (w *wakes) remove(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.list, c)
}

func (w *wakes) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.list {
		select {
		case c <- struct{}{}:
		default: // it is awake
		}
	}
}
