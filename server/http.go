package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/api"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/web"
)

// Limits on what a client may take its time with or send. Bodies are limited where they are read.
const (
	readHeader = 5 * time.Second
	readAll    = 30 * time.Second
	writeAll   = 60 * time.Second // a long poll waits up to 25 s
	idle       = 2 * time.Minute
	maxHeader  = 32 << 10
)

// newHTTP puts the API and the console on one engine. The API comes first: its guard covers the pages too.
func (s *Server) newHTTP() (*http.Server, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(nil, s.recovered))
	options := api.Options{
		Meshes: s.door, Door: s.door, Ledger: s.door, Entries: s.door, Proposals: s.door, Graphs: s.graphs, Proxies: s.fleet, Live: s.hub, Replicas: installation{s},
		Logger: s.opts.Logger.With("part", "api"), Version: s.opts.Version,
		GraphOver: s.graphOver, Ready: s.ready, Open: s.opts.Open,
		Timeline: s.seeing.timeline, Sources: s.state, Targets: s.targets, Querier: s.querier,
		Dumps: s.fleet, Stats: s.stats, Advise: s.advise, Rollouts: s.rollouts,
		Events: s.journal, Hooks: s.told,
	}
	if s.gate != nil {
		options.Identify, options.Visit, options.Refused = s.gate.Identify, s.gate.Visit, s.refused
	}
	if s.people != nil {
		options.ProxyTokens, options.Tokens = s.people.Tokens, s.people.Tokens
		options.Certifier = s.certifier()
		options.People, options.Standing = s.people.Directory, s.people.Directory
	}
	rest, err := api.New(options)
	if err != nil {
		return nil, fmt.Errorf("build the API: %w", err)
	}
	if err := rest.Mount(engine); err != nil {
		return nil, fmt.Errorf("mount the API: %w", err)
	}
	s.web, err = web.New(web.Options{
		Meshes: s.door, Changes: s.door, Verdicts: s.door, Entries: s.door, Proposals: s.door, Decisions: s.door, Graphs: s.graphs, Proxies: s.fleet,
		Events: s.journal, Drafts: s.store, Views: s.store, Dumps: s.fleet, Versions: s.door, Stats: s.stats, Advise: s.advise,
		Timeline: s.seeing.timeline, Sources: s.state, Targets: s.targets, MadeUp: s.madeUp, Rollouts: s.rollouts, RolloutVerbs: s.rollouts,
		Admission: s.admission(), Identify: rest.Identify, Replicas: installation{s},
		Logger: s.opts.Logger.With("part", "web"), Refused: options.Refused,
	})
	if err != nil {
		return nil, fmt.Errorf("build the console: %w", err)
	}
	s.web.Mount(engine)
	return &http.Server{
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug), // handshakes of strangers
		Handler:  s.answers(bounded(engine)), ReadHeaderTimeout: readHeader, ReadTimeout: readAll, WriteTimeout: writeAll, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
	}, nil
}

// listenOwn takes the address of Weir's own metrics.
func (s *Server) listenOwn() error {
	address := s.opts.MetricsListen
	if address == "" {
		return nil
	}
	l, err := listen("Weir's own metrics", address, "--metrics-listen")
	if err != nil && s.opts.MetricsAnywhere && mesh.CodeOf(err) == mesh.Unavailable {
		l, err = listen("Weir's own metrics", "127.0.0.1:0", "--metrics-listen")
	}
	if err != nil {
		return err
	}
	s.ownHTTP = l
	s.onClose("own metrics", ignoreClosed(l.Close))
	return nil
}

// MetricsURL is where Weir's own metrics are; empty when they are not served.
func (s *Server) MetricsURL() string {
	if s.ownHTTP == nil {
		return ""
	}
	return "http://" + s.ownHTTP.Addr().String() + "/metrics"
}

// ownServer serves Weir's own metrics and nothing else.
func (s *Server) ownServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.own.Handler())
	return &http.Server{
		Handler: s.answers(mux), ReadHeaderTimeout: readHeader, ReadTimeout: readAll, WriteTimeout: writeAll, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
	}
}

func (s *Server) recovered(c *gin.Context, panicked any) {
	s.opts.Logger.Error("a request failed by a fault of weir", "method", c.Request.Method, "path", c.FullPath(), "panic", fmt.Sprint(panicked))
	c.AbortWithStatus(http.StatusInternalServerError)
}

// graphOver draws a graph over another window than the live one.
func (s *Server) graphOver(name string, window time.Duration) (graph.Graph, error) {
	g, ok := s.graphs.At(name, window, time.Now())
	if !ok {
		return graph.Graph{}, mesh.Errorf(mesh.NotFound, "there is no mesh %q", name)
	}
	return g, nil
}

// ready says for /readyz whether the parts work.
func (s *Server) ready(ctx context.Context) []api.Check {
	return s.checks(ctx)
}
