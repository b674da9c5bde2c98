package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/api/client"
)

func (a *app) adviseCommand() *cobra.Command {
	var meshName string
	var ask client.AdviceAsk
	var f format
	tried := []struct {
		flag, field string
		value       int
	}{{"max-connections", "maxConnections", 0}, {"max-pending", "maxPendingRequests", 0}, {"max-requests", "maxRequests", 0}}
	cmd := &cobra.Command{
		Use:     "advise NODE",
		Short:   "Size a node's connection pool from its recorded load, and say why",
		Long:    "Size a node's connection pool from its recorded load, and say why. A limit that is named is replayed as well: how many requests it would have refused. Nothing is changed.",
		Example: "  weir advise ratings --hours 24\n  weir advise ratings --max-connections 80",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			ask.Node, ask.Try = args[0], make(map[string]int)
			for _, t := range tried {
				if t.value != 0 {
					ask.Try[t.field] = t.value
				}
			}
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				data, err := c.AdviceRaw(ctx, name, ask)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, data)
				}
				var given advice.Advice
				if err := json.Unmarshal(data, &given); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				return a.advised(given)
			})
		}),
	}
	for i := range tried {
		cmd.Flags().IntVar(&tried[i].value, tried[i].flag, 0, "what would this limit have refused?")
	}
	cmd.Flags().StringVar(&ask.Hours, "hours", "", "how many of the last hours are looked at (default 1)")
	cmd.Flags().StringVar(&ask.Wait, "wait", "", "how long a request may wait for a connection (default 100ms)")
	cmd.Flags().IntVar(&ask.Port, "port", 0, "the listener (default: the node's only one)")
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	return cmd
}

// advised writes an advice for people.
func (a *app) advised(v advice.Advice) error {
	fmt.Fprintf(a.stdout, "%s, port %d (%s): %s of %s h seen, confidence %s\n\n", printable(v.Node), v.Port, v.Protocol,
		hours(v.Seen), strconv.FormatFloat(v.Hours, 'g', 3, 64), v.Confidence)
	if v.Confidence == advice.TooLittle {
		for _, n := range v.Notes {
			fmt.Fprintln(a.stdout, advice.Text(n))
		}
		if v.Again > 0 {
			fmt.Fprintf(a.stdout, "ask again in %s, if requests keep coming\n", time.Duration(v.Again))
		}
		return nil
	}
	rows := make([][]string, len(v.Limits))
	for i, l := range v.Limits {
		rows[i] = []string{l.Name, limitWord(l.Now), limitWord(l.Advised), fmt.Sprintf("%d to %d", l.Least, l.Most), string(l.Verdict)}
	}
	if err := a.table([]string{"LIMIT", "NOW", "ADVISED", "SENSIBLE", "VERDICT"}, rows); err != nil {
		return err
	}
	for _, l := range v.Limits {
		fmt.Fprintf(a.stdout, "\n%s:\n", l.Name)
		for _, n := range l.Why {
			fmt.Fprintln(a.stdout, "  "+advice.Text(n))
		}
	}
	fmt.Fprintln(a.stdout)
	if err := a.replayed(v); err != nil {
		return err
	}
	if err := a.callersOf(v); err != nil {
		return err
	}
	for _, n := range v.Notes {
		fmt.Fprintln(a.stdout, "note: "+advice.Text(n))
	}
	if v.Changes() {
		fmt.Fprintln(a.stdout, "\nto use it: "+useAdvice(v))
	}
	return nil
}

// replayed writes what the pools would have refused.
func (a *app) replayed(v advice.Advice) error {
	var rows [][]string
	for _, r := range v.Replays {
		counted := "-"
		if r.Counted != nil {
			counted = fmt.Sprintf("%.0f", *r.Counted)
		}
		rows = append(rows, []string{
			r.What, limitWord(r.Pool.MaxConnections), limitWord(r.Pool.MaxPendingRequests), limitWord(r.Pool.MaxRequests),
			fmt.Sprintf("%.0f of %.0f", r.Rejected, r.Requests), fmt.Sprintf("%.1f %%", r.Share*100), fmt.Sprintf("%.0f", r.Waiting), counted,
		})
	}
	return a.table([]string{"POOL", "CONNECTIONS", "PENDING", "REQUESTS", "WOULD HAVE REFUSED", "SHARE", "WAITING", "ATTEMPTS REALLY REFUSED"}, rows)
}

// callersOf writes both sides: what callers keep under way, and what the pools let through.
func (a *app) callersOf(v advice.Advice) error {
	if len(v.Callers) == 0 {
		return nil
	}
	rows := make([][]string, len(v.Callers))
	for i, c := range v.Callers {
		rows[i] = []string{printable(c.From), fmt.Sprintf("%.0f", c.Proxies), fmt.Sprintf("%.1f/s", c.Rate), seconds(c.Latency), fmt.Sprintf("%.1f", c.Mean), strconv.Itoa(c.Peak)}
	}
	fmt.Fprintln(a.stdout)
	if err := a.table([]string{"CALLER", "PROXIES", "RATE", "MEAN", "UNDER WAY", "AT PEAK"}, rows); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "callers keep %.1f under way; %.0f instances let %s through now, %s with the advice\n\n",
		v.Sides.Wanted, v.Load.Instances, limitWord(v.Sides.Now), limitWord(v.Sides.Advised))
	return nil
}

// useAdvice is the command that takes an advice.
func useAdvice(v advice.Advice) string {
	words := []string{"weir", "pool", printable(v.Node)}
	flags := map[string]string{"maxConnections": "--max-connections", "maxPendingRequests": "--max-pending", "maxRequests": "--max-requests"}
	for _, l := range v.Limits {
		if l.Advised != nil {
			words = append(words, flags[l.Name], strconv.Itoa(*l.Advised))
		}
	}
	return strings.Join(append(words, "--port", strconv.Itoa(v.Port), "--mesh", v.Mesh), " ")
}

func limitWord(n *int) string {
	if n == nil {
		return "no limit"
	}
	return strconv.Itoa(*n)
}

// hours writes a part of an hour in minutes.
func hours(h float64) string {
	if h < 1 {
		return fmt.Sprintf("%.0f min", h*60)
	}
	return strconv.FormatFloat(h, 'g', 3, 64) + " h"
}
