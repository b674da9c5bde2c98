package store

import (
	"context"
	"encoding/json"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entevent "github.com/weirmesh/weir/ent/event"
	"github.com/weirmesh/weir/server/journal"
)

var _ journal.Store = (*Store)(nil)

// What is kept of events: so many, and none that is older.
const (
	maxEvents   = 20_000
	eventsFor   = 30 * 24 * time.Hour
	eventsAtATx = 500
)

// happened is what the column body holds.
type happened struct {
	Severity journal.Severity  `json:"severity"`
	What     string            `json:"what"`
	With     map[string]string `json:"with,omitempty"`
	Text     string            `json:"text"`
	Detail   string            `json:"detail,omitempty"`
	Change   string            `json:"change,omitempty"`
	Rollout  string            `json:"rollout,omitempty"`
	Proxy    string            `json:"proxy,omitempty"`
}

// RecordEvents adds events and lets the oldest go: more than 20,000, and what is older than 30 days.
func (s *Store) RecordEvents(ctx context.Context, list []journal.Event) error {
	for len(list) > 0 {
		batch := list[:min(len(list), eventsAtATx)]
		err := s.transact(ctx, "record events", func(tx *ent.Tx) error {
			if err := recordEvents(ctx, tx, batch); err != nil {
				return err
			}
			return s.note(ctx, tx, Notice{Kind: NoticeEvents})
		})
		if err != nil {
			return err
		}
		list = list[len(batch):]
	}
	return nil
}

func recordEvents(ctx context.Context, tx *ent.Tx, list []journal.Event) error {
	rows := make([]*ent.EventCreate, len(list))
	for i, e := range list {
		body, err := json.Marshal(happened{e.Severity, e.What, e.With, e.Text, e.Detail, e.Change, e.Rollout, e.Proxy})
		if err != nil {
			return err
		}
		rows[i] = tx.Event.Create().SetID(e.ID).SetMesh(e.Mesh).SetKind(string(e.Kind)).SetSubject(e.Subject).SetAt(e.At.UTC()).SetBody(body)
	}
	if err := tx.Event.CreateBulk(rows...).Exec(ctx); err != nil {
		return err
	}
	newest := list[len(list)-1]
	if _, err := tx.Event.Delete().Where(entevent.IDLTE(newest.ID - maxEvents)).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.Event.Delete().Where(entevent.AtLT(newest.At.Add(-eventsFor).UTC())).Exec(ctx)
	return err
}

// Events finds events: the newest first, or the oldest first with After or Forward.
func (s *Store) Events(ctx context.Context, q journal.Query) ([]journal.Event, error) {
	query := s.reader.Event.Query().Limit(page)
	if q.After > 0 || q.Forward {
		query.Order(entevent.ByID())
	} else {
		query.Order(entevent.ByID(entsql.OrderDesc()))
	}
	if q.Limit > 0 {
		query.Limit(q.Limit)
	}
	if q.Mesh != "" {
		query.Where(entevent.MeshIn(q.Mesh, ""))
	}
	if len(q.Kinds) > 0 {
		kinds := make([]string, len(q.Kinds))
		for i, k := range q.Kinds {
			kinds[i] = string(k)
		}
		query.Where(entevent.KindIn(kinds...))
	}
	if q.Subject != "" {
		query.Where(entevent.Subject(q.Subject))
	}
	if q.After > 0 {
		query.Where(entevent.IDGT(q.After))
	}
	if q.Before > 0 {
		query.Where(entevent.IDLT(q.Before))
	}
	rows, err := query.All(ctx)
	if err != nil {
		return nil, s.explain("read the events", err)
	}
	list := make([]journal.Event, len(rows))
	for i, row := range rows {
		var b happened
		if err := json.Unmarshal(row.Body, &b); err != nil {
			return nil, s.explain("read the events", err)
		}
		list[i] = journal.Event{
			ID: row.ID, At: row.At.UTC(), Mesh: row.Mesh, Kind: journal.Kind(row.Kind), Subject: row.Subject, Severity: b.Severity,
			What: b.What, With: b.With, Text: b.Text, Detail: b.Detail, Change: b.Change, Rollout: b.Rollout, Proxy: b.Proxy,
		}
	}
	return list, nil
}
