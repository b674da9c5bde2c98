package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/store"
)

// database says which one is meant.
type database struct {
	data, url string
}

func (d *database) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.data, "data", "./weir-data", "the server's data directory")
	cmd.Flags().StringVar(&d.url, "database-url", "", "the PostgreSQL database that replicas share, instead of one in the data directory (default $WEIR_DATABASE_URL)")
}

func (d *database) options(a *app, cmd *cobra.Command) (store.Options, error) {
	o := store.Options{Dir: d.data, DatabaseURL: d.url, Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if o.DatabaseURL == "" && !cmd.Flags().Changed("data") {
		o.DatabaseURL = a.getenv("WEIR_DATABASE_URL")
	}
	if o.DatabaseURL != "" && cmd.Flags().Changed("data") {
		return o, misuse("--data and --database-url are of two databases: give one")
	}
	if o.DatabaseURL != "" {
		o.Dir = ""
	}
	return o, nil
}

const backupAbout = `Writes all that the database holds for good to FILE, as of one moment, while the server runs or not. The file is read back,
restored into a scratch database and checked before it appears under its name; then so is the ledger's chain of hashes.

In it: meshes, the ledger, rollouts, events, drafts, views, proposals, people with their password hashes, tokens (hashed) and
access keys (sealed). KEEP IT AS YOU KEEP THE DATABASE: it is made for its owner alone.

Not in it: sessions (everybody signs in again), the history of metrics (metrics/ in the data directory), the configuration
file, and the key that seals access keys and certificates' keys (secret.key in the data directory, or keyFile). Without that key
they are useless: back it up APART from this file, once.`

func (a *app) backupCommand() *cobra.Command {
	var from database
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a file, beside a running server; --verify checks such a file",
		Long:  backupAbout,
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return fail(func(ctx context.Context) error {
			if check {
				audit, err := store.Check(ctx, args[0])
				if err != nil {
					return err
				}
				return a.tellAudit(audit, asJSON, "%s is whole", args[0])
			}
			o, err := from.options(a, cmd)
			if err != nil {
				return err
			}
			audit, err := store.Export(ctx, o, args[0], version())
			if err != nil {
				return err
			}
			if !asJSON {
				defer fmt.Fprintln(a.stdout, a.keyAdvice(o.Dir))
			}
			return a.tellAudit(audit, asJSON, "%s is written and checked", args[0])
		}(cmd.Context()))
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&check, "verify", false, "write nothing: check that FILE is whole and can be restored")
	cmd.Flags().BoolVar(&asJSON, "json", false, "say it as JSON")
	return cmd
}

// keyAdvice names what the file does not have and cannot do without.
func (a *app) keyAdvice(dir string) string {
	where := "keyFile in the configuration"
	if dir != "" {
		where = filepath.Join(dir, people.KeyFile) + ", or " + where
	}
	return "The key that opens access keys and certificates' keys is NOT in it (" + where + "): keep a copy of it elsewhere."
}

func (a *app) restoreCommand() *cobra.Command {
	var to database
	var replace, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory or a PostgreSQL database from a backup",
		Long: `Makes the database anew from what weir backup wrote, of SQLite or of PostgreSQL, whichever it came from: this is also how an
installation moves to replicas. Stop every Weir on the target first. It is restored as a whole or not at all: a damaged file,
one of a newer Weir, and a target that is not empty are refused.

Put the key (secret.key, or keyFile) of the installation that was backed up in its place before you start the server.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return fail(func(ctx context.Context) error {
			o, err := to.options(a, cmd)
			if err != nil {
				return err
			}
			audit, err := store.Import(ctx, o, args[0], replace)
			if err != nil {
				return err
			}
			if !asJSON {
				defer fmt.Fprintln(a.stdout, "Put the key of the installation that was backed up (secret.key, or keyFile) in its place before you start the server; people sign in again.")
			}
			return a.tellAudit(audit, asJSON, "%s is restored", args[0])
		}(cmd.Context()))
	}
	to.add(cmd)
	cmd.Flags().BoolVar(&replace, "replace", false, "restore over what is there: a data directory keeps its database under another name, PostgreSQL's rows are deleted")
	cmd.Flags().BoolVar(&asJSON, "json", false, "say it as JSON")
	return cmd
}

// tellAudit says what a backup holds, and fails when a ledger in it was altered before it was backed up.
func (a *app) tellAudit(audit store.Audit, asJSON bool, format string, args ...any) error {
	m := audit.Manifest
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(audit); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, format+": %d rows of %d tables as of %s, by Weir %s from %s (schema %s).\n",
			append(args, audit.Rows(), len(m.Tables), m.At.UTC().Format("2006-01-02 15:04:05 UTC"), m.Weir, m.Dialect, m.Schema)...)
		ledgers(a.stdout, audit)
	}
	if broken := audit.Broken(); len(broken) > 0 {
		return &failure{exitFailed, fmt.Errorf("the file is as the database was, but the ledger of %s was altered there before: see weir changes verify", strings.Join(broken, ", "))}
	}
	return nil
}

func ledgers(w io.Writer, audit store.Audit) {
	for _, l := range audit.Ledgers {
		said := "sound"
		if !l.OK {
			said = "ALTERED: " + l.Broken[0].Message
		}
		fmt.Fprintf(w, "  ledger of %s: %d entries, %s\n", l.Mesh, l.Entries, said)
	}
}
