package store

import (
	"context"
	"errors"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/weirmesh/weir/server/mesh"
)

// explain turns what the database answered into an error for a person. An error that already is one stays as it is.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*mesh.Error](err); ok {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return mesh.Errorf(mesh.Unavailable, "%s: gave up waiting for the database: %w", doing, err)
	}
	path := filepath.Join(s.dir, databaseFile)
	reason, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return mesh.Errorf(mesh.Internal, "%s: the database %s failed: %w", doing, path, err)
	}
	switch reason.Code() & 0xff { // the rest is the extended code
	case sqlite3.SQLITE_FULL:
		return mesh.Errorf(mesh.Unavailable, "%s: the disk that holds %s is full: nothing was recorded; make room and try again: %w", doing, path, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return s.damaged(err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return mesh.Errorf(mesh.Unavailable, "%s: the database %s cannot be read or written: check its disk and its permissions: %w", doing, path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return mesh.Errorf(mesh.Unavailable, "%s: the database %s is held by another program: close it and try again: %w", doing, path, err)
	}
	return mesh.Errorf(mesh.Internal, "%s: the database %s failed: %w", doing, path, err)
}

func (s *Store) damaged(err error) error {
	return mesh.Errorf(mesh.Unavailable,
		"the database %s is damaged and was left as it is: restore the file from a backup, or move it away to begin with an empty mesh: %w",
		filepath.Join(s.dir, databaseFile), err)
}
