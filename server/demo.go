package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider/xds"
)

// DemoOptions are what `weir demo` needs to know besides a server's options.
type DemoOptions struct {
	Options // Data empty: a folder of its own that is removed at the end
	// Services is how many a made-up mesh without proxies has that is shown instead of the sample mesh: zero, or
	// crowd.MinServices to crowd.MaxServices.
	Services int
	Rate     int           // requests per second through the gateway
	Seed     uint64        // of everything random
	Story    string        // one of demo.Stories; empty: "none"
	For      time.Duration // zero: until ctx ends
	Out      io.Writer     // progress, a line at a time
}

// RunDemo runs the sample mesh, its load and a server that steers it, until ctx ends, the time is over or a part fails.
// Nothing it started is left when it returns.
func RunDemo(ctx context.Context, o DemoOptions) (err error) {
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	o.Out = &lines{w: o.Out}
	o.RolloutHooks.Loopback = true // receivers of a demo run beside it
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "weir-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo's data: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Data)) }()
	}
	if o.Services != 0 {
		if err := newCrowd(&o); err != nil {
			return err
		}
	}
	s, err := New(ctx, o.Options)
	if err != nil {
		return err
	}
	if o.crowd != nil {
		if err := s.runCrowd(ctx, o); err != nil {
			return errors.Join(err, s.Close())
		}
		return nil
	}
	d, err := s.newDemo(ctx, o)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return s.runWith(ctx, d, o.Out)
}

// newDemo records the sample mesh, unless the data directory already has it, and prepares its proxies.
func (s *Server) newDemo(ctx context.Context, o DemoOptions) (*demo.Demo, error) {
	d, err := demo.New(demo.Options{
		Bootstrap: s.demoBootstrap, Apply: s.demoApply, Roll: s.demoRoll,
		Rate: float64(o.Rate), Seed: o.Seed, Story: o.Story, Envoy: o.Envoy, Out: o.Out,
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.door.Mesh(d.Mesh().Name); err == nil {
		return d, nil // what people changed in it stays
	}
	_, err = s.door.Propose(ctx, change.Proposal{
		Mesh: d.Mesh().Name, Author: demoAuthor, Reason: "the sample mesh", Patch: mesh.Patch{Put: d.Mesh().Objects()},
	})
	return d, err
}

// demoAuthor is who the demo's own changes are by.
const demoAuthor = "demo"

func (s *Server) demoBootstrap(p demo.Proxy) ([]byte, error) {
	return xds.Bootstrap(xds.BootstrapOptions{
		Mesh: p.Mesh, Node: p.Node, Gateway: p.Gateway, Instance: p.Instance, XDS: s.XDSAddr(),
		Address: p.Address, Bind: p.Address, AppAddress: p.AppAddress,
		EgressPort: p.EgressPort, IngressPorts: p.IngressPorts, AdminPath: p.AdminPath,
	})
}

// demoApply lets a story change the mesh through the door, like anybody else.
func (s *Server) demoApply(ctx context.Context, reason string, edit func(mesh.Mesh) (mesh.Patch, error)) error {
	sample, err := demo.Sample()
	if err != nil {
		return err
	}
	current, err := s.door.Mesh(sample.Name)
	if err != nil {
		return err
	}
	patch, err := edit(current.Mesh)
	if err != nil {
		return err
	}
	_, err = s.door.Propose(ctx, change.Proposal{Mesh: sample.Name, Author: demoAuthor, Reason: reason, Patch: patch})
	return err
}

// demoRoll lets a story begin a rollout, like anybody else.
func (s *Server) demoRoll(ctx context.Context, reason string, r demo.Rollout) error {
	sample, err := demo.Sample()
	if err != nil {
		return err
	}
	_, err = s.rollouts.Start(ctx, sample.Name, quickly(r), canary.By{Author: demoAuthor, Reason: reason})
	return err
}

// quickly is a rollout that is over in minutes with the little traffic of a demo: windows are short, and what is tolerated
// of errors and slow requests is more than anybody would in production.
func quickly(r demo.Rollout) canary.Spec {
	spec := canary.Spec{
		Target: r.Route, Stable: r.Stable, Canary: r.Canary, Deadline: mesh.Duration(10 * time.Minute),
		Analysis: canary.Analysis{
			Interval: mesh.Duration(2 * time.Second), Warmup: mesh.Duration(2 * time.Second),
			// Below a second, a laptop that is busy with something else is slower than any version.
			Judge: judge.Config{Tolerance: 0.05, SlowTolerance: 0.05, Boundaries: []float64{1, 2.5, 5}},
		},
	}
	for _, weight := range r.Weights {
		spec.Steps = append(spec.Steps, canary.Step{SetWeight: &weight}, canary.Step{Analysis: &struct{}{}})
	}
	return spec
}

// tellRollouts writes a line when a rollout comes to its end, or to where a person has to decide.
func (s *Server) tellRollouts(ctx context.Context, out io.Writer) {
	turns := s.rollouts.Events().Subscribe(64)
	defer turns.Close()
	told := make(map[string]canary.Phase)
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-turns.C:
			if told[r.ID] != r.Phase && (r.Phase.Over() || r.Phase == canary.Inconclusive) {
				fmt.Fprintf(out, "rollout of %s: %s: %s\n", r.Spec.Canary, r.Phase, r.Why)
			}
			told[r.ID] = r.Phase
		}
	}
}

// runWith runs the demo on the server. The server outlives the demo, so that no proxy is without its control plane.
func (s *Server) runWith(ctx context.Context, d *demo.Demo, out io.Writer) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	playing, halt := context.WithCancel(ctx)
	defer halt()
	var group errgroup.Group
	group.Go(func() error {
		defer halt()
		return s.Run(serving)
	})
	group.Go(func() error {
		defer stop()
		return d.Run(playing)
	})
	group.Go(func() error {
		s.tellRollouts(playing, out)
		return nil
	})
	fmt.Fprintf(out, "console   %s\n", s.URL())
	select {
	case <-d.Ready():
		fmt.Fprintf(out, "ready     mesh %s: %d virtual nodes behind %s\n", d.Mesh().Name, len(d.Mesh().Nodes), d.Gateway())
		fmt.Fprintln(out, "          Ctrl-C stops everything")
	case <-playing.Done():
	}
	return group.Wait()
}

// lines writes whole lines from several goroutines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

// Write passes on what it is given; nowhere when there is no writer.
func (l *lines) Write(p []byte) (int, error) {
	if l.w == nil {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
