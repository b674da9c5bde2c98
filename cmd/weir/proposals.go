package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// proposalsCommand lists what waits for a second person, or shows one of them.
func (a *app) proposalsCommand() *cobra.Command {
	var meshName, state string
	var f format
	cmd := &cobra.Command{
		Use: "proposals [ID]", Short: "What waits for a second person: list it, or show one proposal with its diff", Args: cobra.MaximumNArgs(1),
		Example: "  weir proposals\n  weir proposals 1s5k3m9x2q\n  weir proposals --state all",
		RunE: does(func(ctx context.Context, args []string) error {
			if len(args) == 1 {
				return a.showProposal(ctx, meshName, args[0], f)
			}
			return a.onMesh(ctx, meshName, func(c *client.Client, meshName string) error {
				return a.listProposals(ctx, c, meshName, change.ApprovalState(strings.TrimPrefix(state, "all")), f)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	state = string(change.ApprovalWaiting)
	states := []string{"waiting", "approved", "declined", "withdrawn", "expired", "all"}
	cmd.Flags().Var(&choice{&state, states}, "state", "only those: "+strings.Join(states, ", "))
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) listProposals(ctx context.Context, c *client.Client, meshName string, state change.ApprovalState, f format) error {
	raw, list, err := c.Proposals(ctx, meshName, state)
	if err != nil {
		return err
	}
	if f != "table" {
		return a.raw(f, raw)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(a.stdout, "nothing of mesh %s waits for a second person\n", printable(meshName))
		if state != change.ApprovalWaiting {
			_, err = fmt.Fprintf(a.stdout, "mesh %s has no such proposals\n", printable(meshName))
		}
		return err
	}
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.ID, p.At.Local().Format(time.DateTime), p.Author, string(p.State), p.DecidedBy, p.Expires.Local().Format(time.DateTime), p.Reason, p.Summary}
	}
	return a.table([]string{"ID", "AT", "AUTHOR", "STATE", "BY", "EXPIRES", "WHY", "WHAT"}, rows)
}

// onProposal does something with a proposal, in whichever mesh it is.
func (a *app) onProposal(ctx context.Context, meshName, id string, do func(c *client.Client, p change.Approval) error) error {
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		names := []string{meshName}
		if meshName == "" {
			var err error
			if names, err = c.Meshes(ctx); err != nil {
				return err
			}
		}
		for _, name := range names {
			_, p, err := c.Proposal(ctx, name, id)
			if mesh.CodeOf(err) == mesh.NotFound && meshName == "" {
				continue
			}
			if err != nil {
				return err
			}
			return do(c, p)
		}
		return mesh.Errorf(mesh.NotFound, "there is no proposal %q: weir proposals lists those that wait", mesh.Shorten(id))
	})
}

func (a *app) showProposal(ctx context.Context, meshName, id string, f format) error {
	return a.onProposal(ctx, meshName, id, func(c *client.Client, p change.Approval) error {
		if f != "table" {
			raw, _, err := c.Proposal(ctx, p.Mesh, p.ID)
			if err != nil {
				return err
			}
			return a.raw(f, raw)
		}
		_, err := fmt.Fprint(a.stdout, proposalText(p))
		return err
	})
}

// proposalText writes a proposal for people.
func proposalText(p change.Approval) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name, printable(value))
		}
	}
	line("proposal", p.ID)
	line("mesh", p.Mesh)
	line("what", p.Summary)
	line("who", p.Author)
	line("why", p.Reason)
	line("state", string(p.State))
	line("expires", p.Expires.Local().Format(time.DateTime))
	line("keep within", p.ConfirmWithin)
	line("override", p.Override)
	line("undoes", p.Undoes)
	line("decided by", p.DecidedBy)
	line("because", p.Note)
	line("change", p.Change)
	b.WriteString(p.Diff)
	return b.String()
}

// approveCommand makes a change that somebody else proposed.
func (a *app) approveCommand() *cobra.Command {
	var ask asking
	var meshName string
	cmd := &cobra.Command{
		Use: "approve ID", Short: "Make a change that somebody else proposed", Args: cobra.ExactArgs(1),
		Long: "Make a change that somebody else proposed on a mesh that asks for a second person.\n\nEvery check is made anew at this moment. Nobody approves what they proposed themselves.",
		RunE: does(func(ctx context.Context, args []string) error {
			return a.onProposal(ctx, meshName, args[0], func(c *client.Client, p change.Approval) error {
				answer, err := c.Approve(ctx, p.Mesh, p.ID, ask.Ask)
				if err != nil {
					return err
				}
				return a.finish(ctx, c, ask, answer)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	cmd.Flags().BoolVar(&ask.DryRun, "dry-run", false, "show what would change, change nothing")
	waitFlags(cmd, &ask)
	return cmd
}

// closeCommand declines a proposal or withdraws it.
func (a *app) closeCommand(verb, short string) *cobra.Command {
	var meshName, reason string
	var f format
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			if verb == "decline" && strings.TrimSpace(reason) == "" {
				return misuse(`say why, as in --reason "not before Monday"`)
			}
			return a.onProposal(ctx, meshName, args[0], func(c *client.Client, p change.Approval) error {
				raw, p, err := c.Decide(ctx, p.Mesh, p.ID, verb, reason)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, raw)
				}
				_, err = fmt.Fprintf(a.stdout, "%s %s: %s\n", p.State, p.ID, printable(p.Summary))
				return err
			})
		}),
	}
	meshFlag(cmd, &meshName)
	if verb == "decline" {
		cmd.Flags().StringVar(&reason, "reason", "", "why; whoever proposed it reads it")
	}
	formatFlag(cmd, &f)
	return cmd
}

// tellWaiting says that a change waits for a second person, and what that person types. Whoever goes by exit codes is told
// that nothing is in effect.
func (a *app) tellWaiting(ask asking, c change.Change) error {
	p := *c.Waits
	if ask.format != "table" {
		if err := a.rawChange(ask.format, c); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "proposed %s: %s\n", p.ID, printable(p.Summary))
		fmt.Fprintf(a.stdout, "mesh %s asks for a second person: nothing was changed yet\n", printable(p.Mesh))
		fmt.Fprintf(a.stdout, "until %s somebody else who may make this change types: weir approve %s\n", p.Expires.Local().Format(time.DateTime), p.ID)
	}
	return &failure{exitWaiting, fmt.Errorf("proposal %s waits for a second person", p.ID)}
}
