package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/api/live"
	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/certificate"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/evidence"
	"github.com/weirmesh/weir/server/fleet"
	"github.com/weirmesh/weir/server/gate"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/instrument"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/registry"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/web"
	"github.com/weirmesh/weir/server/webhook"
)

// stopWithin is how long requests that are under way may take when the server stops.
const stopWithin = 3 * time.Second

// Server is a whole Weir: console, API, control plane, ledger.
type Server struct {
	opts    Options
	console net.Listener
	// certificate is the console's; nil: it is served without TLS
	certificate *certificate.Pair
	xds         *xds.Server
	store       *store.Store
	replicas    replicas
	fleet       *fleet.Fleet
	people      *people.People // nil: there is no sign-in
	// authority is nil, too, without sign-in
	authority *authority.Authority
	gate      *gate.Gate
	provider  *oidc.Provider // nil: people sign in by a password only
	setup     people.Link    // while there is nobody
	registry  *registry.Registry
	seeing    seeing
	door      *change.Door
	evidence  *evidence.Gatherer
	hooks     *webhook.Sender
	rollouts  *canary.Controller
	graphs    *graph.Live
	journal   *journal.Journal
	tellers   []*journal.Teller
	hub       *live.Hub
	web       *web.Web
	http      *http.Server
	own       *instrument.Instrument
	ownHTTP   net.Listener // nil: Weir's own metrics are not served
	closers   []closer

	leaving leaving
}

type closer struct {
	name  string
	close func() error
}

