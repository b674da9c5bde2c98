package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/drift"
)

func (a *app) driftCommand() *cobra.Command {
	var meshName string
	var f format
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Show what is not as it was accepted: proxies behind, objects not everywhere, calls that nobody declared",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				data, err := c.DriftRaw(ctx, name)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, data)
				}
				var r drift.Report
				if err := json.Unmarshal(data, &r); err != nil {
					return fmt.Errorf("read the answer: %w", err)
				}
				return a.drifted(r, time.Now())
			})
		}),
	}
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	return cmd
}

// drifted writes a report: one line for the whole, then a row for each thing that differs.
func (a *app) drifted(r drift.Report, now time.Time) error {
	fmt.Fprintf(a.stdout, "revision %d: %d of %d connected proxies run it\n", r.Revision, r.Synced, r.Connected)
	var rows [][]string
	for _, p := range r.Behind {
		rows = append(rows, []string{"proxy", p.ID, string(p.Reason), fmt.Sprintf("revision %d, %s", p.Revision, ago(p.Since, now)), p.Message})
	}
	for _, o := range r.Objects {
		missing := make([]string, len(o.Missing))
		for i, p := range o.Missing {
			missing[i] = p.ID
		}
		rows = append(rows, []string{string(o.Kind), o.Name, "not everywhere", fmt.Sprintf("%d of %d proxies", o.Programmed, o.Total), strings.Join(missing, ", ")})
	}
	for _, ref := range r.Unrun {
		rows = append(rows, []string{string(ref.Kind), ref.Name, "no proxy", "", ""})
	}
	for _, c := range r.Undeclared {
		rows = append(rows, []string{"call", c.From + " → " + c.To, "undeclared", fmt.Sprintf("%.1f/s", c.RequestRate), ""})
	}
	for _, c := range r.Unused {
		rows = append(rows, []string{"call", c.From + " → " + c.To, "unused", "in " + r.Window, strings.Join(c.Services, ", ")})
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.stdout, "nothing differs")
		return nil
	}
	return a.table([]string{"WHAT", "NAME", "HOW", "HOW FAR", "WHY"}, rows)
}
