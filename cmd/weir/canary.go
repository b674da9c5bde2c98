package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) canaryCommand() *cobra.Command {
	root := &cobra.Command{Use: "canary", Short: "Roll versions out in steps, judged on the way", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	root.AddCommand(
		a.canaryStart(), a.canaryStatus(), a.canaryList(),
		a.canaryVerb("pause", "Stop a rollout where it is until somebody resumes it"),
		a.canaryVerb("resume", "Go on with a rollout that waits"),
		a.canaryVerb("promote", "Skip what is left and give canary everything"),
		a.canaryVerb("abort", "Give stable everything"),
		a.canaryVerb("retry", "Begin an aborted or inconclusive rollout again"))
	return root
}

// rolling is what every command that moves a rollout takes.
type rolling struct {
	client.RolloutAsk
	mesh   string
	wait   string
	within time.Duration
	format format
}

// What a command waits for.
const (
	waitAccepted  = "accepted"
	waitSucceeded = "succeeded"
	waitOver      = "over"
)

func rollingFlags(cmd *cobra.Command, into *rolling) {
	fs := cmd.Flags()
	fs.StringVar(&into.Reason, "reason", "", "why, for the ledger")
	fs.StringVar(&into.Override, "override", "", "go over guard rails with the next move of weights, for this reason")
	fs.BoolVar(&into.DryRun, "dry-run", false, "show what would happen, do nothing")
	into.wait = waitAccepted
	fs.Var(&choice{&into.wait, []string{waitAccepted, waitSucceeded, waitOver}}, "wait", "what to wait for: accepted, succeeded, over; a rollout that does not come there is exit code 4")
	fs.DurationVar(&into.within, "timeout", time.Hour, "how long to wait for it")
	meshFlag(cmd, &into.mesh)
	formatFlag(cmd, &into.format)
}

// starting is what `weir canary start` takes besides.
type starting struct {
	rolling
	stable, canary, steps, file string
	hooks                       []string
	deadline, interval          time.Duration
	alpha, delta                float64
	minRequests, tolerance      float64
	ignoreLatency               bool
}

func (a *app) canaryStart() *cobra.Command {
	var s starting
	cmd := &cobra.Command{
		Use:   "start ROUTER/ROUTE|SPLIT",
		Short: "Roll a version out in steps, judged on the way",
		Long: `Roll a version out in steps, judged on the way. What is not said is filled in: stable is the target with the most
traffic, canary the other one of two, the steps are 5, analysis, 25, analysis, 50, analysis. A file holds a whole rollout as
the API takes it; flags go before it.`,
		Example: `  weir canary start reviews/primary --canary reviews-v2 --steps "5, pause 1m, 25, analysis, 50, analysis" --wait succeeded
  weir canary start reviews/primary --dry-run
  weir canary start -f rollout.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			spec, err := a.specOf(s, args)
			if err != nil {
				return err
			}
			return a.onMesh(ctx, s.mesh, func(c *client.Client, meshName string) error {
				raw, r, err := c.StartCanary(ctx, meshName, spec, s.RolloutAsk)
				if err != nil {
					return err
				}
				return a.rolled(ctx, c, s.rolling, looked{raw, r})
			})
		}),
	}
	fs := cmd.Flags()
	fs.StringVar(&s.canary, "canary", "", "the virtual node that is rolled out (default: the other target of two)")
	fs.StringVar(&s.stable, "stable", "", "the virtual node that it is compared with (default: the target with the most traffic)")
	fs.StringVar(&s.steps, "steps", "", `the steps, as in "5, pause 1m, 25, analysis, 50"; pause alone waits for a person`)
	fs.StringVarP(&s.file, "file", "f", "", "a rollout in YAML or JSON; - is standard input")
	fs.StringArrayVar(&s.hooks, "webhook", nil, "an address that is told of every turn, or TYPE=ADDRESS with one of Flagger's types, as in confirm-promotion=https://…; may be repeated")
	fs.DurationVar(&s.deadline, "deadline", 0, "how long a step's analysis may take before a person is asked (default 30m)")
	fs.DurationVar(&s.interval, "interval", 0, "how long each window is that is judged (default 10s)")
	fs.Float64Var(&s.alpha, "alpha", 0, "the chance that a healthy canary is aborted, at most (default 0.01)")
	fs.Float64Var(&s.delta, "delta", 0, "how much worse a canary may be and still advance: 1 is twice the odds of failing (default 1)")
	fs.Float64Var(&s.minRequests, "min-requests", 0, "how many requests canary has to serve on a step before it may advance (default 100)")
	fs.Float64Var(&s.tolerance, "tolerance", 0, "the ratio of errors below which canary may advance whatever stable's is (default 0.001)")
	fs.BoolVar(&s.ignoreLatency, "ignore-latency", false, "judge errors alone")
	fs.StringVar(&s.IdempotencyKey, "idempotency-key", "", "a repeat with the same key starts nothing again")
	rollingFlags(cmd, &s.rolling)
	return cmd
}

// specOf puts the file and the flags together.
func (a *app) specOf(s starting, args []string) (canary.Spec, error) {
	var spec canary.Spec
	if s.file != "" {
		text, err := a.read(s.file)
		if err != nil {
			return spec, err
		}
		if err := yaml.UnmarshalStrict(text, &spec); err != nil {
			return spec, misuse("%s: %w: see weir canary start --help", s.file, err)
		}
	}
	if len(args) > 0 {
		spec.Target = mesh.Ref{Name: args[0]}
	}
	if spec.Target.Name == "" {
		return spec, misuse("name the route, as ROUTER/ROUTE, or the split, or give a file with -f")
	}
	for _, f := range []struct {
		from string
		to   *string
	}{{s.stable, &spec.Stable}, {s.canary, &spec.Canary}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if s.steps != "" {
		steps, err := canary.ParseSteps(s.steps)
		if err != nil {
			return spec, misuse("--steps: %w", err)
		}
		spec.Steps = steps
	}
	if s.deadline != 0 {
		spec.Deadline = mesh.Duration(s.deadline)
	}
	if s.interval != 0 {
		spec.Analysis.Interval = mesh.Duration(s.interval)
	}
	j := &spec.Analysis.Judge
	for _, f := range []struct {
		from float64
		to   *float64
	}{{s.alpha, &j.Alpha}, {s.delta, &j.Delta}, {s.minRequests, &j.MinRequests}, {s.tolerance, &j.Tolerance}} {
		if f.from != 0 {
			*f.to = f.from
		}
	}
	spec.Analysis.IgnoreLatency = spec.Analysis.IgnoreLatency || s.ignoreLatency
	spec.Webhooks = append(spec.Webhooks, hooksOf(s.hooks)...)
	return spec, nil
}

// hooksOf reads ADDRESS and TYPE=ADDRESS. Names are made up where there are none: they have to differ.
func hooksOf(words []string) []canary.Webhook {
	var hooks []canary.Webhook
	for i, word := range words {
		kind, address, ok := strings.Cut(word, "=")
		if !ok || strings.Contains(kind, ":") {
			kind, address = canary.HookEvent, word
		}
		hooks = append(hooks, canary.Webhook{Name: fmt.Sprintf("%s-%d", kind, i+1), Type: kind, URL: address})
	}
	return hooks
}

// looked is a rollout as it was answered, and read.
type looked struct {
	raw json.RawMessage
	canary.Rollout
}

// canaryVerb is one of the verbs on a rollout.
func (a *app) canaryVerb(verb, short string) *cobra.Command {
	var ask rolling
	cmd := &cobra.Command{
		Use: verb + " ID|ROUTER/ROUTE|SPLIT", Short: short, Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.onRollout(ctx, ask.mesh, args[0], func(c *client.Client, l looked) error {
				raw, r, err := c.CanaryVerb(ctx, verb, l.ID, ask.RolloutAsk)
				if err != nil {
					return err
				}
				return a.rolled(ctx, c, ask, looked{raw, r})
			})
		}),
	}
	rollingFlags(cmd, &ask)
	return cmd
}

// onRollout finds the rollout that somebody names. An ID needs no mesh.
func (a *app) onRollout(ctx context.Context, meshName, name string, do func(*client.Client, looked) error) error {
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		if !strings.Contains(name, "/") {
			raw, r, err := c.Canary(ctx, name)
			if err == nil {
				return do(c, looked{raw, r})
			}
			if mesh.CodeOf(err) != mesh.NotFound {
				return err
			}
		}
		meshName, err := meshOf(ctx, c, meshName)
		if err != nil {
			return err
		}
		raw, r, err := c.CanaryOf(ctx, meshName, name)
		if err != nil {
			return err
		}
		return do(c, looked{raw, r})
	})
}

// rolled tells what became of a rollout, and waits for what was asked for.
func (a *app) rolled(ctx context.Context, c *client.Client, ask rolling, l looked) error {
	if ask.DryRun || ask.wait == waitAccepted {
		return a.tellRollout(ask, l)
	}
	var newest looked
	said := ""
	r, err := c.AwaitCanary(ctx, l.ID, ask.within, func(raw json.RawMessage, r canary.Rollout) bool {
		newest = looked{raw, r}
		if line := headline(r); line != said && ask.format == "table" {
			said = line
			fmt.Fprintln(a.stdout, line)
		}
		return !r.Active() || ask.wait == waitSucceeded && r.Phase == canary.Inconclusive
	})
	if err != nil {
		return &failure{exitWaiting, fmt.Errorf("rollout %s is under way, but its progress cannot be read: %w", l.ID, err)}
	}
	if ask.format != "table" {
		if err := a.raw(ask.format, newest.raw); err != nil {
			return err
		}
	}
	switch {
	case r.Active():
		return &failure{exitWaiting, fmt.Errorf("rollout %s is %s after %v: %s: look at weir canary status %s", r.ID, r.Phase, ask.within, r.Why, r.ID)}
	case ask.wait == waitSucceeded && r.Phase != canary.Succeeded:
		return &failure{exitWaiting, fmt.Errorf("rollout %s is %s: %s", r.ID, r.Phase, r.Why)}
	}
	return nil
}

func (a *app) tellRollout(ask rolling, l looked) error {
	if ask.format != "table" {
		return a.raw(ask.format, l.raw)
	}
	if ask.DryRun {
		fmt.Fprint(a.stdout, "nothing is done; this is what would be:\n\n")
	} else {
		fmt.Fprintf(a.stdout, "%s\n\n", headline(l.Rollout))
	}
	_, err := fmt.Fprint(a.stdout, rolloutText(l.Rollout, time.Now()))
	return err
}
