package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/provider"
)

func (a *app) proxiesCommand() *cobra.Command {
	var meshName string
	var f format
	cmd := &cobra.Command{
		Use:   "proxies",
		Short: "Show the proxies and what they run",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				return a.showProxies(ctx, c, name, f)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	cmd.AddCommand(a.proxyCommand(), a.proxyTokensCommand(), a.proxyRevokeCommand())
	return cmd
}

// showProxies asks for a mesh's proxies and writes them.
func (a *app) showProxies(ctx context.Context, c *client.Client, meshName string, f format) error {
	data, err := c.ProxiesRaw(ctx, meshName)
	if err != nil {
		return err
	}
	if f != "table" {
		return a.raw(f, data)
	}
	var page struct{ Items []provider.Proxy }
	if err := json.Unmarshal(data, &page); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	now := time.Now()
	rows := make([][]string, len(page.Items))
	for i, p := range page.Items {
		of := p.Node
		if p.Gateway != "" {
			of = "gateway " + p.Gateway
		}
		rows[i] = []string{
			p.ID, cmp.Or(of, p.NodeID), string(p.State), strconv.FormatInt(p.Revision, 10), p.Version,
			ago(p.Since, now), ago(p.MetricsAt, now), p.Message,
		}
	}
	return a.table([]string{"ID", "NODE", "STATE", "REVISION", "VERSION", "SINCE", "REPORT", "MESSAGE"}, rows)
}
