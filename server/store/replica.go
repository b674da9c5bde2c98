package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/fleet"
	"github.com/weirmesh/weir/server/mesh"
)

var _ fleet.Table = (*replicas)(nil)

// replicas are the rows by which replicas know each other. They have connections of their own, and write single statements
// without the lock of the one writer: neither waits for the other. What is lost in a crash of the server is written again
// within a second, so nothing waits for its disk either. Time is the database's.
type replicas struct {
	engine engine
	db     *sql.DB
}

const (
	// A row of this ID belongs to one process, so its numbers only grow. No document: the row keeps the one it has.
	saveReplica = `INSERT INTO replicas (id, name, version, started, at, state_seq, state)
		VALUES ($1, $2, $3, $4, clock_timestamp(), CASE WHEN $6::bytea IS NULL THEN 0 ELSE $5::bigint END, $6::bytea)
		ON CONFLICT (id) DO UPDATE SET at = clock_timestamp(),
			state_seq = CASE WHEN excluded.state IS NULL THEN replicas.state_seq ELSE excluded.state_seq END,
			state = coalesce(excluded.state, replicas.state)
		RETURNING clock_timestamp()`
	saveCounts   = `UPDATE replicas SET counts_seq = $2, counts = $3 WHERE id = $1`
	listReplicas = `SELECT id, name, version, started, state_seq, counts_seq,
		extract(epoch FROM clock_timestamp() - at)::double precision FROM replicas ORDER BY name, id`
	readState    = `SELECT state_seq, state FROM replicas WHERE id = $1`
	readCounts   = `SELECT counts_seq, counts FROM replicas WHERE id = $1`
	dropReplicas = `DELETE FROM replicas WHERE id = $1 OR at < clock_timestamp() - make_interval(secs => $2)`
)

// Replicas is where replicas tell each other what they know; nil with SQLite, where there is one process.
func (s *Store) Replicas() fleet.Table {
	if s.replicas == nil {
		return nil
	}
	return s.replicas
}

// SaveReplica writes a replica's row. Its error is a mesh.Unavailable.
func (r *replicas) SaveReplica(ctx context.Context, row fleet.Row) (now time.Time, err error) {
	err = r.db.QueryRowContext(ctx, saveReplica, row.ID, row.Name, row.Version, row.Started.UTC(), row.StateSeq, row.State).Scan(&now)
	return now, explain(r.engine, "tell the other replicas that this one runs", err)
}

// SaveCounts replaces a replica's counts.
func (r *replicas) SaveCounts(ctx context.Context, id string, seq int64, counts []byte) error {
	_, err := r.db.ExecContext(ctx, saveCounts, id, seq, counts)
	return explain(r.engine, "tell the other replicas what was counted", err)
}

// Replicas lists the rows, sorted by name, without their documents.
func (r *replicas) Replicas(ctx context.Context) ([]fleet.Row, error) {
	const doing = "look for the other replicas"
	rows, err := r.db.QueryContext(ctx, listReplicas)
	if err != nil {
		return nil, explain(r.engine, doing, err)
	}
	defer rows.Close()
	var list []fleet.Row
	for rows.Next() {
		var row fleet.Row
		var age float64
		if err := rows.Scan(&row.ID, &row.Name, &row.Version, &row.Started, &row.StateSeq, &row.CountsSeq, &age); err != nil {
			return nil, explain(r.engine, doing, err)
		}
		row.Age = max(time.Duration(age*float64(time.Second)), 0)
		list = append(list, row)
	}
	return list, explain(r.engine, doing, rows.Err())
}

// Document reads one document of a row with its number.
func (r *replicas) Document(ctx context.Context, id string, counts bool) (seq int64, document []byte, err error) {
	query := readState
	if counts {
		query = readCounts
	}
	err = r.db.QueryRowContext(ctx, query, id).Scan(&seq, &document)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, mesh.Errorf(mesh.NotFound, "replica %s has gone", id)
	}
	return seq, document, explain(r.engine, "read what another replica tells", err)
}

// DropReplicas removes one row, and those that were not written for as long as stale.
func (r *replicas) DropReplicas(ctx context.Context, id string, stale time.Duration) error {
	_, err := r.db.ExecContext(ctx, dropReplicas, id, stale.Seconds())
	return explain(r.engine, "remove replicas that have gone", err)
}

func (r *replicas) close() error { return r.db.Close() }
