package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/canary"
)

func (a *app) canaryStatus() *cobra.Command {
	var meshName string
	var follow bool
	var f format
	cmd := &cobra.Command{
		Use:   "status [ID|ROUTER/ROUTE|SPLIT]",
		Short: "Show how far a rollout is, what the evidence says, and why it is where it is",
		Long:  "Show how far a rollout is, what the evidence says, and why it is where it is. Without a name: the active rollouts, one after the other.",
		Args:  cobra.MaximumNArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				if follow {
					return misuse("name the rollout to follow: by its ID, or by its route as ROUTER/ROUTE")
				}
				return a.activeRollouts(ctx, meshName, f)
			}
			return a.onRollout(ctx, meshName, args[0], func(c *client.Client, l looked) error {
				if follow {
					return a.follow(ctx, c, l, f)
				}
				if f != "table" {
					return a.raw(f, l.raw)
				}
				_, err := fmt.Fprint(a.stdout, rolloutText(l.Rollout, time.Now()))
				return err
			})
		}),
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until the rollout is over or Ctrl-C: a line for every turn and every window")
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	return cmd
}

// activeRollouts shows each rollout that holds its route.
func (a *app) activeRollouts(ctx context.Context, meshName string, f format) error {
	return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
		raw, list, err := c.Canaries(ctx, canary.Query{Mesh: name, Active: true})
		if err != nil {
			return err
		}
		if f != "table" {
			return a.raw(f, raw)
		}
		if len(list) == 0 {
			_, err := fmt.Fprintf(a.stdout, "no rollout is under way in mesh %s: begin one with weir canary start ROUTER/ROUTE\n", printable(name))
			return err
		}
		for i, r := range list {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprint(a.stdout, rolloutText(r, time.Now()))
		}
		return nil
	})
}

// follow writes a line whenever something is new, until the rollout is over.
func (a *app) follow(ctx context.Context, c *client.Client, l looked, f format) error {
	said := ""
	_, err := c.AwaitCanary(ctx, l.ID, 0, func(raw json.RawMessage, r canary.Rollout) bool {
		line := fmt.Sprintf("%s %s", headline(r), evidenceLine(r))
		if line == said {
			return !r.Active()
		}
		said = line
		if f == "table" {
			fmt.Fprintf(a.stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
		} else if err := a.raw(f, raw); err != nil {
			return true
		}
		return !r.Active()
	})
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return err
}

func (a *app) canaryList() *cobra.Command {
	var q canary.Query
	var phase string
	var f format
	cmd := &cobra.Command{
		Use: "list", Short: "List rollouts, newest first", Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			q.Phase = canary.Phase(phase)
			return a.onMesh(ctx, q.Mesh, func(c *client.Client, name string) error {
				q.Mesh = name
				raw, list, err := c.Canaries(ctx, q)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, raw)
				}
				return a.rolloutTable(list)
			})
		}),
	}
	words := []string{""}
	for _, p := range canary.Phases() {
		words = append(words, string(p))
	}
	cmd.Flags().Var(&choice{&phase, words}, "phase", "only those: "+strings.Join(words[1:], ", "))
	cmd.Flags().BoolVar(&q.Active, "active", false, "only those that hold their route")
	cmd.Flags().IntVar(&q.Limit, "limit", 20, "how many, at most 500")
	meshFlag(cmd, &q.Mesh)
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) rolloutTable(list []canary.Rollout) error {
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = []string{
			r.ID, r.Spec.Target.Name, r.Spec.Canary, string(r.Phase), fmt.Sprintf("%d/%d", min(r.Step, len(r.Spec.Steps)), len(r.Spec.Steps)),
			fmt.Sprintf("%d %%", r.Weight), ago(r.At, time.Now()), cmp.Or(r.Author, "-"), r.Why,
		}
	}
	return a.table([]string{"ID", "TARGET", "CANARY", "PHASE", "STEPS", "WEIGHT", "BEGAN", "AUTHOR", "WHY"}, rows)
}
