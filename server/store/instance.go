package store

import (
	"context"

	"github.com/weirmesh/weir/ent"
	entinstance "github.com/weirmesh/weir/ent/instance"
	"github.com/weirmesh/weir/server/registry"
)

// Instances gives what SaveInstances last saved, sorted by mesh, node and ID.
func (s *Store) Instances(ctx context.Context) ([]registry.Record, error) {
	rows, err := s.reader.Instance.Query().
		Order(entinstance.ByMesh(), entinstance.ByNode(), entinstance.ByInstance()).All(ctx)
	if err != nil {
		return nil, s.explain("read the instances", err)
	}
	out := make([]registry.Record, len(rows))
	for i, row := range rows {
		out[i] = registry.Record{
			Mesh: row.Mesh, Node: row.Node,
			Instance: registry.Instance{ID: row.Instance, Address: row.Address, Ports: row.Ports},
		}
	}
	return out, nil
}

// SaveInstances replaces all that is known about instances, in one transaction; Store is a registry.Saver. Error:
// mesh.Unavailable when the disk is full or not writable; then the earlier ones stay.
func (s *Store) SaveInstances(ctx context.Context, all []registry.Record) error {
	return s.transact(ctx, "save the instances", func(tx *ent.Tx) error {
		if _, err := tx.Instance.Delete().Exec(ctx); err != nil {
			return err
		}
		creates := make([]*ent.InstanceCreate, len(all))
		for i, r := range all {
			ports := r.Instance.Ports
			if ports == nil {
				ports = map[int]int{}
			}
			creates[i] = tx.Instance.Create().SetMesh(r.Mesh).SetNode(r.Node).SetInstance(r.Instance.ID).
				SetAddress(r.Instance.Address).SetPorts(ports)
		}
		for start := 0; start < len(creates); start += batch {
			if err := tx.Instance.CreateBulk(creates[start:min(start+batch, len(creates))]...).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
