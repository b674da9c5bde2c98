package xds

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/registry"
)

const (
	maxMessage = 8 << 20 // bytes of one message from a proxy
	maxStreams = 100     // on one connection; an Envoy needs two
	// stopPatience is how long streams may take to end when Weir stops.
	stopPatience = 300 * time.Millisecond
	// connectWithin is how long a connection may take to be set up, TLS included.
	connectWithin = 10 * time.Second
)

// Options are what a Server needs.
type Options struct {
	Listener net.Listener // takes precedence over Addr
	Addr     string       // "127.0.0.1:0" if empty
	Logger   *slog.Logger // none: nothing is logged
	Sink     Sink         // none: numbers are taken and dropped
	Registry *registry.Registry
	TLS      *tls.Config // plain text if nil
	Passes   Passes      // whoever connects is let in if nil
	// Certificates lets proxies in by a certificate alone: a token is not enough. It takes TLS.
	Certificates bool
	Translate    func(Input) (*Snapshot, error)       // Translate if nil
	Identify     func(*corev3.Node) (Identity, error) // ParseIdentity if nil
	Now          func() time.Time                     // time.Now if nil
}

// Server is the control plane: it serves configuration to Envoys and takes their numbers on one port. It is a
// provider.Provider.
type Server struct {
	log      *slog.Logger
	sink     Sink
	registry *registry.Registry
	tls      *tls.Config
	passes   Passes
	// certificates are what every proxy has to show
	certificates bool
	telling      *rate.Limiter // of refusals
	translate    func(Input) (*Snapshot, error)
	parse        func(*corev3.Node) (Identity, error)
	now          func() time.Time
	listener     net.Listener
	stopping     chan struct{}
	wake         chan struct{} // for the loop: something is due sooner than it knew

	// work is held while translating: one Apply, join or change of instances at a time. It is taken before mu.
	work sync.Mutex
	// mu guards everything below, and every meshState, group, state and session.
	mu        sync.Mutex
	meshes    map[string]*meshState
	refusedAt refusals
	reports   map[reporter]report
	sent      int64 // resources sent since the start, removals included
	nacks     int   // messages refused since the start

	serving *health.Server
	running atomic.Bool
	joins   *rate.Limiter // of streams that begin
	leaving drain

	staysMu sync.Mutex
	stays   map[*stay]struct{} // streams that were let in by a token

	watchMu  sync.Mutex
	watchers map[chan struct{}]struct{}
}

// New makes a server and opens its port, so that Addr is known and a port in use is an error at once.
func New(o Options) (*Server, error) {
	s := &Server{
		log: o.Logger, sink: o.Sink, registry: o.Registry, translate: o.Translate, parse: o.Identify, now: o.Now,
		listener: o.Listener, stopping: make(chan struct{}), wake: make(chan struct{}, 1),
		meshes: make(map[string]*meshState), refusedAt: make(refusals), reports: make(map[reporter]report),
		watchers: make(map[chan struct{}]struct{}), tls: o.TLS, passes: o.Passes, certificates: o.Certificates, stays: make(map[*stay]struct{}),
		telling: rate.NewLimiter(tellRefusals, tellAtOnce),
		serving: health.NewServer(), joins: newJoins(), leaving: drain{begun: make(chan struct{})},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.translate == nil {
		s.translate = Translate
	}
	if s.parse == nil {
		s.parse = ParseIdentity
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.listener == nil {
		addr := cmp.Or(o.Addr, "127.0.0.1:0")
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, mesh.Errorf(mesh.Unavailable, "the port for proxies, %s, cannot be opened; is another Weir running? (%w)", addr, err)
		}
		s.listener = l
	}
	return s, nil
}

// Addr is where proxies connect to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends; then the streams are told that Weir stops, and ended soon after. It may be
// called once.
func (s *Server) Run(ctx context.Context) error {
	options := []grpc.ServerOption{
		grpc.ConnectionTimeout(connectWithin),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 2 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalives()),
	}
	if s.tls != nil {
		options = append(options, grpc.Creds(s.credentials()))
	}
	server := grpc.NewServer(options...)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, ads{server: s})
	metricsv3.RegisterMetricsServiceServer(server, stats{server: s})
	healthgrpc.RegisterHealthServer(server, s.serving)

	var changed <-chan struct{}
	if s.registry != nil {
		var stop func()
		changed, stop = s.registry.Watch()
		defer stop()
	}
	g, ctx := errgroup.WithContext(ctx)
	s.running.Store(true)
	defer s.running.Store(false)
	g.Go(func() error {
		if err := server.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return mesh.Errorf(mesh.Internal, "serve proxies: %w", err)
		}
		return nil
	})
	if s.passes != nil {
		g.Go(func() error {
			s.watchPasses(ctx)
			return nil
		})
	}
	g.Go(func() error {
		s.loop(ctx, changed)
		s.serving.Shutdown()
		close(s.stopping)
		stop(server)
		return nil
	})
	return g.Wait()
}

// stop ends the server's streams gently, then not.
func stop(server *grpc.Server) {
	timer := time.AfterFunc(stopPatience, server.Stop)
	defer timer.Stop()
	server.GracefulStop()
}

// loop does what is due by the clock, and takes in changes of instances at most once in a gap.
func (s *Server) loop(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var moved bool
	var movedAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-changed:
			moved = true
		case <-timer.C:
		}
		now := s.now()
		if moved && now.Sub(movedAt) >= pushGap {
			s.reregister()
			moved, movedAt = false, now
		}
		next := s.tend(s.now())
		if again := movedAt.Add(pushGap); moved && again.Before(next) {
			next = again
		}
		timer.Reset(max(next.Sub(now), time.Millisecond))
	}
}

// kick makes the loop look again.
func (s *Server) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
