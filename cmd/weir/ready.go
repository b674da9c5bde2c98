package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
)

// readyCommand asks a server whether it can serve, for health checks where there is no shell and no curl: in the image.
func (a *app) readyCommand() *cobra.Command {
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask a server whether it is ready, part by part; exit 0 or 1",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			ctx, cancel := context.WithTimeout(ctx, within)
			defer cancel()
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				account, ready, err := c.Ready(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, strings.TrimSpace(account))
				if !ready {
					return &failure{exitFailed, errors.New("the server at " + c.URL() + " is not ready")}
				}
				return nil
			})
		}),
	}
	cmd.Flags().DurationVar(&within, "timeout", 5*time.Second, "how long to wait for the answer")
	return cmd
}
