package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// extendCommand gives a change more time.
func (a *app) extendCommand() *cobra.Command {
	var ask asking
	cmd := &cobra.Command{
		Use: "extend ID TIME", Short: "Give a change that waits for its confirmation more time", Args: cobra.ExactArgs(2),
		Example: "  weir changes extend 1s5k3m9x2q 5m",
		RunE: does(func(ctx context.Context, args []string) error {
			within, err := time.ParseDuration(args[1])
			if err != nil || within < time.Second {
				return misuse("time %q: at least 1s, as in 5m", args[1])
			}
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Extend(ctx, args[0], within, ask.Ask)
				if err != nil {
					return err
				}
				done := answer.Change
				if ask.format != "table" {
					return a.rawChange(ask.format, done)
				}
				_, err = fmt.Fprintf(a.stdout, "%s reverts at %s unless you say: weir changes confirm %s\n", done.ID, done.ConfirmBy.Local().Format(time.DateTime), done.ID)
				return err
			})
		}),
	}
	askFlags(cmd, &ask)
	return cmd
}

// verifyCommand checks the ledger's chain.
func (a *app) verifyCommand() *cobra.Command {
	var meshName string
	var f format
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that nobody altered the ledger", Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				raw, v, err := c.Verify(ctx, meshName)
				if err != nil {
					return err
				}
				if f != "table" {
					err = a.raw(f, raw)
				} else {
					a.tellVerified(v)
				}
				if err == nil && !v.OK {
					err = mesh.Errorf(mesh.Internal, "the ledger is not what was recorded: compare it with an export or a backup")
				}
				return err
			})
		}),
	}
	cmd.Flags().StringVar(&meshName, "mesh", "", "of this mesh only")
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) tellVerified(v client.Verification) {
	for _, m := range v.Meshes {
		state := "sound"
		if !m.OK {
			state = "BROKEN"
		}
		gone := ""
		if m.Deleted {
			gone = " (deleted)"
		}
		fmt.Fprintf(a.stdout, "%s%s: %s, %d entries, %d of them chained\n", printable(m.Mesh), gone, state, m.Entries, m.Chained)
		if m.Unchained > 0 {
			fmt.Fprintf(a.stdout, "  %d entries are from before entries were chained: nothing vouches for them\n", m.Unchained)
		}
		fmt.Fprintf(a.stdout, "  newest %s, hash %s\n", m.Newest, m.Hash)
		for _, b := range m.Broken {
			fmt.Fprintf(a.stdout, "  revision %d, change %s: %s\n", b.Revision, b.ID, printable(b.Message))
		}
	}
}

// exportCommand writes the ledger as JSON lines.
func (a *app) exportCommand() *cobra.Command {
	var meshName, since string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the ledger as JSON lines, oldest first", Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				return c.Export(ctx, meshName, since, a.stdout)
			})
		}),
	}
	cmd.Flags().StringVar(&meshName, "mesh", "", "of this mesh only")
	cmd.Flags().StringVar(&since, "since", "", "entries after this change, or after this moment as in 2026-11-23T00:00:00Z")
	return cmd
}

// undoFields takes back what --take names.
func (a *app) undoFields(ctx context.Context, c *client.Client, id string, take []string, ask asking) (client.Answer, error) {
	byObject := make(map[string][]string)
	for _, each := range take {
		object, field, ok := strings.Cut(each, ":")
		if kind, name, named := strings.Cut(object, "/"); !ok || !named || kind == "" || name == "" {
			return client.Answer{}, misuse("--take %q: write it as KIND/NAME:FIELD, as in route/reviews/primary:targets", each)
		}
		byObject[object] = append(byObject[object], field)
	}
	return c.UndoFields(ctx, id, byObject, ask.Ask)
}

// tellCollisions writes what others touched since, when that is what stands in the way.
func (a *app) tellCollisions(err error) {
	found, ok := errors.AsType[*change.Collisions](err)
	if !ok {
		return
	}
	or := func(s, none string) string {
		if s == "" {
			return none
		}
		return printable(mesh.Shorten(s))
	}
	for _, c := range found.List {
		fmt.Fprintf(a.stdout, "%s is version %d now, by change %s\n", c.Object.Path(), c.Version, c.By)
		for _, f := range c.Fields {
			fmt.Fprintf(a.stdout, "  %s\n    set by the change  %s\n    now                %s\n    before the change  %s\n",
				or(f.Field, "(as a whole)"), or(f.Base, "(none)"), or(f.Theirs, "(none)"), or(f.Yours, "(none)"))
		}
		fmt.Fprintf(a.stdout, "  to take a field back: --take %s:FIELD\n", c.Object.Path())
	}
}
