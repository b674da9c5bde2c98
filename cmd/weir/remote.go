package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

// defaultURL is where weir serve listens unless it is told otherwise.
const defaultURL = "http://127.0.0.1:8080"

// client makes the client for the server that flags and environment name.
func (a *app) client() (*client.Client, error) {
	author := ""
	if u, err := user.Current(); err == nil {
		author = u.Username
	}
	var ca []byte
	if file := cmp.Or(a.ca, a.getenv("WEIR_CA")); file != "" {
		var err error
		if ca, err = readProof("--ca or WEIR_CA", file); err != nil {
			return nil, err
		}
	}
	return client.New(client.Options{
		CA:    ca,
		URL:   cmp.Or(a.url, a.getenv("WEIR_URL"), defaultURL),
		Token: cmp.Or(a.token, a.getenv("WEIR_TOKEN")), Author: author,
	})
}

// meshOf gives the mesh that a command is about: the flag's, or the only one there is.
func meshOf(ctx context.Context, c *client.Client, flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	names, err := c.Meshes(ctx)
	if err != nil {
		return "", err
	}
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", mesh.Errorf(mesh.NotFound, "%s has no mesh yet: make one with weir apply -f FILE", c.URL())
	default:
		slices.Sort(names)
		return "", misuse("there are several meshes: choose one with --mesh, of %s", strings.Join(names, ", "))
	}
}

// with runs a command with a client.
func (a *app) with(ctx context.Context, do func(context.Context, *client.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// onMesh runs a command with a client and the mesh that it is about.
func (a *app) onMesh(ctx context.Context, flag string, do func(c *client.Client, meshName string) error) error {
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		meshName, err := meshOf(ctx, c, flag)
		if err != nil {
			return err
		}
		return do(c, meshName)
	})
}

// meshFlag adds --mesh.
func meshFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVarP(into, "mesh", "m", "", "the mesh (default: the only one)")
}

// format is how a reading command writes.
type format string

// formatFlag adds -o.
func formatFlag(cmd *cobra.Command, into *format, all ...string) {
	words := append([]string{"table", "json", "yaml"}, all...)
	*into = "table"
	cmd.Flags().VarP(&choice{(*string)(into), words}, "output", "o", "how to write: "+strings.Join(words, ", "))
}

// choice is a flag that takes one of some words.
type choice struct {
	value *string
	words []string
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "word" }

// Set refuses other words.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("it is one of %s", strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// raw writes what a server answered as JSON or YAML.
func (a *app) raw(f format, data json.RawMessage) error {
	if f == "yaml" {
		out, err := yaml.JSONToYAML(data)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = a.stdout.Write(out)
		return err
	}
	var indented any = data
	out, err := json.MarshalIndent(indented, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = a.stdout.Write(append(out, '\n'))
	return err
}

// table writes rows under a header, in columns.
func (a *app) table(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = cmp.Or(printable(row[i]), "-")
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// printable keeps what others named from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '·'
		}
		return r
	}, s)
}

// ago writes a moment as people read it in a list.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch {
	case d < 0:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
