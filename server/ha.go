package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/cluster"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/provider/xds"
)

// HAOptions are what a demo of several replicas needs to know.
type HAOptions struct {
	Weir     string        // path of the program that the replicas are
	Replicas int           // how many; zero: 3
	Rate     int           // requests per second through the gateway
	Seed     uint64        // of everything random
	Envoy    string        // path of the binary; empty: looked for
	For      time.Duration // zero: until ctx ends
	Out      io.Writer     // progress, a line at a time
}

// ensemble is a cluster with the sample mesh's proxies and load beside it.
type ensemble struct {
	*cluster.Cluster
	clients []*client.Client // of each replica
	demo    *demo.Demo
}

// newEnsemble starts a cluster without sign-in, records the sample mesh and prepares its proxies.
func newEnsemble(ctx context.Context, o HAOptions) (_ *ensemble, err error) {
	e := &ensemble{}
	e.Cluster, err = cluster.Start(ctx, cluster.Options{Weir: o.Weir, Replicas: o.Replicas, Args: []string{"--open"}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	for _, r := range e.Replicas() {
		c, err := client.New(client.Options{URL: r.URL, Author: demoAuthor, Timeout: time.Minute})
		if err != nil {
			return nil, err
		}
		e.clients = append(e.clients, c)
	}
	sample, err := demo.Sample()
	if err != nil {
		return nil, err
	}
	text, err := definition.EncodeMesh(sample)
	if err != nil {
		return nil, err
	}
	if _, err := e.clients[0].Apply(ctx, sample.Name, text, client.Ask{Reason: "the sample mesh"}); err != nil {
		return nil, err
	}
	e.demo, err = demo.New(demo.Options{Bootstrap: e.bootstrap, Rate: float64(o.Rate), Seed: o.Seed, Envoy: o.Envoy, Out: o.Out})
	return e, err
}

func (e *ensemble) bootstrap(p demo.Proxy) ([]byte, error) {
	return xds.Bootstrap(xds.BootstrapOptions{
		Mesh: p.Mesh, Node: p.Node, Gateway: p.Gateway, Instance: p.Instance, XDS: e.XDS(),
		Address: p.Address, Bind: p.Address, AppAddress: p.AppAddress,
		EgressPort: p.EgressPort, IngressPorts: p.IngressPorts, AdminPath: p.AdminPath,
	})
}

// Close stops everything.
func (e *ensemble) Close() error {
	for _, c := range e.clients {
		c.Close()
	}
	return e.Cluster.Close()
}

// mesh is the name of the sample mesh.
func (e *ensemble) mesh() string { return e.demo.Mesh().Name }

// RunHA runs replicas on one PostgreSQL, all on this machine, and the sample mesh on real Envoys with its load, until ctx
// ends or the time is over. Its processes may be killed and frozen meanwhile. Nothing it started is left when it returns.
func RunHA(ctx context.Context, o HAOptions) (err error) {
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	out := &lines{w: o.Out}
	o.Out = out
	e, err := newEnsemble(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the time was over before it began
		}
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for _, r := range e.Replicas() {
		fmt.Fprintf(out, "replica   %s: console %s, process %d\n", r.Name, r.URL, r.Process())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.demo.Run(ctx) })
	group.Go(func() error {
		e.watch(ctx, out)
		return nil
	})
	select {
	case <-e.demo.Ready():
		fmt.Fprintf(out, "ready     mesh %s: %d virtual nodes behind %s\n", e.mesh(), len(e.demo.Mesh().Nodes), e.demo.Gateway())
		fmt.Fprintln(out, "          kill -9 a replica, or kill -STOP and kill -CONT it, and look at another one's console; Ctrl-C stops everything")
	case <-ctx.Done():
	}
	return group.Wait()
}

// watch says which replica acts whenever that changes, and starts those again that ended, as a system would.
func (e *ensemble) watch(ctx context.Context, out io.Writer) {
	var steward *cluster.Replica
	each(ctx, time.Second/2, func() {
		if now, err := e.Steward(ctx); err == nil && now != nil && now != steward {
			steward = now
			fmt.Fprintf(out, "steward   %s follows changes and rollouts\n", now.Name)
		}
		for _, r := range e.Replicas() {
			if r.Running() || ctx.Err() != nil {
				continue
			}
			fmt.Fprintf(out, "replica   %s ended, and is started again\n", r.Name)
			if err := r.Start(ctx, ""); err != nil {
				if ctx.Err() == nil {
					fmt.Fprintf(out, "replica   %s: %v\n", r.Name, err)
				}
				continue
			}
			fmt.Fprintf(out, "replica   %s serves again, process %d\n", r.Name, r.Process())
		}
	})
}