// New builds a server: it takes the addresses and the data directory, loads what is recorded and is ready to run. Its
// errors are for people. A server that is not run must be closed.
func New(ctx context.Context, opts Options) (*Server, error) {
	s := &Server{opts: opts.withDefaults()}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// build makes the parts in the order of their dependencies. It is one straight line on purpose: this list is the
// architecture.
func (s *Server) build(ctx context.Context) error {
	if err := s.opts.check(); err != nil {
		return err
	}
	console, err := s.listenConsole()
	if err != nil {
		return err
	}
	s.console = console
	s.onClose("console", ignoreClosed(console.Close))
	control, err := s.listenProxies(ctx)
	if err != nil {
		return err
	}
	s.onClose("control plane", ignoreClosed(control.Listener.Close))
	if err := s.listenOwn(); err != nil {
		return err
	}

	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.admit(ctx); err != nil {
		return err
	}
	if err := s.register(ctx); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if err := s.see(ctx, registry); err != nil {
		return err
	}
	if s.xds, err = s.serveProxies(ctx, control); err != nil {
		return err
	}
	s.fleet = s.newFleet()
	if err := s.open(); err != nil {
		return err
	}
	if err := s.look(registry); err != nil {
		return err
	}
	if err := s.rollOut(ctx); err != nil {
		return err
	}
	if err := s.draw(ctx, registry); err != nil {
		return err
	}
	s.hub = live.New(live.Options{
		Meshes: s.door, Graphs: s.graphs, Changes: s.door, Proxies: s.fleet, Logger: s.opts.Logger.With("part", "live"),
		May: func(ctx context.Context, name string) error {
			return auth.Still(ctx, auth.See, auth.Resource{Mesh: name})
		},
	})
	s.http, err = s.newHTTP()
	return err
}

// open builds the one door, with what it asks before it lets a change through.
func (s *Server) open() error {
	log := s.opts.Logger
	s.evidence = s.rails()
	var asked change.Allow // without sign-in there is nobody to ask about
	if !s.opts.Open {
		asked = allow
	}
	var err error
	s.door, err = change.New(change.Options{
		Store: s.store, Provider: s.fleet, Traffic: s.seeing.told, Around: s.seeing.live, Guard: s.evidence,
		Planner: s.planner(), Allow: asked, Approvals: s.store, Who: who, Logger: log.With("part", "change"),
	})
	return err
}

// draw builds what shows the present: the live pictures, what is told of them, and Weir's own metrics.
func (s *Server) draw(ctx context.Context, registry *prometheus.Registry) error {
	s.graphs = graph.New(graph.Options{
		Meshes: s.meshes, Observer: s.seeing.observer, Proxies: s.proxyCounts, Limits: health.Default(), Window: s.opts.Window,
	})
	if err := s.tell(ctx); err != nil {
		return err
	}
	var err error
	s.own, err = instrument.New(instrument.Options{
		Registry: registry, Version: s.opts.Version, Meshes: s.door, Proxies: s.xds, Graphs: s.graphs, Sources: s.state, Targets: s.targets,
	})
	if err != nil {
		return fmt.Errorf("register Weir's own metrics: %w", err)
	}
	return nil
}

// register builds the registry, with the instances that were known when the server stopped.
func (s *Server) register(ctx context.Context) error {
	s.registry = registry.New(registry.Options{Saver: s.store, Logger: s.opts.Logger.With("part", "registry")})
	known, err := s.store.Instances(ctx)
	if err != nil {
		return fmt.Errorf("load the known instances: %w", err)
	}
	s.registry.Restore(known)
	return nil
}

// Run serves until ctx ends or a part fails, then stops every part and closes. Between the end of ctx and the end of the parts
// is the drain.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := s.untilDrained(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(named("control plane", func() error { return s.xds.Run(ctx) }))
	if s.people != nil {
		group.Go(named("people", func() error { return s.people.Run(ctx) }))
	}
	group.Go(named("registry", func() error { return s.registry.Run(ctx) }))
	group.Go(named("replicas", func() error { return s.fleet.Run(ctx) }))
	group.Go(named("evidence", func() error { return s.evidence.Run(ctx) }))
	group.Go(named("graph wake-up", func() error { s.wakeGraphs(ctx); return nil }))
	group.Go(named("graph", func() error { return s.graphs.Run(ctx) }))
	group.Go(named("live", func() error { return s.hub.Run(ctx) }))
	group.Go(named("trends", func() error { return s.web.Run(ctx) }))
	group.Go(named("own metrics", func() error { return s.own.Run(ctx) }))
	s.runReplicas(ctx, group)
	group.Go(named("proposals", func() error { s.tellProposals(ctx); return nil }))
	s.runSeeing(ctx, group)
	if s.ownHTTP != nil {
		group.Go(named("own metrics", func() error { return serveUntil(ctx, s.ownServer(), s.ownHTTP) }))
	}
	group.Go(named("console", func() error { return serveUntil(ctx, s.http, s.console) }))
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// knownChanges is of how many changes it is remembered what state they were in.
const knownChanges = 256

// wakeGraphs has the pictures drawn anew when a mesh or its proxies changed, without waiting for the next tick. What is
// found out about a change several times a second while it lands changes no mesh.
func (s *Server) wakeGraphs(ctx context.Context) {
	proxies, stop := s.fleet.Watch()
	defer stop()
	changes := s.door.Events().Subscribe(16)
	defer changes.Close()
	known := make(map[string]change.State)
	for {
		select {
		case <-ctx.Done():
			return
		case <-proxies:
		case c := <-changes.C:
			if was, ok := known[c.ID]; ok && was == c.State {
				continue
			}
			if len(known) == knownChanges {
				clear(known)
			}
			known[c.ID] = c.State
		}
		s.graphs.Wake()
	}
}

// serveUntil serves until ctx ends, and then returns when the requests that are under way are answered or cut off: what
// they need is closed after that.
func serveUntil(ctx context.Context, h *http.Server, l net.Listener) error {
	answered := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(answered)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := h.Shutdown(last); err != nil {
			_ = h.Close() // who has not finished by now is cut off
		}
	})
	err := h.Serve(l)
	if stop() { // it ended by itself
		return errors.Join(err, h.Close())
	}
	<-answered
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close gives back what New took, in reverse. Run calls it; closing twice is fine.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close the %s: %w", s.closers[i].name, err))
		}
	}
	s.closers = nil
	return errors.Join(errs...)
}

// XDSAddr is the control plane's address as host:port, or unix:/PATH.
func (s *Server) XDSAddr() string {
	at := s.xds.Addr()
	if at.Network() == "unix" {
		return xds.UnixScheme + at.String()
	}
	return at.String()
}

// Propose records a change of a mesh, as the console and the API do.
func (s *Server) Propose(ctx context.Context, p change.Proposal) (change.Change, error) {
	return s.door.Propose(ctx, p)
}

func (s *Server) onClose(name string, f func() error) {
	s.closers = append(s.closers, closer{name, f})
}

// meshes gives every mesh as last recorded.
func (s *Server) meshes() []mesh.Mesh {
	names := s.door.Meshes()
	all := make([]mesh.Mesh, 0, len(names))
	for _, name := range names {
		if current, err := s.door.Mesh(name); err == nil { // it may have gone since it was listed
			all = append(all, current.Mesh)
		}
	}
	return all
}

// proxyCounts counts the proxies of each virtual node and virtual gateway, by graph id: those that are connected to any replica.
func (s *Server) proxyCounts(name string) map[string]int {
	counts, gateways := s.fleet.Connected(name)
	for gateway, n := range gateways {
		counts[mesh.GatewayID(gateway)] = n
	}
	return counts
}

func named(part string, run func() error) func() error {
	return func() error {
		if err := run(); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		return nil
	}
}

func ignoreClosed(f func() error) func() error {
	return func() error {
		if err := f(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
