// Package bench measures a running Weir from the outside, as its users meet it: it starts the real binary as a child,
// puts the demo's Envoys and load on it, moves weights, resizes pools, adds and removes versions, and counts what that
// cost the traffic. It is for `weir bench`; figures of single parts are Go benchmarks beside those parts.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/demo"
)

// Options say what is measured and how long.
type Options struct {
	Weir  string    // path of the binary
	Envoy string    // path of Envoy; empty: looked for
	Rate  int       // requests per second of the demo's load
	Flips int       // moves of a weight, all of it from one version to the other
	Edits int       // changes of a pool, and additions and removals of a version
	Out   io.Writer // the table
	Log   io.Writer // progress
}

// Row is one figure beside its limit.
type Row struct {
	What  string
	Got   string
	Limit string
	Held  bool
}

// Loop measures the closed loop and prints the table. The error says that something could not be measured; a figure
// beyond its limit is not an error but a row that says so.
func Loop(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := start(ctx, o.Weir, "serve", "--open", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--data", dir, "--log-level", "ERROR")
	if err != nil {
		return err
	}
	defer w.stop()
	c, err := client.New(client.Options{URL: w.url, Author: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	b := &loop{o: o, weir: w, client: c}
	b.add("serve: ready after its start", w.ready, time.Second)
	d, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { defer cancel(); return d.Run(ctx) })
	err = b.measure(ctx, d)
	cancel()
	if err := errors.Join(err, group.Wait()); err != nil {
		return err
	}
	if err := b.demoStart(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return b.print()
}

// loop is one measurement.
type loop struct {
	o      Options
	weir   *process
	client *client.Client
	rows   []Row
}

// prepare defines the sample mesh and makes the demo's proxies for it.
func (b *loop) prepare(ctx context.Context) (*demo.Demo, error) {
	m, err := demo.Sample()
	if err != nil {
		return nil, err
	}
	text, err := definition.EncodeMesh(m)
	if err != nil {
		return nil, err
	}
	if _, err := b.client.Apply(ctx, "", text, client.Ask{Reason: "bench"}); err != nil {
		return nil, fmt.Errorf("define the sample mesh: %w", err)
	}
	return demo.New(demo.Options{
		Bootstrap: b.bootstrap(ctx), Rate: float64(b.o.Rate), Seed: rand.Uint64(), Envoy: b.o.Envoy, Out: b.o.Log,
	})
}

// measure does everything that needs the demo running.
func (b *loop) measure(ctx context.Context, d *demo.Demo) error {
	select {
	case <-d.Ready():
	case <-ctx.Done():
		return fmt.Errorf("the demo did not start: %w", ctx.Err())
	}
	p, err := newProbe(d)
	if err != nil {
		return err
	}
	defer p.close()
	for _, step := range []func(context.Context, *probe) error{b.flips, b.pools, b.versions, b.observed} {
		if err := step(ctx, p); err != nil {
			return err
		}
	}
	rss, err := b.weir.memory()
	if err != nil {
		return err
	}
	b.rows = append(b.rows, Row{
		"serve: resident memory with the demo's mesh", fmt.Sprintf("%.0f MB", rss), "≤ 80 MB", rss <= 80,
	})
	return nil
}

func (b *loop) add(what string, got, limit time.Duration) {
	b.rows = append(b.rows, Row{what, round(got), "≤ " + round(limit), got <= limit})
}

func (b *loop) addFailures(what string, failed, of int) {
	b.rows = append(b.rows, Row{what, fmt.Sprintf("%d of %d", failed, of), "0", failed == 0})
}

func (b *loop) print() error { return write(b.o.Out, b.rows) }

// write writes figures as a table.
func write(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "WORK\tMEASURED\tLIMIT\t")
	for _, r := range rows {
		verdict := ""
		if !r.Held {
			verdict = "not reached"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.What, r.Got, r.Limit, verdict)
	}
	return w.Flush()
}

func round(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func sorted(d []time.Duration) []time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d
}
