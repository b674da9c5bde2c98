package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider/xds"
)

// proof is how a proxy and Weir prove to each other who they are.
type proof struct {
	ca        string        // a file
	tokenFile string        // a token that was made before
	noToken   bool          // the proxy shows none
	lasts     time.Duration // of a token that is made; 0: until it is revoked
	folder    string        // of certificates; empty: the proxy shows its token
}

func (p *proof) flags(cmd *cobra.Command, o *xds.BootstrapOptions) {
	fs := cmd.Flags()
	fs.StringVar(&p.ca, "ca", "", "what Weir's certificate is checked against, in PEM: the control plane is called over TLS")
	fs.StringVar(&o.ServerName, "server-name", "", "the name in Weir's certificate (default: the host of --xds)")
	fs.StringVar(&p.tokenFile, "token-file", "", "a file with a proxy's token that was made before (default: Weir is asked for a new one)")
	fs.StringVar(&p.folder, "certificates", "", "a folder: the proxy shows a certificate from it, which is made there now and renewed with weir certificate renew")
	fs.BoolVar(&p.noToken, "no-token", false, "write no token and ask nobody for one")
	fs.DurationVar(&p.lasts, "token-for", 0, "how long a new token is good (default: until it is revoked)")
	cmd.MarkFlagsMutuallyExclusive("token-file", "no-token", "token-for")
	cmd.MarkFlagsMutuallyExclusive("certificates", "no-token")
}

// maxProof is the longest file of a token or of certificates that is read, in bytes.
const maxProof = 1 << 20

// bootstrap prints a proxy's configuration, with the token that Weir wants to see.
func (a *app) bootstrap(ctx context.Context, o xds.BootstrapOptions, p proof) error {
	if p.ca != "" {
		ca, err := readProof("--ca", p.ca)
		if err != nil {
			return err
		}
		o.CA = ca
	}
	if p.tokenFile != "" {
		token, err := readProof("--token-file", p.tokenFile)
		if err != nil {
			return err
		}
		if o.Token = strings.TrimSpace(string(token)); o.Token == "" || strings.ContainsAny(o.Token, " \t\r\n%") {
			return mesh.Errorf(mesh.Invalid, "--token-file %s holds no token: it is one word that begins with weirproxy_", p.tokenFile)
		}
	}
	if p.folder != "" {
		return a.bootstrapCertified(ctx, o, p)
	}
	out, err := xds.Bootstrap(o) // before a token is made for nothing
	if err != nil {
		return err
	}
	if o.Token == "" && !p.noToken {
		if out, err = a.withToken(ctx, o, p, out); err != nil {
			return err
		}
	}
	_, err = a.stdout.Write(out)
	return err
}

// withToken asks Weir for a token and gives the configuration with it; as it was from a Weir that wants none.
func (a *app) withToken(ctx context.Context, o xds.BootstrapOptions, p proof, without []byte) (out []byte, err error) {
	named := a.url != "" || a.token != "" || a.getenv("WEIR_URL") != "" || a.getenv("WEIR_TOKEN") != ""
	err = a.with(ctx, func(ctx context.Context, c *client.Client) error {
		made, err := c.MintProxyToken(ctx, o.Mesh, client.ProxyTokenWish{Node: o.Node, Gateway: o.Gateway, For: mesh.Duration(p.lasts)})
		switch {
		case errors.Is(err, client.ErrNoTokens):
			out = without
			return nil
		case mesh.CodeOf(err) == mesh.Unavailable && !named: // nobody said that there is one
			fmt.Fprintf(a.stderr, "weir: no Weir answers at %s, so there is no token in this: a Weir that people sign in to will refuse the proxy\n", c.URL())
			out = without
			return nil
		case err != nil:
			return err
		}
		o.Token = made.Token
		if err = trust(ctx, c, &o); err == nil {
			out, err = xds.Bootstrap(o)
		}
		if err != nil { // nobody will ever show it
			_, undone := c.RevokeProxyToken(context.WithoutCancel(ctx), o.Mesh, made.ID)
			return errors.Join(err, undone)
		}
		return nil
	})
	return out, err
}

// trust has a proxy check Weir's certificate against Weir's own authority where it is of that, and nobody said otherwise.
func trust(ctx context.Context, c *client.Client, o *xds.BootstrapOptions) error {
	if len(o.CA) > 0 {
		return nil
	}
	a, err := c.Authority(ctx)
	switch {
	case errors.Is(err, client.ErrNoAuthority):
		return nil
	case err != nil:
		return err
	case a.ControlPlane != "":
		o.CA, o.ServerName = []byte(a.Authorities), cmp.Or(o.ServerName, a.ControlPlane)
	}
	return nil
}

func readProof(flag, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxProof {
		return nil, mesh.Errorf(mesh.Invalid, "%s %s has %d bytes: it cannot be what is meant", flag, path, info.Size())
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "%s: %w", flag, err)
	}
	return text, nil
}

func (a *app) proxyTokensCommand() *cobra.Command {
	var meshName string
	var f format
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "List the tokens by which proxies are let in",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				raw, list, err := c.ProxyTokens(ctx, name)
				if err != nil {
					return err
				}
				if f != "table" {
					return a.raw(f, raw)
				}
				return a.showProxyTokens(list, time.Now())
			})
		}),
	}
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) showProxyTokens(list []client.ProxyToken, now time.Time) error {
	rows := make([][]string, len(list))
	for i, t := range list {
		of, state := t.Node, "good"
		if t.Gateway != "" {
			of = "gateway " + t.Gateway
		}
		switch {
		case t.Revoked != nil:
			state = "revoked"
		case t.Expires != nil && !now.Before(*t.Expires):
			state = "expired"
		case t.Expires != nil:
			state = "until " + t.Expires.Format(time.RFC3339)
		}
		used := "-"
		if t.Used != nil {
			used = ago(*t.Used, now)
		}
		rows[i] = []string{t.ID, of, t.Name, state, ago(t.At, now), used}
	}
	return a.table([]string{"ID", "NODE", "NAME", "STATE", "MADE", "USED"}, rows)
}

func (a *app) proxyRevokeCommand() *cobra.Command {
	var meshName string
	cmd := &cobra.Command{
		Use:   "revoke TOKEN-ID",
		Short: "Revoke a proxy's token: it gets no more changes and goes on with what it has",
		Args:  cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.onMesh(ctx, meshName, func(c *client.Client, name string) error {
				t, err := c.RevokeProxyToken(ctx, name, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "Token %s of %s counts no more; streams that were opened with it end within five seconds.\n", t.ID, t.Node+t.Gateway)
				return nil
			})
		}),
	}
	meshFlag(cmd, &meshName)
	return cmd
}
