package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) weightsCommand() *cobra.Command {
	var meshName string
	var ask asking
	cmd := &cobra.Command{
		Use:   "weights ROUTER/ROUTE|SPLIT NODE=WEIGHT NODE=WEIGHT …",
		Short: "Split the traffic of a route, or of all routes that share a split",
		Long: "Split the traffic of a route, named ROUTER/ROUTE, or of all routes that share a split, named without a slash.\n" +
			"Every target has to be named; a weight is a share of their sum.",
		Example: "  weir weights reviews/primary reviews-v1=75 reviews-v2=25 --wait observed\n" +
			"  weir weights both v1=90 v2=10 --wait programmed",
		Args: cobra.MinimumNArgs(2),
		RunE: does(func(ctx context.Context, args []string) error {
			weights, err := parseWeights(args[1:])
			if err != nil {
				return err
			}
			if split := args[0]; split != "" && !strings.Contains(split, "/") {
				return a.changing(ctx, meshName, ask, func(c *client.Client, meshName string) (client.Answer, error) {
					return c.SplitWeights(ctx, meshName, split, weights, ask.Ask)
				})
			}
			route, err := routeName(args[0])
			if err != nil {
				return err
			}
			return a.changing(ctx, meshName, ask, func(c *client.Client, meshName string) (client.Answer, error) {
				return c.Weights(ctx, meshName, route, weights, ask.Ask)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	askFlags(cmd, &ask)
	return cmd
}

// parseWeights reads NODE=WEIGHT words.
func parseWeights(words []string) (map[string]int, error) {
	weights := make(map[string]int, len(words))
	for _, word := range words {
		node, number, ok := strings.Cut(word, "=")
		weight, err := strconv.Atoi(strings.TrimSuffix(number, "%"))
		if !ok || node == "" || err != nil {
			return nil, misuse("weight %q: write it as NODE=WEIGHT with a whole number, as in reviews-v2=25", mesh.Shorten(word))
		}
		if _, twice := weights[node]; twice {
			return nil, misuse("weight %q: %q is named twice", mesh.Shorten(word), mesh.Shorten(node))
		}
		weights[node] = weight
	}
	return weights, nil
}
