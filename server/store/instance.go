package store

import (
	"context"
	"time"

	"github.com/weirmesh/weir/ent"
	entinstance "github.com/weirmesh/weir/ent/instance"
)

// Instance is one place where a virtual node was reached.
type Instance struct {
	Mesh, Node string
	ID         string // tells instances of the node apart
	Address    string
	Ports      map[int]int // mesh listener port → port at Address
	Seen       time.Time
}

// Instances gives what SaveInstances last saved, sorted by mesh, node and ID.
func (s *Store) Instances(ctx context.Context) ([]Instance, error) {
	rows, err := s.reader.Instance.Query().
		Order(entinstance.ByMesh(), entinstance.ByNode(), entinstance.ByInstance()).All(ctx)
	if err != nil {
		return nil, s.explain("read the instances", err)
	}
	out := make([]Instance, len(rows))
	for i, row := range rows {
		out[i] = Instance{
			Mesh: row.Mesh, Node: row.Node, ID: row.Instance,
			Address: row.Address, Ports: row.Ports, Seen: row.Seen.UTC(),
		}
	}
	return out, nil
}

// SaveInstances replaces all that is known about instances, in one transaction. Error: mesh.Unavailable when the disk
// is full or not writable; then the earlier ones stay.
func (s *Store) SaveInstances(ctx context.Context, instances []Instance) error {
	return s.transact(ctx, "save the instances", func(tx *ent.Tx) error {
		if _, err := tx.Instance.Delete().Exec(ctx); err != nil {
			return err
		}
		creates := make([]*ent.InstanceCreate, len(instances))
		for i, in := range instances {
			ports := in.Ports
			if ports == nil {
				ports = map[int]int{}
			}
			creates[i] = tx.Instance.Create().SetMesh(in.Mesh).SetNode(in.Node).SetInstance(in.ID).
				SetAddress(in.Address).SetPorts(ports).SetSeen(in.Seen.UTC())
		}
		for start := 0; start < len(creates); start += batch {
			if err := tx.Instance.CreateBulk(creates[start:min(start+batch, len(creates))]...).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
