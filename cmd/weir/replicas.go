package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/provider"
)

func (a *app) replicasCommand() *cobra.Command {
	return a.listCommand("replicas", "Show the replicas of Weir: which one acts by itself, which ones went lately",
		func(ctx context.Context, c *client.Client) (json.RawMessage, error) { return c.ReplicasRaw(ctx) },
		func(data []byte) ([]string, [][]string, error) {
			header, rows, err := rowsOf(data, replicaHeader, replicaRow)
			if err != nil {
				return nil, nil, err
			}
			var all provider.Installation
			if err := json.Unmarshal(data, &all); err != nil {
				return nil, nil, fmt.Errorf("read the answer: %w", err)
			}
			if !all.Database.Reached {
				fmt.Fprintf(a.stderr, "The database is out of reach since %s: this is what was known then.\n", all.Database.Heard.Format(time.RFC3339))
			}
			return header, rows, nil
		})
}

func replicaHeader() []string {
	return []string{"NAME", "STATE", "VERSION", "STARTED", "HEARD", "PROXIES", "ID", "MISSING"}
}

func replicaRow(r provider.Replica, now time.Time) []string {
	state, heard := []string{"lives"}, seconds(r.Age)
	switch {
	case r.Left:
		state = []string{"stopped"}
	case !r.Gone.IsZero():
		state = []string{"lost"}
	case r.Here:
		state, heard = append(state, "answers"), "now"
	}
	if r.Steward {
		state = append(state, "acts")
	}
	return []string{
		r.Name, strings.Join(state, ","), r.Version, ago(r.Started, now), heard, strconv.Itoa(r.Proxies), r.ID, strings.Join(r.Missing, ","),
	}
}
