package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/drift"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// The weights of findings.
const (
	fine  = "ok"
	note  = "note"
	wrong = "wrong"
)

// finding is one thing that doctor looked at.
type finding struct {
	State string `json:"state"` // ok, note, wrong
	What  string `json:"what"`
	Said  string `json:"said"`
}

// patient is what doctor looks at.
type patient struct {
	app    *app
	client *client.Client
	data   string
	found  []finding
}

func (a *app) doctorCommand() *cobra.Command {
	var data string
	var f format
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with this installation, in words",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				p := &patient{app: a, client: c, data: data}
				p.server(ctx)
				p.directory()
				p.envoy(ctx)
				return a.report(p.found, f)
			})
		}),
	}
	cmd.Flags().StringVar(&data, "data", "./weir-data", "the data directory")
	formatFlag(cmd, &f)
	return cmd
}

// report writes the findings and fails when something is wrong.
func (a *app) report(found []finding, f format) error {
	bad := 0
	rows := make([][]string, len(found))
	for i, one := range found {
		rows[i] = []string{one.State, one.What, one.Said}
		if one.State == wrong {
			bad++
		}
	}
	if f == "table" {
		if err := a.table([]string{"STATE", "WHAT", "FOUND"}, rows); err != nil {
			return err
		}
	} else {
		data, err := json.Marshal(found)
		if err != nil {
			return fmt.Errorf("write the findings: %w", err)
		}
		if err := a.raw(f, data); err != nil {
			return err
		}
	}
	switch bad {
	case 0:
		return nil
	case 1:
		return &failure{exitFailed, errors.New("one thing is wrong")}
	default:
		return &failure{exitFailed, fmt.Errorf("%d things are wrong", bad)}
	}
}

func (p *patient) say(state, what, format string, args ...any) {
	p.found = append(p.found, finding{state, what, oneLine(fmt.Errorf(format, args...))})
}

// server looks at the server and, when it answers, at its meshes.
func (p *patient) server(ctx context.Context) {
	serving, err := p.client.Version(ctx)
	if mesh.CodeOf(err) == mesh.Unauthenticated {
		p.say(wrong, "sign-in", "%s answers and does not know you: %w", p.client.URL(), err)
		return
	}
	if err != nil {
		p.say(wrong, "server", "%w", err)
		p.port(ctx)
		return
	}
	said := fmt.Sprintf("%s answers, version %s", p.client.URL(), serving)
	if own := version(); own != serving {
		said += "; this binary is " + own
	}
	p.say(fine, "server", "%s", said)
	account, ready, err := p.client.Ready(ctx)
	switch {
	case err != nil:
		p.say(wrong, "server's parts", "%w", err)
	case !ready:
		p.say(wrong, "server's parts", "%s", strings.ReplaceAll(strings.TrimSpace(account), "\n", "; "))
	default:
		p.say(fine, "server's parts", "all ready")
	}
	names, err := p.client.Meshes(ctx)
	if err != nil {
		p.say(wrong, "meshes", "%w", err)
		return
	}
	if len(names) == 0 {
		p.say(note, "meshes", "there is none yet: make one with weir apply -f FILE")
	}
	for _, name := range names {
		p.mesh(ctx, name)
	}
	p.sources(ctx)
	p.hooks(ctx)
}

// hooks looks at who is told of events.
func (p *patient) hooks(ctx context.Context) {
	list, err := p.client.Hooks(ctx)
	if err != nil {
		p.say(wrong, "webhooks", "%w", err)
		return
	}
	for _, h := range list {
		switch {
		case h.Failing:
			p.say(wrong, "webhook "+h.Name, "cannot be told: %s; %d events wait for it", h.Message, h.Behind)
		case h.Lost > 0:
			p.say(note, "webhook "+h.Name, "is told of events; %d were lost before", h.Lost)
		default:
			p.say(fine, "webhook "+h.Name, "is told of events, %d so far", h.Delivered)
		}
	}
}

// port says whether something else sits where the server should be.
func (p *patient) port(ctx context.Context) {
	u, err := url.Parse(p.client.URL())
	if err != nil || u.Port() == "" {
		return
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		p.say(note, "port "+u.Port(), "nothing listens at %s: weir serve may take it", u.Host)
		return
	}
	conn.Close()
	p.say(wrong, "port "+u.Port(), "something that is not Weir listens at %s: stop it, or choose another address with --listen", u.Host)
}

