package postgres

import (
	"database/sql/driver"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// formats are of the types that rows decodes from their binary form; all others come as text.
func formats() pgx.QueryResultFormatsByOID {
	return pgx.QueryResultFormatsByOID{
		pgtype.BoolOID: pgx.BinaryFormatCode, pgtype.ByteaOID: pgx.BinaryFormatCode, pgtype.Int2OID: pgx.BinaryFormatCode,
		pgtype.Int4OID: pgx.BinaryFormatCode, pgtype.Int8OID: pgx.BinaryFormatCode, pgtype.Float4OID: pgx.BinaryFormatCode,
		pgtype.Float8OID: pgx.BinaryFormatCode, pgtype.TimestampOID: pgx.BinaryFormatCode, pgtype.TimestamptzOID: pgx.BinaryFormatCode,
	}
}

// rows are what a query found.
type rows struct {
	found pgx.Rows
	types *pgtype.Map
	done  func()
	more  bool // a row was read that was not given yet
	begun bool
}

// Columns gives their names.
func (r *rows) Columns() []string {
	fields := r.found.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Next gives the next row.
func (r *rows) Next(into []driver.Value) error {
	if r.begun {
		r.more = r.found.Next()
	}
	r.begun = true
	if !r.more {
		if err := r.found.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	fields := r.found.FieldDescriptions()
	for i, raw := range r.found.RawValues() {
		var err error
		if into[i], err = r.decode(fields[i].DataTypeOID, fields[i].Format, raw); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the query.
func (r *rows) Close() error {
	r.found.Close()
	r.done()
	return r.found.Err()
}

// decode gives a value that does not share the connection's buffer.
func (r *rows) decode(oid uint32, format int16, raw []byte) (driver.Value, error) {
	if raw == nil {
		return nil, nil
	}
	switch oid {
	case pgtype.BoolOID:
		return scan[bool](r, oid, format, raw)
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return scan[int64](r, oid, format, raw)
	case pgtype.Float4OID, pgtype.Float8OID:
		return scan[float64](r, oid, format, raw)
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		at, err := scan[time.Time](r, oid, format, raw)
		return at.UTC(), err
	case pgtype.ByteaOID:
		return scan[[]byte](r, oid, format, raw)
	case pgtype.JSONOID, pgtype.JSONBOID:
		return slices.Clone(raw), nil
	}
	return string(raw), nil
}

func scan[T any](r *rows, oid uint32, format int16, raw []byte) (T, error) {
	var v T
	err := r.types.Scan(oid, format, raw, &v)
	return v, err
}
