package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server"
)

func (a *app) demoCommand() *cobra.Command {
	var o server.DemoOptions
	level := slog.LevelWarn
	o.Story = "none"
	var file configFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the server with a sample mesh of real Envoys under load, or with a large made-up mesh",
		Long: `Run the server with something to look at: the sample mesh, eleven services on real Envoys under load, or with
--services a made-up mesh of that many services. Of a made-up mesh the configuration is real and can be changed; its
traffic is worked out from the seed, without proxies and requests, so that no change is ever programmed or moves
traffic. Its history is recorded like any other, from the start of the demo.`,
		Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			if !o.Open {
				return misuse("--open=false: the demo has no sign-in: weir serve does")
			}
			a.saveMemory()
			o.Version = version()
			o.Out = a.stdout
			o.Logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
			o.Envoy = a.getenv("ENVOY")
			if err := file.apply(&o.Options); err != nil {
				return err
			}
			if file.print {
				fmt.Fprint(a.stdout, file.effective(o.Options))
				return nil
			}
			if o.Services == 0 && o.History.Step == 0 {
				o.History.Step = time.Second // a small mesh, and incidents of seconds
			}
			return server.RunDemo(ctx, o)
		}),
	}
	serverFlags(cmd, &o.Options)
	file.add(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&o.Open, "open", true, "no sign-in: the demo has none, and listens on this machine only")
	fs.Lookup("data").DefValue = "a temporary directory"
	o.Data = ""
	fs.IntVar(&o.Services, "services", 0, "show a made-up mesh of so many services, 10 to 5000, instead of the sample mesh")
	fs.IntVar(&o.Rate, "rate", 150, "requests a second")
	fs.Uint64Var(&o.Seed, "seed", 1, "of the load and the services: the same seed gives the same run")
	stories := []string{"bad-canary", "pool-exhaustion", "none"}
	fs.Var(&choice{&o.Story, stories}, "story", "the incident that is played: "+strings.Join(stories, ", "))
	cmd.MarkFlagsMutuallyExclusive("services", "rate")
	fs.DurationVar(&o.For, "for", 0, "stop after this time (default: at Ctrl-C)")
	fs.TextVar(&level, "log-level", slog.LevelWarn, "what is logged: DEBUG, INFO, WARN, ERROR")
	return cmd
}
