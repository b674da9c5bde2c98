package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
)

// proxyAsk says what of a proxy is shown: how far its types are, unless one of the others is set.
type proxyAsk struct {
	id, plural, name, filter string
	stats                    string
	asked                    bool // for statistics
	secure                   bool
	f                        format
}

func (a *app) proxyCommand() *cobra.Command {
	var meshName string
	var ask proxyAsk
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show what one proxy runs and should run, or what it counts",
		Long: "Show how far one proxy is with each type of configuration; with --type what it runs of one type, resource by resource;\n" +
			"with --certificates what its resources refer to for encryption; with --stats what it reported lately.",
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = does(func(ctx context.Context, args []string) error {
		ask.id, ask.asked = args[0], cmd.Flags().Changed("stats")
		if chosen := []bool{ask.plural != "", ask.asked, ask.secure}; strings.Count(fmt.Sprint(chosen), "true") > 1 {
			return misuse("--type, --certificates and --stats are three different lists: choose one")
		}
		if ask.plural == "" && ask.name+ask.filter != "" {
			return misuse("--name and --filter choose among resources: say of which --type")
		}
		return a.onMesh(ctx, meshName, func(c *client.Client, name string) error { return a.showProxy(ctx, c, name, ask) })
	})
	meshFlag(cmd, &meshName)
	flags := cmd.Flags()
	plurals := make([]string, 0, len(provider.Types()))
	for _, kind := range provider.Types() {
		plurals = append(plurals, kind+"s")
	}
	flags.Var(&choice{&ask.plural, plurals}, "type", "which resources: "+strings.Join(plurals, ", "))
	flags.StringVar(&ask.name, "name", "", "only the resource of this name, in full with -o json or yaml")
	flags.StringVar(&ask.filter, "filter", "", "only resources with this text in their name")
	flags.BoolVar(&ask.secure, "certificates", false, "what its resources refer to for encryption")
	flags.StringVar(&ask.stats, "stats", "", "statistics with all of these words in name or labels; '' for all")
	formatFlag(cmd, &ask.f)
	return cmd
}

func (a *app) showProxy(ctx context.Context, c *client.Client, meshName string, ask proxyAsk) error {
	switch {
	case ask.asked:
		return a.showStats(ctx, c, meshName, ask)
	case ask.secure:
		return a.showCertificates(ctx, c, meshName, ask)
	case ask.plural != "":
		d, err := c.ProxyConfig(ctx, meshName, ask.id, provider.Ask{
			Type: strings.TrimSuffix(ask.plural, "s"), Name: ask.name, Text: ask.filter, Raw: ask.name != "",
		})
		if err != nil {
			return err
		}
		if ask.f != "table" {
			return a.written(ask.f, d)
		}
		return a.resources(d)
	}
	data, err := c.ProxyRaw(ctx, meshName, ask.id)
	if err != nil {
		return err
	}
	if ask.f != "table" {
		return a.raw(ask.f, data)
	}
	var p provider.Proxy
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return a.types(p)
}

// written writes a value as JSON or YAML.
func (a *app) written(f format, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return a.raw(f, data)
}

// types writes how far a proxy is with each type.
func (a *app) types(p provider.Proxy) error {
	rows := make([][]string, len(p.Resources))
	now := time.Now()
	for i, t := range p.Resources {
		state := "synced"
		switch {
		case t.Rejected != "":
			state = "rejected"
		case t.Pending != "" || t.Wanted != t.Acked && t.Wanted != "":
			state = "pending"
		}
		rows[i] = []string{t.Type, state, strconv.Itoa(t.Count), t.Wanted, t.Acked, ago(t.AckedAt, now), t.Message}
	}
	return a.table([]string{"TYPE", "STATE", "RESOURCES", "WANTED", "RUNS", "ACKED", "MESSAGE"}, rows)
}

// resources writes what a proxy runs of one type.
func (a *app) resources(d provider.Dump) error {
	now := time.Now()
	rows := make([][]string, len(d.Resources))
	for i, r := range d.Resources {
		rows[i] = []string{r.Name, string(r.Progress), r.Wanted, r.Running, ago(r.AckedAt, now), about(r), r.Message}
	}
	return a.table([]string{"NAME", "STATE", "WANTED", "RUNS", "ACKED", "WHAT", "MESSAGE"}, rows)
}

// about says in a few words what a resource is.
func about(r provider.Resource) string {
	switch {
	case r.Listener != nil:
		return fmt.Sprintf("%s %s:%d → %s", r.Listener.Kind, r.Listener.Address, r.Listener.Port, cmp.Or(r.Listener.Routes, r.Listener.Cluster))
	case r.Cluster != nil:
		return strings.Join(append([]string{r.Cluster.Kind, r.Cluster.Protocol}, r.Cluster.Addresses...), " ")
	}
	words := make([]string, 0, len(r.Endpoints)+len(r.Hosts))
	for _, e := range r.Endpoints {
		words = append(words, fmt.Sprintf("%s:%d %s", e.Address, e.Port, e.Health))
	}
	for _, h := range r.Hosts {
		words = append(words, fmt.Sprintf("%s: %d routes", h.Name, len(h.Routes)))
	}
	return strings.Join(words, ", ")
}

func (a *app) showCertificates(ctx context.Context, c *client.Client, meshName string, ask proxyAsk) error {
	var all []provider.Resource
	for _, kind := range []string{"listener", "cluster"} {
		d, err := c.ProxyConfig(ctx, meshName, ask.id, provider.Ask{Type: kind, Secure: true})
		if err != nil {
			return err
		}
		all = append(all, d.Resources...)
	}
	if ask.f != "table" {
		return a.written(ask.f, map[string]any{"resources": append([]provider.Resource{}, all...)})
	}
	var rows [][]string
	for _, r := range all {
		for _, cert := range r.Certificates {
			end := ""
			if !cert.NotAfter.IsZero() {
				end = cert.NotAfter.Format(time.RFC3339)
			}
			rows = append(rows, []string{r.Name, cert.Use, cert.Source, cert.Name, strings.Join(cert.Names, ","), end, cert.Problem})
		}
	}
	return a.table([]string{"RESOURCE", "USE", "SOURCE", "NAME", "FOR", "EXPIRES", "PROBLEM"}, rows)
}

func (a *app) showStats(ctx context.Context, c *client.Client, meshName string, ask proxyAsk) error {
	p, err := c.ProxyStats(ctx, meshName, ask.id, ask.stats)
	if err != nil {
		return err
	}
	if ask.f != "table" {
		return a.written(ask.f, p)
	}
	rows := make([][]string, len(p.Stats))
	for i, s := range p.Stats {
		rows[i] = []string{s.Name, labelsText(s), number(&s.Value), number(s.Rate), number(s.Mean)}
	}
	return a.table([]string{"NAME", "LABELS", "VALUE", "PER SECOND", "MEAN"}, rows)
}

func labelsText(s reading.Stat) string {
	words := make([]string, 0, len(s.Labels))
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		words = append(words, name+"="+s.Labels[name])
	}
	return strings.Join(words, ",")
}

// number writes a value, if there is one.
func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 6, 64)
}
