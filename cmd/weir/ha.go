package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server"
)

// haCommand is what `make ha` runs.
func (a *app) haCommand() *cobra.Command {
	o := server.HAOptions{}
	cmd := &cobra.Command{
		Use:   "ha",
		Short: "Run several replicas on one PostgreSQL, with the sample mesh of real Envoys under load",
		Long: `Run several replicas on one PostgreSQL, all on this machine, with the sample mesh of real Envoys under load: something
to kill and to freeze while you look. A replica that ends is started again. It needs PostgreSQL's programs: on PATH, as
Debian's package installs them, or in $POSTGRES_BIN. There is no sign-in, and nothing is kept.`,
		Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			o.Weir, o.Envoy, o.Out = self, a.getenv("ENVOY"), a.stdout
			return server.RunHA(ctx, o)
		}),
	}
	fs := cmd.Flags()
	fs.IntVar(&o.Replicas, "replicas", 3, "how many")
	fs.IntVar(&o.Rate, "rate", 100, "requests a second")
	fs.Uint64Var(&o.Seed, "seed", 1, "of the load and the services")
	fs.DurationVar(&o.For, "for", time.Duration(0), "stop after this time (default: at Ctrl-C)")
	return cmd
}
