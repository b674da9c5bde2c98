// Package demo runs the sample mesh of `weir demo` on this machine: small HTTP services, one real Envoy beside each of
// them and one at the gateway, load from a bounded generator, and incidents to watch. Everything listens on loopback
// addresses only and ends with Run. It knows nothing of the control plane: whoever starts it says how an Envoy is
// configured.
package demo

import (
	"context"
	_ "embed" // for the sample mesh
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/envoy"
	"github.com/weirmesh/weir/server/mesh"
)

//go:embed sample_app.yaml
var sampleApp []byte

// Options say how the demo runs. Bootstrap is required; zero fields otherwise mean what their comments say.
type Options struct {
	// Bootstrap writes the configuration that a proxy's Envoy starts with.
	Bootstrap func(Proxy) ([]byte, error)
	// Apply changes the mesh through its one door; edit is given the mesh as it is. Only stories that change the mesh
	// need it.
	Apply func(ctx context.Context, reason string, edit func(mesh.Mesh) (mesh.Patch, error)) error
	// Roll begins a rollout. Only stories that roll something out need it.
	Roll func(ctx context.Context, reason string, r Rollout) error

	Rate    float64       // requests per second through the gateway; zero: none
	Seed    uint64        // of everything random
	Story   string        // one of Stories; empty: "none"
	Envoy   string        // path of the binary; empty: FindEnvoy's
	Network string        // the first three bytes of the loopback addresses, "127.30.1"; empty: one that is free
	Out     io.Writer     // progress, one line at a time; nil: nowhere
	Start   time.Duration // longest time until everything runs; zero: 60 s
}

// Proxy is one Envoy of the demo: what it is called, where it listens, and where its application does.
type Proxy struct {
	Mesh, Node, Gateway string // exactly one of Node and Gateway
	Instance            string
	Address             string      // IP address where other proxies reach it, and the only one it listens on
	AppAddress          string      // IP address of its application; the ports are the mesh's
	EgressPort          int         // where its application calls out
	IngressPorts        map[int]int // mesh listener port → its own port
	AdminPath           string      // of the Unix socket for its admin interface
}

// Name is the proxy's name in messages and file names: that of its node or gateway.
func (p Proxy) Name() string {
	if p.Gateway != "" {
		return p.Gateway
	}
	return p.Node
}

// Demo is the sample mesh, ready to run once.
type Demo struct {
	options  Options
	mesh     mesh.Mesh
	story    []Step
	network  *network
	proxies  []Proxy // the gateway's first, then by node
	apps     []*app
	load     *load
	outside  *load
	ready    chan struct{}
	mu       sync.Mutex // for options.Out
	sidecars sidecars
}

// sidecars are the proxies while they run. Envoys are; a test may bring simpler ones.
type sidecars interface {
	// start brings every proxy up and returns when all of them serve.
	start(ctx context.Context) error
	// watch keeps them up until ctx ends.
	watch(ctx context.Context) error
	// stop ends them and returns when they are gone.
	stop()
}

