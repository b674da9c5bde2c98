package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) authorityCommand() *cobra.Command {
	var ids bool
	cmd := &cobra.Command{
		Use:   "authority",
		Short: "Print the authority's roots, in PEM",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				found, err := c.Authority(ctx)
				if err != nil {
					return err
				}
				if ids {
					return a.listRoots(found)
				}
				fmt.Fprint(a.stdout, found.Authorities)
				return nil
			})
		}),
	}
	cmd.Flags().BoolVar(&ids, "ids", false, "print the roots' IDs instead, each with its end")
	return cmd
}

// listRoots prints a line for each root, oldest first.
func (a *app) listRoots(found client.Authority) error {
	for block, rest := pem.Decode([]byte(found.Authorities)); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return mesh.Errorf(mesh.Internal, "the server gives a root that cannot be read: %w", err)
		}
		fmt.Fprintf(a.stdout, "%s until %s\n", authority.ID(cert), stamp(cert.NotAfter))
	}
	return nil
}

func (a *app) distrustCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "distrust ROOT",
		Short: "Distrust a root of the authority whose key leaked: no certificate under it counts any more",
		Long: `Distrust a root of the authority whose key leaked, by its ID (weir certificate authority --ids). No certificate under it
counts any more; if it was the only root another one is made first. Proxies that have such a certificate are disconnected, keep
the configuration that they have and the traffic that they carry, and come back once weir certificate renew --now has run
beside each of them, which goes by the token in their folders. It takes an administrator, and cannot be undone.`,
		Example: "  weir certificate distrust 5f0c6e1a9b3d47f2",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				left, err := c.Distrust(ctx, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, "It is distrusted. Run weir certificate renew FOLDER --now beside every proxy. These roots are left:")
				return a.listRoots(left)
			})
		}),
	}
}
