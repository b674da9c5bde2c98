package change

import (
	"context"

	"github.com/weirmesh/weir/server/mesh"
)

// Audit checks every mesh's ledger as Door.Verify does, where there is no door: in a backup, which nobody writes to. The meshes
// are as they were recorded last, deleted ones too; records finds entries, newest first. Its error is of reading; a chain that
// is broken is none.
func Audit(ctx context.Context, meshes []Current, records func(context.Context, Query) ([]Record, error)) ([]Verification, error) {
	all := make([]Verification, 0, len(meshes))
	for _, now := range meshes {
		v := &verifier{now: now, objects: make(map[mesh.Ref]bool), undone: make(map[string]string)}
		v.Mesh, v.Deleted, v.Broken = now.Name, now.Mesh.Name == "", []Break{}
		q := Query{Mesh: now.Name, Limit: verifyPage}
		for {
			page, err := records(ctx, q)
			if err != nil {
				return nil, err
			}
			for i, r := range page {
				if i == 0 && q.Before == "" { // what was written last is known from the entry alone
					v.top = head{r.Change.ID, r.Change.Hash, r.Change.Accepted.Revision}
					v.Newest, v.Hash = v.top.id, v.top.hash
				}
				if err := v.take(r); err != nil {
					return nil, err
				}
			}
			if len(page) < verifyPage {
				break
			}
			q.Before = page[len(page)-1].Change.ID
		}
		if err := v.end(); err != nil {
			return nil, err
		}
		all = append(all, v.Verification)
	}
	return all, nil
}
