package main

import (
	"time"

	secret "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirmesh/weir/server"
	"github.com/weirmesh/weir/server/config"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/remote"
	"github.com/weirmesh/weir/server/webhook"
)

// metricsOff switches Weir's own metrics off.
const metricsOff = "off"

// configFlags are the configuration file and what goes with it.
type configFlags struct {
	file  string
	url   string // of somebody's Prometheus
	print bool
	given *pflag.FlagSet
	said  config.Config // by the file
}

func (c *configFlags) add(cmd *cobra.Command) {
	c.given = cmd.Flags()
	c.given.StringVar(&c.file, "config", "", "a configuration file; flags go before it")
	c.given.StringVar(&c.url, "metrics-url", "", "a Prometheus, Thanos, Mimir or VictoriaMetrics to read metrics from, too")
	c.given.BoolVar(&c.print, "print-config", false, "print what is configured, without secrets, and stop")
}

// apply puts what the file says where no flag says otherwise.
func (c *configFlags) apply(o *server.Options) error {
	var read config.Config
	if c.file != "" {
		var err error
		if read, err = config.Load(c.file); err != nil {
			return err
		}
	}
	for flag, setting := range map[string]struct {
		to   *string
		from string
	}{
		"listen": {&o.Listen, read.Listen}, "xds-listen": {&o.XDSListen, read.XDSListen},
		"metrics-listen": {&o.MetricsListen, read.MetricsListen}, "data": {&o.Data, read.Data},
		"database-url": {&o.DatabaseURL, string(read.DatabaseURL)}, "name": {&o.Name, read.Name},
		"xds-tls-cert": {&o.XDSTLSCert, read.XDSTLS.Cert}, "xds-tls-key": {&o.XDSTLSKey, read.XDSTLS.Key},
		"xds-tls": {&o.XDSTLS, read.XDSTLS.Mode}, "tls-cert": {&o.TLSCert, read.TLS.Cert}, "tls-key": {&o.TLSKey, read.TLS.Key},
	} {
		if setting.from != "" && !c.given.Changed(flag) {
			*setting.to = setting.from
		}
	}
	o.InsecureHTTP = o.InsecureHTTP || read.InsecureHTTP
	o.XDSCertificates = o.XDSCertificates || read.XDSTLS.RequireCertificates
	h := read.History
	o.History = server.HistoryOptions{
		Off: h.Off, Retention: time.Duration(h.Retention), MaxBytes: int64(h.MaxSize), Step: time.Duration(h.Step),
		SeriesLimit: h.SeriesLimit, RollupsOnly: h.RollupsOnly,
	}
	if c.url != "" {
		source, err := remote.FromURL(c.url)
		if err != nil {
			return err
		}
		read.Sources = append(read.Sources, source)
		if err := read.Check(); err != nil { // it may be called like one in the file
			return mesh.Errorf(mesh.Invalid, "--metrics-url: %w", err)
		}
	}
	o.Scrape, o.Sources = read.Scrape, read.Sources
	c.people(o, read)
	for _, w := range read.Webhooks {
		o.Told = append(o.Told, server.EventHook{
			Hook:  webhook.Hook{Name: w.Name, URL: w.URL, Timeout: time.Duration(w.Timeout), Retries: w.Retries, Secret: string(w.Secret)},
			Kinds: w.Kinds, Meshes: w.Meshes,
		})
	}
	o.RolloutHooks = server.RolloutHookOptions{Loopback: read.Rollouts.Loopback, Secret: string(read.Rollouts.Secret)}
	ownMetrics(o, c.given.Changed("metrics-listen") || read.MetricsListen != "")
	return nil
}

// ownMetrics settles where Weir's own metrics are served: a port that nobody chose may be any.
func ownMetrics(o *server.Options, chosen bool) {
	o.MetricsAnywhere = !chosen
	if o.MetricsListen == metricsOff {
		o.MetricsListen = ""
	}
}

// people puts what the file says of who may come in.
func (c *configFlags) people(o *server.Options, read config.Config) {
	c.said = read
	o.People.KeyFile = read.People.KeyFile
	o.People.Idle, o.People.Lifetime = time.Duration(read.People.Idle), time.Duration(read.People.Lifetime)
	o.People.Trusted, _ = read.People.Trusted() // checked when the file was read
	if by, ok := read.Provider(); ok {
		o.People.Provider = &by
	}
}

// effective is the configuration as it came out, as a file has it.
func (c *configFlags) effective(o server.Options) config.Config {
	h := o.History
	own := o.MetricsListen
	if own == "" {
		own = metricsOff
	}
	var hooks []config.Webhook
	for _, h := range o.Told {
		hooks = append(hooks, config.Webhook{
			Name: h.Name, URL: h.URL, Kinds: h.Kinds, Meshes: h.Meshes, Secret: secret.Secret(h.Secret), Timeout: model.Duration(h.Timeout), Retries: h.Retries,
		})
	}
	return config.Config{
		Listen: o.Listen, XDSListen: o.XDSListen, MetricsListen: own, Data: o.Data, DatabaseURL: secret.Secret(o.DatabaseURL), Name: o.Name,
		People: c.said.People, PublicURL: c.said.PublicURL, OIDC: c.said.OIDC,
		TLS: config.TLS{Cert: o.TLSCert, Key: o.TLSKey}, InsecureHTTP: o.InsecureHTTP,
		XDSTLS: config.XDSTLS{TLS: config.TLS{Cert: o.XDSTLSCert, Key: o.XDSTLSKey}, Mode: o.XDSTLS, RequireCertificates: o.XDSCertificates},
		History: config.History{
			Off: h.Off, Retention: model.Duration(h.Retention), MaxSize: config.Size(h.MaxBytes), Step: model.Duration(h.Step),
			SeriesLimit: h.SeriesLimit, RollupsOnly: h.RollupsOnly,
		},
		Scrape: o.Scrape, Sources: o.Sources, Webhooks: hooks,
		Rollouts: config.Rollouts{Loopback: o.RolloutHooks.Loopback, Secret: secret.Secret(o.RolloutHooks.Secret)},
	}
}
