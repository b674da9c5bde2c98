package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/bench"
	"github.com/weirmesh/weir/server/canary/simulate"
)

func (a *app) benchCommand() *cobra.Command {
	o, table, judged := bench.Options{}, false, 0
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the closed loop on real Envoys: a server, its traffic and changes under load",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) (err error) {
			if table {
				return bench.Table(a.stdin, a.stdout, a.stderr)
			}
			if judged > 0 {
				return simulate.Table(a.stdout, judged)
			}
			if o.Weir, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program's own file: %w", err)
			}
			o.Envoy, o.Out, o.Log = a.getenv("ENVOY"), a.stdout, a.stderr
			return bench.Loop(ctx, o)
		}),
	}
	fs := cmd.Flags()
	fs.IntVar(&o.Rate, "rate", 150, "requests a second of the demo's load beside the probes")
	fs.IntVar(&o.Flips, "flips", 100, "moves of a weight")
	fs.BoolVar(&table, "table", false, "only put what go test -bench printed, read from stdin, beside its limits")
	fs.IntVar(&judged, "judge", 0, "only simulate this many canary rollouts a cell, and print what each way of judging them gets wrong")
	fs.IntVar(&o.Edits, "edits", 20, "changes of a pool, and additions and removals of a version")
	return cmd
}
