package change

import (
	"context"

	"github.com/weirmesh/weir/server/mesh"
)

// Reader is a ledger that nobody writes to.
type Reader interface {
	// Meshes gives every mesh as it was recorded last, deleted ones too.
	Meshes(ctx context.Context) ([]Current, error)
	// Records finds entries, newest first.
	Records(ctx context.Context, q Query) ([]Record, error)
}

// Audit checks every mesh's ledger as Door.Verify does, where there is no door: in a backup. Its error is of reading; a chain
// that is broken is none.
func Audit(ctx context.Context, s Reader) ([]Verification, error) {
	meshes, err := s.Meshes(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Verification, 0, len(meshes))
	for _, now := range meshes {
		v := &verifier{now: now, objects: make(map[mesh.Ref]bool), undone: make(map[string]string)}
		v.Mesh, v.Deleted, v.Broken = now.Name, now.Mesh.Name == "", []Break{}
		q := Query{Mesh: now.Name, Limit: verifyPage}
		for {
			records, err := s.Records(ctx, q)
			if err != nil {
				return nil, err
			}
			for i, r := range records {
				if i == 0 && q.Before == "" { // what was written last is known from the entry alone
					v.top = head{r.Change.ID, r.Change.Hash, r.Change.Accepted.Revision}
					v.Newest, v.Hash = v.top.id, v.top.hash
				}
				if err := v.take(r); err != nil {
					return nil, err
				}
			}
			if len(records) < verifyPage {
				break
			}
			q.Before = records[len(records)-1].Change.ID
		}
		if err := v.end(); err != nil {
			return nil, err
		}
		all = append(all, v.Verification)
	}
	return all, nil
}
