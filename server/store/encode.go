package store

import (
	"encoding/json"
	"fmt"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// marshalObject gives an object's JSON, nil for none.
func marshalObject(o mesh.Object) (json.RawMessage, error) {
	if o == nil {
		return nil, nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Ref(), err)
	}
	return data, nil
}

// unmarshalObject reads what marshalObject wrote.
func unmarshalObject(kind, name string, data json.RawMessage) (mesh.Object, error) {
	if len(data) == 0 {
		return nil, nil
	}
	o, err := mesh.DecodeObject(mesh.Kind(kind), data)
	if err != nil {
		return nil, fmt.Errorf("decode %s %s: %w", kind, name, err)
	}
	return o, nil
}

// truths are the JSON of what may change in an entry; nil for what is not known.
type truths struct {
	programmed, observed, plan, timeline json.RawMessage
}

// past is what the column timeline holds.
type past struct {
	Note    string          `json:"note,omitempty"`
	Moments []change.Moment `json:"moments,omitempty"`
}

// marshalTruths gives the JSON of an entry's truths.
func marshalTruths(c change.Change) (t truths, err error) {
	for _, part := range []struct {
		into    *json.RawMessage
		value   any
		present bool
	}{
		{&t.programmed, c.Programmed, c.Programmed != nil},
		{&t.observed, c.Observed, c.Observed != nil},
		{&t.plan, c.Plan, c.Plan != nil},
		{&t.timeline, past{c.Note, c.Timeline}, c.Note != "" || len(c.Timeline) > 0},
	} {
		if !part.present {
			continue
		}
		if *part.into, err = json.Marshal(part.value); err != nil {
			return truths{}, err
		}
	}
	return t, nil
}

// decodeRecord reads a ledger entry, with its edits when they were loaded.
func decodeRecord(row *ent.Change) (change.Record, error) {
	c := change.Change{
		ID: row.ID, Mesh: row.Mesh, Kind: mesh.Kind(row.Kind), Name: row.Name,
		Summary: row.Summary, Author: row.Author, Reason: row.Reason, At: row.At.UTC(), Diff: row.Diff,
		Undoes: row.Undoes, UndoneBy: row.UndoneBy, ConfirmedBy: row.ConfirmedBy, State: change.State(row.State),
		Accepted: &change.Accepted{Revision: row.Revision, At: row.AcceptedAt.UTC()},
		Override: row.Override, Rollout: row.Rollout, ApprovedBy: row.ApprovedBy, Hash: row.Hash, Version: row.Version,
	}
	if row.ConfirmBy != nil {
		by := row.ConfirmBy.UTC()
		c.ConfirmBy = &by
	}
	var kept past
	for _, part := range []struct {
		from json.RawMessage
		into any
	}{{row.Timeline, &kept}, {row.Objects, &c.Objects}, {row.Programmed, &c.Programmed}, {row.Observed, &c.Observed}, {row.Plan, &c.Plan}, {row.Breaches, &c.Breaches}} {
		if len(part.from) == 0 {
			continue
		}
		if err := json.Unmarshal(part.from, part.into); err != nil {
			return change.Record{}, fmt.Errorf("decode change %s: %w", row.ID, err)
		}
	}
	c.Note, c.Timeline = kept.Note, kept.Moments
	r := change.Record{Change: c, Digest: row.Digest}
	if row.Key != nil {
		r.Key = *row.Key
	}
	for _, e := range row.Edges.Edits {
		edit, err := decodeEdit(e)
		if err != nil {
			return change.Record{}, fmt.Errorf("change %s: %w", row.ID, err)
		}
		r.Edits = append(r.Edits, edit)
	}
	return r, nil
}

func decodeEdit(row *ent.Edit) (change.Edit, error) {
	before, err := unmarshalObject(row.Kind, row.Name, row.Before)
	if err != nil {
		return change.Edit{}, err
	}
	after, err := unmarshalObject(row.Kind, row.Name, row.After)
	if err != nil {
		return change.Edit{}, err
	}
	return change.Edit{Ref: mesh.Ref{Kind: mesh.Kind(row.Kind), Name: row.Name}, Before: before, After: after, Version: row.Version}, nil
}
