package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
)

func (a *app) poolCommand() *cobra.Command {
	var meshName string
	var ask asking
	var port int
	flags := []struct{ flag, field, help string }{
		{"max-connections", "maxConnections", "open connections to each instance"},
		{"max-pending", "maxPendingRequests", "requests waiting for a connection"},
		{"max-requests", "maxRequests", "requests in flight"},
		{"max-retries", "maxRetries", "retries in flight"},
	}
	given := make([]string, len(flags))
	cmd := &cobra.Command{
		Use:     "pool NODE",
		Short:   "Limit what a node's proxies send to their application",
		Long:    "Limit what a node's proxies send to their application. A limit that is not named stays as it is; none removes it.",
		Example: "  weir pool ratings --max-connections 200 --max-pending none",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			pool := client.Pool{Port: port, Limits: make(map[string]*int)}
			for i, f := range flags {
				switch given[i] {
				case "":
				case "none":
					pool.Limits[f.field] = nil
				default:
					n, err := strconv.Atoi(given[i])
					if err != nil {
						return misuse("--%s %q: a whole number, or none", f.flag, given[i])
					}
					pool.Limits[f.field] = &n
				}
			}
			if len(pool.Limits) == 0 {
				return misuse("no limit is named: give at least one, as in --max-connections 100")
			}
			return a.changing(ctx, meshName, ask, func(c *client.Client, meshName string) (client.Answer, error) {
				return c.Pool(ctx, meshName, args[0], pool, ask.Ask)
			})
		}),
	}
	for i, f := range flags {
		cmd.Flags().StringVar(&given[i], f.flag, "", f.help+", or none")
	}
	cmd.Flags().IntVar(&port, "port", 0, "the listener (default: the node's only one)")
	meshFlag(cmd, &meshName)
	askFlags(cmd, &ask)
	return cmd
}
