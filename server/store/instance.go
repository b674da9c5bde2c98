package store

import (
	"context"
	"encoding/json"
	"slices"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entinstance "github.com/weirmesh/weir/ent/instance"
	"github.com/weirmesh/weir/server/registry"
)

// Instances gives what was last saved, by every replica, sorted by mesh, node and ID. Of one that several replicas saved,
// the newest counts.
func (s *Store) Instances(ctx context.Context) ([]registry.Record, error) {
	rows, err := s.reader.Instance.Query().
		Order(entinstance.ByMesh(), entinstance.ByNode(), entinstance.ByInstance(), entinstance.BySeen(entsql.OrderDesc())).All(ctx)
	if err != nil {
		return nil, s.explain("read the instances", err)
	}
	rows = slices.CompactFunc(rows, func(a, b *ent.Instance) bool {
		return a.Mesh == b.Mesh && a.Node == b.Node && a.Instance == b.Instance
	})
	out := make([]registry.Record, len(rows))
	for i, row := range rows {
		out[i] = registry.Record{
			Mesh: row.Mesh, Node: row.Node,
			Instance: registry.Instance{ID: row.Instance, Address: row.Address, Ports: row.Ports},
		}
	}
	return out, nil
}

// SaveInstances replaces, as a whole, what this replica (Options.Replica) saved about instances; Store is a registry.Saver.
// In PostgreSQL, rows of replicas that have been gone for a day are removed. Error: mesh.Unavailable when the database cannot
// write; then the earlier ones stay.
func (s *Store) SaveInstances(ctx context.Context, all []registry.Record) error {
	if s.replicas != nil {
		return s.saveInstances(ctx, all)
	}
	return s.transact(ctx, "save the instances", func(tx *ent.Tx) error {
		if _, err := tx.Instance.Delete().Exec(ctx); err != nil {
			return err
		}
		creates := make([]*ent.InstanceCreate, len(all))
		for i, r := range all {
			creates[i] = tx.Instance.Create().SetMesh(r.Mesh).SetNode(r.Node).SetInstance(r.Instance.ID).
				SetAddress(r.Instance.Address).SetPorts(portsOf(r))
		}
		for start := 0; start < len(creates); start += batch {
			if err := tx.Instance.CreateBulk(creates[start:min(start+batch, len(creates))]...).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// One statement, so that it is whole or nothing without the lock of the one writer: an instance is shown to proxies when it
// is saved. A row that stays as it is keeps its time unless it is old, so that of two rows of an instance the one that was
// learned later counts. A replica that lives, or did within the hour, has a row in replicas.
const saveInstances = `WITH given AS (
		SELECT * FROM json_to_recordset($2::json) AS g(mesh text, node text, instance text, address text, ports json)
	), gone AS (
		DELETE FROM instances i WHERE i.replica = $1 AND NOT EXISTS (
			SELECT 1 FROM given g WHERE g.mesh = i.mesh AND g.node = i.node AND g.instance = i.instance)
		OR i.replica <> $1 AND i.seen < clock_timestamp() - interval '1 day' AND i.replica NOT IN (SELECT name FROM replicas)
	)
	INSERT INTO instances (replica, mesh, node, instance, address, ports, seen)
	SELECT $1, mesh, node, instance, address, ports, clock_timestamp() FROM given
	ON CONFLICT (replica, mesh, node, instance) DO UPDATE
	SET address = excluded.address, ports = excluded.ports, seen = excluded.seen
	WHERE instances.address <> excluded.address OR instances.ports::text <> excluded.ports::text`

// given is an instance as saveInstances reads it.
type given struct {
	Mesh     string      `json:"mesh"`
	Node     string      `json:"node"`
	Instance string      `json:"instance"`
	Address  string      `json:"address"`
	Ports    map[int]int `json:"ports"`
}

func (s *Store) saveInstances(ctx context.Context, all []registry.Record) error {
	rows := make([]given, len(all))
	for i, k := range all {
		rows[i] = given{k.Mesh, k.Node, k.Instance.ID, k.Instance.Address, portsOf(k)}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, saveInstances, s.replica, string(text))
	return s.explain("save the instances", err)
}

func portsOf(r registry.Record) map[int]int {
	if r.Instance.Ports == nil {
		return map[int]int{}
	}
	return r.Instance.Ports
}
