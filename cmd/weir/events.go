package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/journal"
)

func (a *app) eventsCommand() *cobra.Command {
	var ask client.EventAsk
	var kinds []string
	var follow bool
	var f format
	words := make([]string, len(journal.Kinds()))
	for i, k := range journal.Kinds() {
		words[i] = string(k)
	}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened: changes, rollouts, verdicts, refusals, proxies, turns of health, guard rails",
		Long: "Show what happened, newest first. With --follow the newest come in the order of time, and what happens after that\n" +
			"as it happens, until Ctrl-C; a lost connection is made again, and nothing is left out or told twice. With -o json\n" +
			"every event that is followed is one line.",
		Example: "  weir events --kind rollout,verdict --follow\n  weir events --follow -o json | jq -r .text",
		Args:    cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			ask.Kinds = strings.Join(kinds, ",")
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				if follow {
					return a.followEvents(ctx, c, ask, f)
				}
				return a.listEvents(ctx, c, ask, f)
			})
		}),
	}
	meshFlag(cmd, &ask.Mesh)
	fs := cmd.Flags()
	fs.Lookup("mesh").Usage = "of this mesh only (default: of all)"
	fs.StringSliceVar(&kinds, "kind", nil, "only those: "+strings.Join(words, ", "))
	fs.StringVar(&ask.Subject, "subject", "", "about this only: route/reviews/primary, service/reviews, a proxy")
	fs.StringVar(&ask.After, "after", "", "only what happened after the event with this ID, the oldest first")
	fs.IntVar(&ask.Limit, "limit", 30, "how many, at most 1000")
	fs.BoolVarP(&follow, "follow", "f", false, "go on with what happens")
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) listEvents(ctx context.Context, c *client.Client, ask client.EventAsk, f format) error {
	raw, list, err := c.Events(ctx, ask)
	if err != nil {
		return err
	}
	if f != "table" {
		return a.raw(f, raw)
	}
	rows := make([][]string, len(list))
	for i, e := range list {
		rows[i] = []string{strconv.FormatInt(e.ID, 10), e.At.Local().Format(time.DateTime), e.Mesh, string(e.Kind), string(e.Severity), eventText(e)}
	}
	return a.table([]string{"ID", "AT", "MESH", "KIND", "SEVERITY", "WHAT"}, rows)
}

// followEvents writes the newest events and then what happens, line by line.
func (a *app) followEvents(ctx context.Context, c *client.Client, ask client.EventAsk, f format) error {
	if f == "yaml" {
		return misuse("--follow writes a table or, with -o json, a line for each event")
	}
	if ask.Limit < 1 || ask.Limit > 1000 {
		return misuse("--limit %d: from 1 to 1000", ask.Limit)
	}
	if ask.After == "" {
		_, list, err := c.Events(ctx, ask)
		if err != nil {
			return err
		}
		slices.Reverse(list)
		for _, e := range list {
			if err := a.eventLine(e, f); err != nil {
				return err
			}
			ask.After = strconv.FormatInt(e.ID, 10)
		}
		ask.After = cmp.Or(ask.After, "0")
	}
	return c.Follow(ctx, ask, client.Follower{
		Event:  func(e journal.Event) error { return a.eventLine(e, f) },
		Notice: func(said string) { fmt.Fprintf(a.stderr, "weir: %s\n", said) },
	})
}

func (a *app) eventLine(e journal.Event, f format) error {
	if f == "json" {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		_, err = fmt.Fprintf(a.stdout, "%s\n", data)
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %-8s %-8s  %s  %s\n", e.At.Local().Format(time.DateTime), e.Severity, e.Kind, printable(cmp.Or(e.Mesh, "-")), eventText(e))
	return err
}

// eventText is an event in a line.
func eventText(e journal.Event) string {
	text := e.Text
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	return printable(text)
}
