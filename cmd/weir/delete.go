package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) deleteCommand() *cobra.Command {
	var meshName string
	var ask asking
	cmd := &cobra.Command{
		Use:   "delete mesh|node|service|router|route|gateway|gateway-route NAME",
		Short: "Delete an object",
		Long: "Delete an object that nothing else refers to; what still needs it is named. A route and a gateway route are written\n" +
			"as PARENT/NAME. Like every change it can be shown first, reverts unless it is confirmed when asked to, and is undone\n" +
			"with weir changes undo.",
		Example: "  weir delete route reviews/beta --dry-run\n  weir delete node reviews-v3 --reason 'moved to v4'",
		Args:    cobra.ExactArgs(2),
		RunE: does(func(ctx context.Context, args []string) error {
			kind, err := mesh.ParseKind(args[0])
			if err != nil {
				return misuse("%w", err)
			}
			ref := mesh.Ref{Kind: kind, Name: args[1]}
			inParent := kind == mesh.KindRoute || kind == mesh.KindGatewayRoute
			switch parent, name, _ := strings.Cut(ref.Name, "/"); {
			case ref.Name == "":
				return misuse("the name is empty: name one %s", kind)
			case inParent && (parent == "" || name == ""):
				return misuse("%s %q: write it as PARENT/NAME, as in reviews/primary", kind, ref.Name)
			case kind == mesh.KindMesh:
				meshName = ref.Name
			}
			return a.changing(ctx, meshName, ask, func(c *client.Client, meshName string) (client.Answer, error) {
				return c.Delete(ctx, meshName, ref, ask.Ask)
			})
		}),
	}
	meshFlag(cmd, &meshName)
	askFlags(cmd, &ask)
	return cmd
}
