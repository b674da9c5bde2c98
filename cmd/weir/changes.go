package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
)

func (a *app) changesCommand() *cobra.Command {
	var q change.Query
	var state string
	var f format
	list := func(ctx context.Context, _ []string) error {
		q.State = change.State(state)
		return a.listChanges(ctx, q, f)
	}
	flags := func(cmd *cobra.Command) {
		meshFlag(cmd, &q.Mesh)
		cmd.Flags().IntVar(&q.Limit, "limit", 20, "how many, at most 500")
		states := []string{"", "pending", "kept", "reverted", "undone", "superseded"}
		cmd.Flags().Var(&choice{&state, states}, "state", "only those: "+strings.Join(states[1:], ", "))
		formatFlag(cmd, &f)
	}
	root := &cobra.Command{Use: "changes", Short: "The ledger: who changed what, when, why, and what came of it", Args: cobra.NoArgs, RunE: does(list)}
	flags(root)
	all := &cobra.Command{Use: "list", Short: "List changes, newest first", Args: cobra.NoArgs, RunE: does(list)}
	flags(all)
	root.AddCommand(all, a.showCommand(),
		a.extendCommand(), a.verifyCommand(), a.exportCommand(),
		a.verbCommand("confirm", "Keep a change that would revert at its deadline"),
		a.verbCommand("revert", "Take back a change that waits for its confirmation"),
		a.verbCommand("undo", "Take a change back by a new one"))
	return root
}

func (a *app) listChanges(ctx context.Context, q change.Query, f format) error {
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		raw, changes, err := c.Changes(ctx, q)
		if err != nil {
			return err
		}
		if f != "table" {
			return a.raw(f, raw)
		}
		rows := make([][]string, len(changes))
		for i, ch := range changes {
			programmed, observed := "", ""
			if p := ch.Programmed; p != nil {
				programmed = fmt.Sprintf("%d/%d", p.Acked, p.Total)
				if len(p.Rejected) > 0 {
					programmed += fmt.Sprintf(" (%d refused)", len(p.Rejected))
				}
			}
			if o := ch.Observed; o != nil && o.Agrees != nil {
				observed = map[bool]string{true: "agrees", false: "contradicts"}[*o.Agrees]
			}
			rows[i] = []string{ch.ID, ch.At.Local().Format(time.DateTime), ch.Mesh, ch.Author, string(ch.State), programmed, observed, ch.Reason, ch.Summary}
		}
		return a.table([]string{"ID", "AT", "MESH", "AUTHOR", "STATE", "PROGRAMMED", "OBSERVED", "WHY", "WHAT"}, rows)
	})
}

func (a *app) showCommand() *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a change and its three truths", Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				raw, ch, err := c.Change(ctx, args[0])
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, raw)
				}
				_, err = fmt.Fprint(a.stdout, changeText(ch))
				return err
			})
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

// changeText writes a change for a person.
func changeText(c change.Change) string {
	var b strings.Builder
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-11s %s\n", name, printable(text))
		}
	}
	line("change", c.ID)
	line("what", c.Summary)
	line("who", c.Author)
	line("approved by", c.ApprovedBy)
	line("why", c.Reason)
	line("state", string(c.State))
	if c.ConfirmBy != nil {
		line("reverts at", c.ConfirmBy.Local().Format(time.DateTime))
	}
	line("undoes", c.Undoes)
	line("undone by", c.UndoneBy)
	line("note", c.Note)
	line("override", c.Override)
	for _, breach := range c.Breaches {
		line("  went over", breach.Message)
	}
	if c.Accepted != nil {
		line("accepted", fmt.Sprintf("revision %d of mesh %s at %s", c.Accepted.Revision, c.Mesh, c.Accepted.At.Local().Format(time.DateTime)))
	}
	if c.Programmed != nil {
		line("programmed", strings.TrimPrefix(programmedText(c), "programmed "))
		for _, r := range c.Programmed.Rejected {
			line("  refused", r.Proxy+": "+r.Message)
		}
	}
	if c.Observed != nil {
		for i, text := range observedText(*c.Observed) {
			name := ""
			if i == 0 {
				name, text = "observed", strings.TrimPrefix(text, "observed ")
			}
			line(name, text)
		}
	}
	for i, m := range c.Timeline {
		name := ""
		if i == 0 {
			name = "moments"
		}
		line(name, m.At.Local().Format("15:04:05.000")+" "+strings.TrimSpace(m.What+" "+m.Text))
	}
	line("hash", c.Hash)
	if c.Plan != nil && len(c.Plan.Shifts) > 0 {
		b.WriteString("\n" + columns(shiftHeader(c.Plan.Shifts), shiftRows(c.Plan.Shifts)) + "\n")
	}
	b.WriteString(c.Diff)
	return b.String()
}

// verbCommand is one of the verbs on a change.
func (a *app) verbCommand(verb, short string) *cobra.Command {
	var ask asking
	var take []string
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				var answer client.Answer
				var err error
				if len(take) == 0 {
					answer, err = c.Verb(ctx, verb, args[0], ask.Ask)
				} else {
					answer, err = a.undoFields(ctx, c, args[0], take, ask)
				}
				if err != nil {
					a.tellCollisions(err)
					return err
				}
				if verb == "confirm" && ask.format == "table" {
					_, err := fmt.Fprintf(a.stdout, "kept %s: %s\n", answer.Change.ID, printable(answer.Change.Summary))
					return err
				}
				return a.finish(ctx, c, ask, answer)
			})
		}),
	}
	askFlags(cmd, &ask)
	if verb == "undo" {
		cmd.Flags().StringArrayVar(&take, "take", nil, "when others touched an object since: a field of it that gets its value from before the change, as in route/reviews/primary:targets")
	}
	return cmd
}
