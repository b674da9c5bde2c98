package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider/xds"
)

// tokenFile is the proxy's token in a folder of certificates, for when its certificate has ended.
const tokenFile = "token"

// againAfter is how long to wait after a renewal that failed.
const againAfter = time.Minute

func (a *app) certificateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "certificate", Short: "Proxies' certificates: renew one, show whose they are, distrust a root", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.renewCommand(), a.authorityCommand(), a.distrustCommand())
	return cmd
}

func (a *app) renewCommand() *cobra.Command {
	var now, follow bool
	cmd := &cobra.Command{
		Use:   "renew FOLDER",
		Short: "Renew the certificate in a folder once a third of its time is left; the running Envoy takes it up",
		Long: `Renew the certificate that weir bootstrap --certificates made in a folder. It does nothing while more than a third of the
certificate's time is left, so a timer may run it every hour. What it shows is the certificate itself; one that has ended is
replaced with the proxy's token, which is in the folder as well. Nobody has to sign in.`,
		Example: "  weir certificate renew /etc/weir/cart --url https://weir.example.com\n" +
			"  weir certificate renew /etc/weir/cart --follow     # stays, and renews for ever: beside a proxy in a container",
		Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				if follow {
					return a.renewFor(ctx, c, args[0])
				}
				_, err := a.renew(ctx, c, args[0], now)
				return err
			})
		}),
	}
	cmd.Flags().BoolVar(&now, "now", false, "renew it whatever time is left")
	cmd.Flags().BoolVar(&follow, "follow", false, "stay, and renew it whenever it is time")
	cmd.MarkFlagsMutuallyExclusive("now", "follow")
	return cmd
}

// renewFor renews until ctx ends.
func (a *app) renewFor(ctx context.Context, c *client.Client, folder string) error {
	for {
		next, err := a.renew(ctx, c, folder, false)
		if err != nil {
			fmt.Fprintf(a.stderr, "weir: %s; it is tried again in a minute\n", oneLine(err))
			next = time.Now().Add(againAfter)
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// renew renews the certificate in a folder if it is time, and gives when it will be.
func (a *app) renew(ctx context.Context, c *client.Client, folder string, whatever bool) (next time.Time, err error) {
	had, err := xds.ReadCertificates(folder)
	if err != nil {
		return next, err
	}
	n, cert, err := authority.Read(had.Certificate)
	if err != nil {
		return next, err
	}
	now := time.Now()
	next = authority.RenewAt(cert.NotBefore, cert.NotAfter)
	if now.Before(next) && !whatever {
		fmt.Fprintf(a.stdout, "The certificate of %s is good until %s, and is renewed from %s on.\n", n.Node.Name, stamp(cert.NotAfter), stamp(next))
		return next, nil
	}
	key, request, err := authority.NewKey()
	if err != nil {
		return next, err
	}
	wish := client.CertificateWish{Request: string(request), Certificate: string(had.Certificate)}
	if wish.Proof, err = authority.Prove(had.Key, request); err != nil {
		return next, err
	}
	got, err := c.Certify(ctx, n.Mesh, wish)
	if mesh.CodeOf(err) == mesh.Unauthenticated {
		token, missing := os.ReadFile(filepath.Join(folder, tokenFile)) //nolint:gosec // the operator's own file
		if missing != nil {
			return next, err
		}
		why := err
		got, err = c.Certify(ctx, n.Mesh, client.CertificateWish{Request: string(request), Token: strings.TrimSpace(string(token))})
		if err != nil {
			return next, mesh.Errorf(mesh.CodeOf(err), "%s: by its token it gets none either: %w", oneLine(why), err)
		}
	}
	if err != nil {
		return next, err
	}
	has := xds.Certificates{Certificate: []byte(got.Certificate), Key: key, Authorities: []byte(got.Authorities)}
	if err := has.Write(folder); err != nil {
		return next, err
	}
	fmt.Fprintf(a.stdout, "The certificate of %s is renewed: it is good until %s.\n", n.Node.Name, stamp(got.Until))
	return got.Renew, nil
}

// bootstrapCertified prints the configuration of a proxy that shows a certificate, and makes that one.
func (a *app) bootstrapCertified(ctx context.Context, o xds.BootstrapOptions, p proof) error {
	folder, err := filepath.Abs(p.folder)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "--certificates: %w", err)
	}
	token := o.Token
	o.Token, o.Certificates = "", folder
	named := o
	if named.ServerName == "" {
		named.ServerName = authority.ControlPlane
	}
	if _, err := xds.Bootstrap(named); err != nil { // before a token is made for nothing
		return err
	}
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		if token != "" {
			return a.certified(ctx, c, o, token)
		}
		made, err := c.MintProxyToken(ctx, o.Mesh, client.ProxyTokenWish{Node: o.Node, Gateway: o.Gateway, For: mesh.Duration(p.lasts)})
		if err != nil {
			return err
		}
		if err := a.certified(ctx, c, o, made.Token); err != nil { // nobody will ever show it
			_, undone := c.RevokeProxyToken(context.WithoutCancel(ctx), o.Mesh, made.ID)
			return errors.Join(err, undone)
		}
		return nil
	})
}

// certified has a certificate made with a token, and writes it and the configuration.
func (a *app) certified(ctx context.Context, c *client.Client, o xds.BootstrapOptions, token string) error {
	key, request, err := authority.NewKey()
	if err != nil {
		return err
	}
	got, err := c.Certify(ctx, o.Mesh, client.CertificateWish{Request: string(request), Token: token})
	switch {
	case err != nil:
		return err
	case got.Node != o.Node || got.Gateway != o.Gateway:
		return mesh.Errorf(mesh.Invalid, "the token is for %s%s of mesh %s, and not for %s%s", got.Node, got.Gateway, got.Mesh, o.Node, o.Gateway)
	case got.ControlPlane == "" && len(o.CA) == 0:
		return mesh.Errorf(mesh.Invalid, "the control plane's certificate is not of Weir's own authority, or it is served in plain text: give what its certificate is checked against with --ca FILE, or start Weir with --xds-tls on")
	case o.ServerName == "":
		o.ServerName = got.ControlPlane
	}
	out, err := xds.Bootstrap(o)
	if err != nil {
		return err
	}
	has := xds.Certificates{Certificate: []byte(got.Certificate), Key: key, Authorities: []byte(got.Authorities)}
	if err := has.Write(o.Certificates); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.Certificates, tokenFile), []byte(token+"\n"), 0o600); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the proxy's token cannot be kept: %w", err)
	}
	fmt.Fprintf(a.stderr, "The certificate in %s is good until %s: have weir certificate renew run every hour.\n", printable(o.Certificates), stamp(got.Until))
	_, err = a.stdout.Write(out)
	return err
}

// stamp writes a moment to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