// New prepares the demo: it reads the sample mesh and reserves a network of loopback addresses until Run ends. The error
// is a *mesh.Error.
func New(o Options) (*Demo, error) {
	m, err := Sample()
	if err != nil {
		return nil, err
	}
	if o.Bootstrap == nil {
		return nil, mesh.Errorf(mesh.Internal, "the demo needs a way to configure its proxies")
	}
	if o.Rate < 0 || o.Rate > maxRate {
		return nil, mesh.Errorf(mesh.Invalid, "rate %v: is from 0 to %d requests per second", o.Rate, maxRate)
	}
	story, err := storyOf(o)
	if err != nil {
		return nil, err
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Start == 0 {
		o.Start = time.Minute
	}
	d := &Demo{options: o, mesh: m, story: story, ready: make(chan struct{})}
	if d.network, err = reserve(o.Network); err != nil {
		return nil, err
	}
	d.build()
	return d, nil
}

// Sample gives the sample mesh.
func Sample() (mesh.Mesh, error) {
	data, err := yaml.YAMLToJSONStrict(sampleApp)
	if err != nil {
		return mesh.Mesh{}, mesh.Errorf(mesh.Internal, "read the sample mesh: %w", err)
	}
	return mesh.DecodeMesh(data)
}

// build gives every workload its address, its application and its proxy.
func (d *Demo) build() {
	for i, g := range d.mesh.Gateways {
		d.proxies = append(d.proxies, Proxy{
			Mesh: d.mesh.Name, Gateway: g.Name, Instance: "1", Address: d.network.address(1 + i),
			AppAddress: d.network.address(1 + i), EgressPort: egressPort, IngressPorts: ports(g.Listeners, gatewayPort),
		})
	}
	for i, n := range d.mesh.Nodes {
		p := Proxy{
			Mesh: d.mesh.Name, Node: n.Name, Instance: "1", Address: d.network.address(11 + i),
			AppAddress: d.network.address(11 + i), EgressPort: egressPort, IngressPorts: ports(n.Listeners, ingressPort),
		}
		d.proxies = append(d.proxies, p)
		d.apps = append(d.apps, newApp(n, p, d.options.Seed))
	}
	d.load = newLoad(d.options.Rate, d.options.Seed, d.visits())
	d.outside = newLoad(d.options.Rate*outsideShare, d.options.Seed+1, d.outsideVisits())
}

// ports numbers a proxy's listeners from the first.
func ports(listeners []mesh.Listener, first int) map[int]int {
	m := make(map[int]int, len(listeners))
	for i, l := range listeners {
		m[l.Port] = first + i
	}
	return m
}

// Mesh is the sample mesh's definition.
func (d *Demo) Mesh() mesh.Mesh { return d.mesh }

// Gateway is the address of the gateway as a browser or curl takes it.
func (d *Demo) Gateway() string { return d.ingress(d.proxies[0]) }

// ingress is where a proxy takes calls.
func (d *Demo) ingress(p Proxy) string {
	for _, port := range p.IngressPorts {
		return "http://" + net.JoinHostPort(p.Address, strconv.Itoa(port))
	}
	return ""
}

// Knobs gives the knobs of a node's application, nil when there is no such node.
func (d *Demo) Knobs(node string) *Knobs {
	for _, a := range d.apps {
		if a.node == node {
			return a.knobs
		}
	}
	return nil
}

// Proxies lists the demo's proxies, the gateway's first.
func (d *Demo) Proxies() []Proxy { return d.proxies }

// Load counts what went through the gateway so far.
func (d *Demo) Load() Counts { return d.load.counts() }

// Failures lists what failed of that, the first 1024, the oldest first.
func (d *Demo) Failures() []Failure { return d.load.failures.all() }

// Ready is closed when every service answers through the gateway and the load begins.
func (d *Demo) Ready() <-chan struct{} { return d.ready }

// Run starts the services and the proxies, waits until all of them serve, and keeps the load and the story going until
// ctx ends, which is no error. Nothing it started is left when it returns. It may be called once.
func (d *Demo) Run(ctx context.Context) error {
	defer d.network.release()
	// Envoys are killed when the thread that started them ends, so this goroutine keeps its thread until they are gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := d.run(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (d *Demo) run(ctx context.Context) error {
	begin := time.Now()
	if d.sidecars == nil {
		f, err := newFleet(d.options, d.proxies, d.say)
		if err != nil {
			return err
		}
		defer f.remove()
		d.sidecars = f
	}
	d.say("starting %d services and %d proxies on %s.*", len(d.apps), len(d.proxies), d.network.prefix)
	servers, err := startApps(ctx, d.apps)
	if err != nil {
		return err
	}
	defer servers.stop()
	defer d.sidecars.stop()
	starting, cancel := context.WithTimeout(ctx, d.options.Start)
	defer cancel()
	if err := d.sidecars.start(starting); err != nil {
		return err
	}
	d.say("%d proxies are ready after %.1f s", len(d.proxies), time.Since(begin).Seconds())
	if err := d.load.warm(starting); err != nil {
		return err
	}
	d.say("every service answers after %.1f s: %.0f requests/s through %s", time.Since(begin).Seconds(), d.options.Rate, d.Gateway())
	close(d.ready)
	return d.keep(ctx)
}

// keep runs the load, the story and the watch over the proxies until ctx ends or the proxies cannot be kept up.
func (d *Demo) keep(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	tasks.Go(func() { d.load.run(ctx) })
	tasks.Go(func() { d.outside.run(ctx) })
	tasks.Go(func() { d.tell(ctx) })
	err := d.sidecars.watch(ctx)
	cancel()
	tasks.Wait()
	c := d.load.counts()
	d.say("stopped after %d requests, %d of them failed", c.Sent, c.Failed)
	return err
}

// say writes one line of progress.
func (d *Demo) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.options.Out, format+"\n", args...)
}

// FindEnvoy finds the Envoy binary: $ENVOY, else envoy on PATH, else what `make envoy` put into the checkout that this
// directory is in. The error says how to get it.
func FindEnvoy() (string, error) { return envoy.Find(os.Getenv("ENVOY")) }
