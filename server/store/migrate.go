package store

import (
	"context"
	"database/sql"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"github.com/weirmesh/weir/server/mesh"
)

// migration brings a database to the newest schema that this Weir knows and refuses one that a newer Weir wrote.
type migration struct {
	db      *sql.DB
	dialect goose.Dialect
	files   fs.FS
	name    string // of the database, for people
	logger  *slog.Logger
}

func (m migration) up(ctx context.Context) error {
	// The logger and the global registry are switched off: both are the process's, not this store's.
	steps, err := goose.NewProvider(m.dialect, m.db, m.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, want, err := steps.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return mesh.Errorf(mesh.Unavailable,
			"%s was written by a newer Weir (schema %d, this one knows up to %d): run that version, or restore a backup from before the upgrade",
			m.name, have, want)
	}
	done, err := steps.Up(ctx)
	if err != nil {
		return err
	}
	if len(done) > 0 {
		m.logger.Info("database schema brought up to date", "from", have, "to", want)
	}
	return nil
}
