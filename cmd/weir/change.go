package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// asking is what every changing command takes.
type asking struct {
	client.Ask
	wait   string
	within time.Duration
	format format
}

// askFlags adds the flags of changing commands.
func askFlags(cmd *cobra.Command, into *asking) {
	fs := cmd.Flags()
	fs.StringVar(&into.Reason, "reason", "", "why, for the ledger")
	fs.BoolVar(&into.DryRun, "dry-run", false, "show what would change, change nothing")
	fs.DurationVar(&into.ConfirmWithin, "confirm-within", 0, "revert unless the change is confirmed within this time, as in 60s")
	fs.StringVar(&into.Override, "override", "", "go over the guard rails that stand in the way, and why, for the ledger")
	fs.StringVar(&into.Emergency, "emergency", "", "where a second person is asked for: do not wait, and why, for the ledger (administrators)")
	fs.StringVar(&into.IfMatch, "if-match", "", "the version that was read: refuse when somebody changed the object since")
	fs.StringVar(&into.IdempotencyKey, "idempotency-key", "", "a repeat with the same key changes nothing again")
	waitFlags(cmd, into)
}

// waitFlags adds the flags of commands that can wait for what becomes of a change.
func waitFlags(cmd *cobra.Command, into *asking) {
	fs := cmd.Flags()
	into.wait = "accepted"
	fs.Var(&choice{&into.wait, []string{"accepted", "programmed", "observed"}}, "wait", "what to wait for: accepted, programmed, observed")
	fs.DurationVar(&into.within, "timeout", 30*time.Second, "how long to wait for it")
	formatFlag(cmd, &into.format)
}

// finish tells what became of a change and waits for the truth that was asked for.
func (a *app) finish(ctx context.Context, c *client.Client, ask asking, answer client.Answer) error {
	done := answer.Change
	if done.Waits != nil {
		return a.tellWaiting(ask, done)
	}
	if ask.DryRun {
		return a.tellDry(ask, done)
	}
	if ask.format == "table" {
		a.tellAccepted(answer)
	}
	var late error
	for _, truth := range []string{"programmed", "observed"} {
		if ask.wait == "accepted" || late != nil || (ask.wait == "programmed" && truth == "observed") {
			break
		}
		var err error
		if done, err = c.Await(ctx, done.ID, truth, ask.within); err != nil {
			return &failure{exitWaiting, fmt.Errorf("change %s is accepted, but its progress cannot be read: %w", answer.Change.ID, err)}
		}
		if ask.format == "table" {
			a.tellTruth(truth, done)
		}
		late = lateness(truth, done, ask.within)
	}
	if ask.format != "table" {
		if err := a.rawChange(ask.format, done); err != nil {
			return err
		}
	}
	return late
}

// tellDry shows what would change.
func (a *app) tellDry(ask asking, c change.Change) error {
	if ask.format != "table" {
		return a.rawChange(ask.format, c)
	}
	for _, b := range c.Breaches {
		fmt.Fprintf(a.stdout, "in the way: %s\n", printable(b.Message))
	}
	if c.State == change.Waiting {
		fmt.Fprintf(a.stdout, "mesh %s asks for a second person: it would wait for somebody's approval\n", printable(c.Mesh))
	}
	forecast := planText(c.Plan)
	if forecast != "" {
		forecast += "\n"
	}
	_, err := fmt.Fprintf(a.stdout, "would change: %s\n%s%s", printable(c.Summary), forecast, c.Diff)
	return err
}

func (a *app) rawChange(f format, c change.Change) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the change: %w", err)
	}
	return a.raw(f, data)
}

func (a *app) tellAccepted(answer client.Answer) {
	c := answer.Change
	if answer.Unchanged {
		fmt.Fprintf(a.stdout, "nothing to change: it is so since change %s by %s\n", c.ID, printable(c.Author))
		return
	}
	revision := int64(0)
	if c.Accepted != nil {
		revision = c.Accepted.Revision
	}
	fmt.Fprintf(a.stdout, "accepted %s as revision %d: %s\n", c.ID, revision, printable(c.Summary))
	if c.ApprovedBy != "" {
		fmt.Fprintf(a.stdout, "by %s, approved by %s\n", printable(c.Author), printable(c.ApprovedBy))
	}
	for _, b := range c.Breaches {
		fmt.Fprintf(a.stdout, "went over a guard rail: %s\n", printable(b.Message))
	}
	if c.ConfirmBy != nil && c.State == change.Pending {
		fmt.Fprintf(a.stdout, "it reverts at %s unless you say: weir changes confirm %s\n", c.ConfirmBy.Local().Format(time.TimeOnly), c.ID)
	}
}

// tellTruth writes how far a change got.
func (a *app) tellTruth(truth string, c change.Change) {
	switch {
	case truth == "programmed" && c.Programmed != nil:
		fmt.Fprintln(a.stdout, programmedText(c))
	case truth == "observed" && c.Observed != nil:
		for _, line := range observedText(*c.Observed) {
			fmt.Fprintln(a.stdout, line)
		}
	}
}

