package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/timeline"
)

// showDifference asks what is different between two moments and writes it: the edges that differ, and what was changed.
func (a *app) showDifference(ctx context.Context, c *client.Client, meshName string, ask graphAsk) error {
	data, err := c.DiffRaw(ctx, meshName, ask.since, ask.At, ask.Window)
	if err != nil {
		return err
	}
	if ask.format != "table" {
		return a.raw(ask.format, data)
	}
	var d timeline.Comparison
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return a.difference(d)
}

// difference writes a comparison for people.
func (a *app) difference(d timeline.Comparison) error {
	a.lacking(d.Partial, d.Notes)
	if len(d.Edges) == 0 {
		fmt.Fprintf(a.stdout, "no edge differs between %s and %s\n", moment(d.From), moment(d.To))
	} else {
		rows := make([][]string, len(d.Edges))
		for i, e := range d.Edges {
			rows[i] = []string{
				e.From, e.To, presence(e.Presence),
				step(e, func(r graph.Reading) string { return fmt.Sprintf("%.1f/s", r.RequestRate) }),
				step(e, func(r graph.Reading) string { return fmt.Sprintf("%.1f %%", r.ErrorRatio*100) }),
				step(e, func(r graph.Reading) string { return seconds(r.P95) }),
				step(e, func(r graph.Reading) string { return string(r.Health) }),
				strings.Join(e.After.Why, "; "),
			}
		}
		if err := a.table([]string{"FROM", "TO", "WHAT", "RATE", "ERRORS", "P95", "HEALTH", "WHY"}, rows); err != nil {
			return err
		}
	}
	if len(d.Changes) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	rows := make([][]string, len(d.Changes))
	for i, one := range d.Changes {
		rows[i] = []string{one.ID, moment(one.At), one.Author, string(one.State), one.Summary}
	}
	return a.table([]string{"CHANGE", "AT", "AUTHOR", "STATE", "SUMMARY"}, rows)
}

// presence says in which of the pictures an edge is.
func presence(p graph.Presence) string {
	if p == graph.Both {
		return "differs"
	}
	return string(p)
}

// step writes one number of both sides of a difference, or of the side that there is.
func step(e graph.EdgeDelta, of func(graph.Reading) string) string {
	before, after := of(e.Before), of(e.After)
	switch {
	case e.Presence == graph.Appeared:
		return after
	case e.Presence == graph.Vanished:
		return before
	case before == after:
		return after
	}
	return or(before, "-") + " → " + or(after, "-")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// moment writes a moment in this machine's time.
func moment(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

// lacking says on stderr what an answer lacks.
func (a *app) lacking(partial bool, notes []string) {
	if partial && len(notes) == 0 {
		fmt.Fprintln(a.stderr, "weir: not everything could be read")
	}
	for _, note := range notes {
		fmt.Fprintf(a.stderr, "weir: %s\n", printable(note))
	}
}