// mesh looks at one mesh's proxies and at how fresh its numbers are.
func (p *patient) mesh(ctx context.Context, name string) {
	proxies, err := p.client.Proxies(ctx, name)
	if err != nil {
		p.say(wrong, "proxies of "+name, "%w", err)
		return
	}
	connected, bad := 0, 0
	for _, x := range proxies {
		switch x.State {
		case provider.Refused:
			bad++
			p.say(wrong, "proxy "+x.ID, "was not let in: %s", x.Message)
		case provider.Rejected:
			bad++
			connected++
			p.say(wrong, "proxy "+x.ID, "refused its newest configuration and keeps its last good one: %s", x.Message)
		case provider.Gone:
			p.say(note, "proxy "+x.ID, "is gone since %s", x.Since.Local().Format(time.TimeOnly))
		default:
			connected++
		}
		if x.SeriesOver > 0 {
			p.say(note, "proxy "+x.ID, "reports %d series more than are taken", x.SeriesOver)
		}
	}
	switch {
	case connected == 0 && bad == 0:
		p.say(note, "proxies of "+name, "none is connected: start one with weir bootstrap")
		return
	case bad == 0:
		p.say(fine, "proxies of "+name, "%d connected, all run what they were sent or are about to", connected)
	}
	p.drift(ctx, name)
	g, err := p.client.Graph(ctx, name)
	switch {
	case err != nil:
		p.say(wrong, "numbers of "+name, "%w", err)
	case !g.Fresh:
		p.say(wrong, "numbers of "+name, "are not fresh: the oldest report is %s old", seconds(g.Age))
	default:
		p.say(fine, "numbers of "+name, "are fresh")
	}
}

// drift says what of a mesh is not as it was accepted.
func (p *patient) drift(ctx context.Context, name string) {
	what := "drift of " + name
	data, err := p.client.DriftRaw(ctx, name)
	if err != nil {
		p.say(wrong, what, "%w", err)
		return
	}
	var r drift.Report
	if err := json.Unmarshal(data, &r); err != nil {
		p.say(wrong, what, "read the answer: %w", err)
		return
	}
	var found []string
	count := func(n int, one, many string) {
		switch n {
		case 0:
		case 1:
			found = append(found, "1 "+one)
		default:
			found = append(found, strconv.Itoa(n)+" "+many)
		}
	}
	count(len(r.Behind), "proxy does not run what is accepted", "proxies do not run what is accepted")
	count(len(r.Objects), "object is not everywhere", "objects are not everywhere")
	count(len(r.Unrun), "node or gateway has no proxy", "nodes or gateways have no proxy")
	count(len(r.Undeclared), "call is not declared", "calls are not declared")
	switch {
	case len(found) == 0:
		p.say(fine, what, "proxies run what is accepted, and nobody calls what is not declared")
	default:
		p.say(note, what, "%s: weir drift --mesh %s says which", strings.Join(found, ", "), name)
	}
}

// directory looks at the data directory.
func (p *patient) directory() {
	info, err := os.Stat(p.data)
	switch {
	case os.IsNotExist(err):
		p.say(note, "data", "there is no directory %s: weir serve makes it, or keeps its data elsewhere", p.data)
		return
	case err != nil:
		p.say(wrong, "data", "%w", err)
		return
	case !info.IsDir():
		p.say(wrong, "data", "%s is not a directory: move it away, or choose another one with --data", p.data)
		return
	}
	probe, err := os.CreateTemp(p.data, ".doctor-*")
	if err != nil {
		p.say(wrong, "data", "%s cannot be written: %w", p.data, err)
		return
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		p.say(wrong, "data", "%w", err)
		return
	}
	p.say(fine, "data", "%s can be written", p.data)
}

// envoy looks for an Envoy on this machine. Only the demo needs one here.
func (p *patient) envoy(ctx context.Context) {
	path, err := demo.FindEnvoy()
	if err != nil {
		p.say(note, "Envoy", "%w", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		p.say(wrong, "Envoy", "%s does not run: %w", path, err)
		return
	}
	// "envoy  version: <hash>/1.40.0/Clean/RELEASE/BoringSSL"
	found := regexp.MustCompile(`version: [^/\s]+/([0-9][0-9A-Za-z.-]*)`).FindSubmatch(out)
	if found == nil {
		p.say(wrong, "Envoy", "%s does not say which version it is", path)
		return
	}
	p.say(fine, "Envoy", "%s is version %s", path, found[1])
}
