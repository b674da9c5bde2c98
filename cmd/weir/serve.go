package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server"
)

func (a *app) serveCommand() *cobra.Command {
	var o server.Options
	var level slog.Level
	var file configFlags
	var drain time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: console, API and control plane",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			if err := file.apply(&o); err != nil {
				return err
			}
			o.DatabaseURL = cmp.Or(o.DatabaseURL, a.getenv("WEIR_DATABASE_URL"))
			o.Drain = drained(drain, file.given.Changed("drain"), o.DatabaseURL != "")
			if file.print {
				fmt.Fprint(a.stdout, file.effective(o))
				return nil
			}
			a.saveMemory()
			if o.Envoy == "" {
				o.Envoy = a.getenv("ENVOY")
			}
			o.Version = version()
			o.Logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
			s, err := server.New(ctx, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "Weir serves the console and the API at %s and proxies at %s; data is in %s. Ctrl-C stops it.\n",
				s.URL(), s.XDSAddr(), o.Data)
			if link := s.SetupURL(); link != "" {
				fmt.Fprintf(a.stdout, "Nobody can sign in yet: open %s once, within 24 hours.\n", link)
			}
			if own := s.MetricsURL(); own != "" {
				fmt.Fprintf(a.stdout, "Its own metrics are at %s.\n", own)
			}
			return s.Run(ctx)
		}),
	}
	serverFlags(cmd, &o)
	cmd.Flags().StringVar(&o.DatabaseURL, "database-url", "", "a PostgreSQL that several replicas share, as in postgres://weir@db:5432/weir (default: $WEIR_DATABASE_URL, or SQLite in the data directory)")
	cmd.Flags().StringVar(&o.Name, "name", "", "what this replica is called, the same after a restart (default: host and address)")
	cmd.Flags().BoolVar(&o.Open, "open", false, "no sign-in: whoever reaches the address may do everything; for addresses of this machine only")
	cmd.Flags().StringVar(&o.Envoy, "envoy", "", "an Envoy that checks configuration in dry runs (default: $ENVOY, or envoy on PATH)")
	cmd.Flags().StringVar(&o.XDSTLSCert, "xds-tls-cert", "", "the control plane's certificate chain in PEM; read again when it changes (default: one of Weir's own authority, see --xds-tls)")
	cmd.Flags().StringVar(&o.XDSTLSKey, "xds-tls-key", "", "the key of that certificate, in PEM")
	tlsFlags(cmd, &o)
	cmd.Flags().StringVar(&o.People.AdminPasswordFile, "admin-password-file", "", "if there is nobody yet, make the administrator admin with the password in this file, instead of a link")
	file.add(cmd)
	cmd.Flags().DurationVar(&drain, "drain", 0, "between the signal to stop and the stop: not ready, and proxies go to other replicas (default: 5s with --database-url, else 0s)")
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "what is logged: DEBUG, INFO, WARN, ERROR")
	return cmd
}

// drainForOthers suits replicas: a load balancer takes one out within it, and proxies go to the others.
const drainForOthers = 5 * time.Second

// drained is how long a server drains: as it was told, and where it was not, only if there may be others to go to.
func drained(told time.Duration, given, shared bool) time.Duration {
	if !given && shared {
		return drainForOthers
	}
	return told
}

// tlsFlags adds how the console and the control plane are encrypted.
func tlsFlags(cmd *cobra.Command, o *server.Options) {
	fs := cmd.Flags()
	fs.StringVar(&o.TLSCert, "tls-cert", "", "the console's certificate chain in PEM; read again when it changes (default: plain HTTP, on this machine only)")
	fs.StringVar(&o.TLSKey, "tls-key", "", "the key of that certificate, in PEM")
	fs.BoolVar(&o.InsecureHTTP, "insecure-http", false, "serve the console to other machines without TLS: whoever is in between reads passwords and tokens")
	fs.StringVar(&o.XDSTLS, "xds-tls", "auto", "where proxies are served with a certificate of Weir's own authority: auto, where other machines reach the address, or on, everywhere")
	fs.BoolVar(&o.XDSCertificates, "xds-require-certificates", false, "let proxies in by a certificate alone (weir bootstrap --certificates), and not by a token")
}

// serverFlags adds what serve and demo have in common.
func serverFlags(cmd *cobra.Command, o *server.Options) {
	fs := cmd.Flags()
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the console and the API")
	fs.StringVar(&o.XDSListen, "xds-listen", "127.0.0.1:18000", "address of the control plane, for proxies: HOST:PORT or unix:/PATH")
	fs.StringVar(&o.MetricsListen, "metrics-listen", "127.0.0.1:18002", `address of Weir's own metrics, or "off"; if the default is in use, any free port`)
	fs.StringVar(&o.Data, "data", "./weir-data", "the data directory")
}
