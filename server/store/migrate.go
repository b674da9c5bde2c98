package store

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
)

// migrate brings the database to the newest schema that this Weir knows and refuses one that a newer Weir wrote.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return s.explain("migrate", err)
	}
	// The logger and the global registry are switched off: both are the process's, not this store's.
	steps, err := goose.NewProvider(goose.DialectSQLite3, s.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return s.explain("migrate", err)
	}
	have, want, err := steps.GetVersions(ctx)
	if err != nil {
		return s.explain("migrate", err)
	}
	if have > want {
		return mesh.Errorf(mesh.Unavailable,
			"the database %s was written by a newer Weir (schema %d, this one knows up to %d): run that version, or restore a backup from before the upgrade",
			filepath.Join(s.dir, databaseFile), have, want)
	}
	done, err := steps.Up(ctx)
	if err != nil {
		return s.explain("migrate", err)
	}
	if len(done) > 0 {
		s.logger.Info("database schema brought up to date", "from", have, "to", want)
	}
	return nil
}