// programmedText writes the second truth: "programmed 3/3 in 4 ms".
func programmedText(c change.Change) string {
	p := c.Programmed
	if p.Total == 0 && len(p.Rejected) == 0 {
		return "programmed 0/0: it changes nothing for the proxies that are connected"
	}
	text := fmt.Sprintf("programmed %d/%d", p.Acked, p.Total)
	if p.At != nil && c.Accepted != nil {
		took := p.At.Sub(c.Accepted.At)
		switch {
		case took < time.Second:
			text += fmt.Sprintf(" in %d ms", took.Milliseconds())
		default:
			text += " in " + took.Round(100*time.Millisecond).String()
		}
	}
	return text
}

// observedText writes the third truth, a line for each share.
func observedText(o change.Observed) []string {
	verdict := "cannot tell yet"
	switch {
	case o.Agrees != nil && *o.Agrees:
		verdict = "agrees"
	case o.Agrees != nil:
		verdict = "contradicts the change"
	}
	lines := []string{fmt.Sprintf("observed %d requests (%d failed) in %s: %s", o.Requests, o.Errors, o.Window, verdict)}
	for _, node := range slices.Sorted(maps.Keys(o.Shares)) {
		s := o.Shares[node]
		lines = append(lines, fmt.Sprintf("  %s %.1f %% (95 %%: %.1f to %.1f), wanted %.1f %%", node, s.Got*100, s.Low*100, s.High*100, s.Want*100))
	}
	for _, around := range []struct {
		name string
		r    *change.Reading
	}{{"before", o.Before}, {"after", o.After}} {
		if r := around.r; r != nil {
			lines = append(lines, fmt.Sprintf("  %-6s %d requests in %s, %.2f %% failed, p50 %.0f ms, p95 %.0f ms", around.name, r.Requests, r.Window, r.ErrorRatio*100, r.P50*1000, r.P95*1000))
		}
	}
	if o.Note != "" {
		lines = append(lines, "  "+printable(o.Note))
	}
	return lines
}

// lateness says what is missing from a truth, nil when nothing is.
func lateness(truth string, c change.Change, within time.Duration) error {
	waiting := func(format string, args ...any) error {
		return &failure{exitWaiting, fmt.Errorf("change %s is accepted, but "+format, append([]any{c.ID}, args...)...)}
	}
	if p := c.Programmed; p != nil && len(p.Rejected) > 0 {
		return waiting("refused by %s", refusals(c))
	}
	if !client.Known(c, truth) {
		if truth == "programmed" {
			if c.Programmed == nil {
				return waiting("no proxy has answered after %v: look at weir proxies", within)
			}
			return waiting("programmed on only %d of %d proxies after %v: look at weir proxies", c.Programmed.Acked, c.Programmed.Total, within)
		}
		return waiting("there was not enough traffic to observe it in %v", within)
	}
	if truth == "observed" && c.Observed != nil && c.Observed.Agrees != nil && !*c.Observed.Agrees {
		return waiting("the traffic contradicts it: look at weir changes show %s", c.ID)
	}
	return nil
}

// refusals says who refused a change, and what becomes of it.
func refusals(c change.Change) string {
	var said []string
	caused := false
	for _, r := range c.Programmed.Rejected {
		said = append(said, r.Proxy+": "+r.Message)
		caused = caused || r.Caused
	}
	text := strings.Join(said, "; ")
	switch {
	case c.UndoneBy != "":
		return text + ": it was taken back everywhere, by change " + c.UndoneBy
	case caused && c.Rollout == "" && c.Note == "":
		return text + ": it is taken back by itself, look at weir changes show " + c.ID
	}
	return text + ": those keep their last good configuration; take it back with weir changes undo " + c.ID
}

// changing runs a changing command on one mesh and tells what became of it.
func (a *app) changing(ctx context.Context, meshName string, ask asking, do func(*client.Client, string) (client.Answer, error)) error {
	if ask.ConfirmWithin < 0 || (ask.ConfirmWithin > 0 && ask.ConfirmWithin < time.Second) {
		return misuse("--confirm-within %v: at least 1s", ask.ConfirmWithin)
	}
	return a.onMesh(ctx, meshName, func(c *client.Client, meshName string) error {
		answer, err := do(c, meshName)
		if err != nil {
			return err
		}
		return a.finish(ctx, c, ask, answer)
	})
}

// routeName reads ROUTER/ROUTE.
func routeName(s string) (string, error) {
	router, route, ok := strings.Cut(s, "/")
	if !ok || router == "" || route == "" || strings.Contains(route, "/") {
		return "", misuse("route %q: write it as ROUTER/ROUTE, as in reviews/primary", s)
	}
	return mesh.Route{Router: router, Name: route}.Ref().Name, nil
}
