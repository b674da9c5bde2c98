package change

import (
	"context"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// exportPage is how many entries are read at once while a ledger is exported.
const exportPage = 100

// Line is one line of an export: an entry with all that it did, and what its hash is chained to.
type Line struct {
	Change
	Previous string     `json:"previous,omitempty"` // hash of the mesh's entry before
	Key      string     `json:"key,omitempty"`      // idempotency key
	Digest   string     `json:"digest"`             // of the proposal
	Edits    []LineEdit `json:"edits"`
}

// LineEdit is one object's step.
type LineEdit struct {
	Ref     mesh.Ref    `json:"ref"`
	Before  mesh.Object `json:"before"` // null: it did not exist
	After   mesh.Object `json:"after"`  // null: it was deleted
	Version int64       `json:"version"`
}

// Export hands every entry that a query finds to visit, oldest first, until visit or the store fails. Of the query Mesh,
// Since, After and Until count. What is recorded while it runs may come or not.
func (d *Door) Export(ctx context.Context, q Query, visit func(Line) error) error {
	q = Query{Mesh: q.Mesh, Since: q.Since, After: q.After, Until: q.Until, Limit: exportPage, Oldest: true}
	if q.Since != "" {
		q.Since = ident.Canonical(q.Since)
	}
	previous := make(map[string]string)
	for {
		records, err := d.store.Records(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range records {
			name := r.Change.Mesh
			if _, known := previous[name]; !known {
				if previous[name], err = d.hashBefore(ctx, r.Change); err != nil {
					return err
				}
			}
			line := Line{Change: d.newest(r.Change), Previous: previous[name], Key: r.Key, Digest: r.Digest, Edits: make([]LineEdit, len(r.Edits))}
			for i, e := range r.Edits {
				line.Edits[i] = LineEdit(e)
			}
			if err := visit(line); err != nil {
				return err
			}
			previous[name] = r.Change.Hash
		}
		if len(records) < exportPage {
			return nil
		}
		q.Since = records[len(records)-1].Change.ID
	}
}

// hashBefore gives the hash that an entry is chained to.
func (d *Door) hashBefore(ctx context.Context, c Change) (string, error) {
	found, err := d.store.Records(ctx, Query{Mesh: c.Mesh, Before: c.ID, Limit: 1, NoEdits: true})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].Change.Hash, nil
}
