package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

func (a *app) sourcesCommand() *cobra.Command {
	return a.listCommand("sources", "Show where metrics are read from, and whether it can be relied on",
		func(ctx context.Context, c *client.Client) (json.RawMessage, error) { return c.SourcesRaw(ctx) },
		func(data []byte) ([]string, [][]string, error) { return rowsOf(data, sourceHeader, sourceRow) })
}

func (a *app) targetsCommand() *cobra.Command {
	cmd := a.listCommand("targets", "Show what is scraped, and how that goes",
		func(ctx context.Context, c *client.Client) (json.RawMessage, error) { return c.TargetsRaw(ctx) },
		func(data []byte) ([]string, [][]string, error) { return rowsOf(data, targetHeader, targetRow) })
	cmd.AddCommand(a.checkTargetCommand())
	return cmd
}

// listCommand is a command that shows a list of the server's.
func (a *app) listCommand(
	name, short string, read func(context.Context, *client.Client) (json.RawMessage, error), rows func([]byte) ([]string, [][]string, error),
) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				data, err := read(ctx, c)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, data)
				}
				header, all, err := rows(data)
				if err != nil {
					return err
				}
				return a.table(header, all)
			})
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

// rowsOf makes a table's rows of a list.
func rowsOf[T any](data []byte, header func() []string, cells func(T, time.Time) []string) ([]string, [][]string, error) {
	var page struct{ Items []T }
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	now := time.Now()
	rows := make([][]string, len(page.Items))
	for i, item := range page.Items {
		rows[i] = cells(item, now)
	}
	return header(), rows, nil
}

func sourceHeader() []string {
	return []string{"NAME", "KIND", "STATE", "ANSWERED", "LATENCY", "DIALECTS", "MESHES", "URL", "MESSAGE"}
}

func sourceRow(s query.Source, now time.Time) []string {
	var used []string
	for _, d := range s.Dialects {
		if d.Used {
			used = append(used, d.Dialect)
		}
	}
	return []string{
		s.Name, s.Kind, string(s.State), ago(s.LastSuccess, now), seconds(s.Latency), strings.Join(used, ","),
		cmp.Or(strings.Join(s.Meshes, ","), "all"), s.URL, s.Message,
	}
}

func targetHeader() []string {
	return []string{"JOB", "URL", "MESH", "NODE", "STATE", "SCRAPED", "TOOK", "SAMPLES", "DROPPED", "ERROR"}
}

func targetRow(t query.Target, now time.Time) []string {
	return []string{
		t.Job, t.URL, t.Mesh, t.Node, string(t.State), ago(t.LastScrape, now), seconds(t.Took), strconv.Itoa(t.Samples), strconv.Itoa(t.Dropped), t.Error,
	}
}

// sources looks at where metrics are read from, and at what is scraped.
func (p *patient) sources(ctx context.Context) {
	sources, err := p.client.Sources(ctx)
	p.history("sources", err)
	for _, s := range sources {
		p.judge("source "+s.Name, s.State, s.Message)
	}
	targets, err := p.client.Targets(ctx)
	p.history("targets", err)
	good := 0
	for _, t := range targets {
		if t.State == query.OK {
			good++
			continue
		}
		p.judge("target "+t.URL, t.State, t.Error)
	}
	if good > 0 {
		p.say(fine, "targets", "%d of %d are scraped as they should be", good, len(targets))
	}
}

// history says why a list is not there. A server that keeps no history is as it was started.
func (p *patient) history(what string, err error) {
	switch mesh.CodeOf(err) {
	case "":
	case mesh.Unavailable, mesh.NotFound:
		p.say(note, what, "%w", err)
	default:
		p.say(wrong, what, "%w", err)
	}
}

// judge says how a source or a target is.
func (p *patient) judge(what string, state query.State, why string) {
	switch state {
	case query.OK:
		p.say(fine, what, "answers")
	case query.Idle:
		p.say(note, what, "nothing was asked of it yet")
	case query.Degraded:
		p.say(note, what, "%s", cmp.Or(why, "answers late or partly"))
	default:
		p.say(wrong, what, "%s", cmp.Or(why, "does not answer"))
	}
}
