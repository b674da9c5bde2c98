package server

import (
	"context"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// aggregator is what tells of traffic: the live one, or one that makes it up.
type aggregator interface {
	Observe(name string, window time.Duration, now time.Time) mesh.Observation
	Meshes() []string
	Rollups(name string, visit func(*metrics.Rollup))
	Counts(name string) []mesh.EdgeCount
}

// played is the aggregator with a made-up mesh beside those that proxies report for.
type played struct {
	*metrics.Live
	crowd *crowd.Crowd
}

var _ aggregator = played{}

func (p played) mine(name string) bool { return name == p.crowd.Mesh().Name }

// Observe gives what is seen of a mesh.
func (p played) Observe(name string, window time.Duration, now time.Time) mesh.Observation {
	if p.mine(name) {
		return p.crowd.Observe(name, window, now)
	}
	return p.Live.Observe(name, window, now)
}

// Meshes names the meshes that anything is known of.
func (p played) Meshes() []string { return append(p.Live.Meshes(), p.crowd.Meshes()...) }

// Rollups visits what was counted.
func (p played) Rollups(name string, visit func(*metrics.Rollup)) {
	if p.mine(name) {
		p.crowd.Rollups(name, visit)
		return
	}
	p.Live.Rollups(name, visit)
}

// Counts gives every edge's counters.
func (p played) Counts(name string) []mesh.EdgeCount {
	if p.mine(name) {
		return p.crowd.Counts(name)
	}
	return p.Live.Counts(name)
}

// madeUp says whether a mesh's traffic is made up.
func (s *Server) madeUp(name string) bool {
	return s.opts.crowd != nil && name == s.opts.crowd.Mesh().Name
}

// newCrowd makes up the mesh that a demo is asked for, and sees to it that its history fits.
func newCrowd(o *DemoOptions) error {
	if o.Story != "" && o.Story != demo.Stories()[0] {
		return mesh.Errorf(mesh.Invalid, "story %s: a made-up mesh plays no story: leave out --story or --services", o.Story)
	}
	c, err := crowd.New(crowd.Options{Services: o.Services, Seed: o.Seed})
	if err != nil {
		return err
	}
	o.crowd = c
	h := &o.History
	if h.Step == 0 {
		h.Step = crowd.Step(o.Services)
	}
	if h.SeriesLimit == 0 {
		h.SeriesLimit = max(150_000, 2*c.Series())
	}
	return nil
}

// runCrowd records the made-up mesh, unless the data directory already has it, and serves until ctx ends.
func (s *Server) runCrowd(ctx context.Context, o DemoOptions) error {
	m := o.crowd.Mesh()
	if _, err := s.door.Mesh(m.Name); err != nil { // what people changed in it stays
		_, err := s.door.Propose(ctx, change.Proposal{
			Mesh: m.Name, Author: demoAuthor, Reason: "a made-up mesh", Patch: mesh.Patch{Put: m.Objects()},
		})
		if err != nil && ctx.Err() != nil {
			return s.Close() // the time was over before it began
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(o.Out, "console   %s\n", s.URL())
	fmt.Fprintf(o.Out, "ready     mesh %s: %d services, made up: no proxy and no request is behind its numbers\n", m.Name, len(m.Services))
	fmt.Fprintln(o.Out, "          Ctrl-C stops everything")
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // that the time is over is no failure
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return s.Run(serving)
}
