package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) applyCommand() *cobra.Command {
	var meshName, file string
	var ask asking
	cmd := &cobra.Command{
		Use:   "apply -f FILE|-",
		Short: "Create or replace what a definition says, in one change",
		Long: "Create or replace what a definition says, in one change. What it does not name stays. " +
			"A mesh that does not exist is created.",
		Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			data, err := a.read(file)
			if err != nil {
				return err
			}
			if _, err := definition.Decode(data); err != nil { // before anything goes over the network
				return fmt.Errorf("%s: %w", file, err)
			}
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Apply(ctx, meshName, data, ask.Ask)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				return a.finish(ctx, c, ask, answer)
			})
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the definition's file, - for standard input")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err) // the flag was added on the line before
	}
	meshFlag(cmd, &meshName)
	askFlags(cmd, &ask)
	return cmd
}

// read gives a file, or standard input, up to what a definition may have.
func (a *app) read(file string) ([]byte, error) {
	from := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, misuse("-f %s: there is no such file", file)
		}
		if err != nil {
			return nil, misuse("-f: %w", err)
		}
		defer f.Close()
		from = f
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(from, definition.Limit+1)); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if b.Len() > definition.Limit {
		return nil, mesh.Errorf(mesh.Invalid, "%s: it has more than 1 MiB, which is what is read: split it into several files", file)
	}
	return b.Bytes(), nil
}
