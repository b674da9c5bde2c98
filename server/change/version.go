package change

import (
	"context"
	"fmt"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Version is one step of an object's life: what it was from then on, and the entry that made it so.
type Version struct {
	Number int64
	Object mesh.Object // nil: the entry deleted it
	Change Change
}

// Versions lists an object's versions as the ledger has them, newest first, also those of an object that was deleted.
// Of the query Mesh, Object, Before and Limit count; Object is required.
func (d *Door) Versions(ctx context.Context, q Query) ([]Version, error) {
	if q.Object == (mesh.Ref{}) {
		return nil, mesh.Errorf(mesh.Internal, "versions of no object were asked for")
	}
	if q.Before != "" {
		q.Before = ident.Canonical(q.Before)
	}
	records, err := d.store.Records(ctx, Query{Mesh: q.Mesh, Object: q.Object, Before: q.Before, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	out := make([]Version, 0, len(records))
	for _, r := range records {
		for _, e := range r.Edits {
			if e.Ref == q.Object {
				out = append(out, Version{Number: e.Version, Object: e.After, Change: d.newest(r.Change)})
			}
		}
	}
	return out, nil
}

// Between is the unified diff from one version of an object to another; empty when they are the same.
func Between(from, to Version) (string, error) {
	before, err := document(from.Object)
	if err != nil {
		return "", err
	}
	after, err := document(to.Object)
	if err != nil {
		return "", err
	}
	name := func(v Version) string {
		if v.Object == nil {
			return fmt.Sprintf("version %d (deleted)", v.Number)
		}
		return fmt.Sprintf("%s (version %d)", v.Object.Ref(), v.Number)
	}
	return shortened(hunks(name(from), before, name(to), after)), nil
}
