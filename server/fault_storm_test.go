package server

import (
	"context"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// stormNodes is how many classes of proxies the storm's mesh has.
const stormNodes = 40

// stormMesh has nodes in a row, each of which calls the next three.
func stormMesh() []byte {
	var b strings.Builder
	b.WriteString("mesh: storm\nnodes:\n")
	for i := range stormNodes {
		fmt.Fprintf(&b, "- {name: n%d, listeners: [{port: 8080, protocol: http}], serviceDiscovery: {registration: {}}, backends: [", i)
		for next := 1; next <= 3; next++ {
			fmt.Fprintf(&b, "{service: s%d}, ", (i+next)%stormNodes)
		}
		b.WriteString("]}\n")
	}
	b.WriteString("services:\n")
	for i := range stormNodes {
		fmt.Fprintf(&b, "- {name: s%d, node: n%d}\n", i, i)
	}
	return []byte(b.String())
}

var ownMetrics = regexp.MustCompile(`Its own metrics are at (http://\S+)\.\n`)

// storm is many proxies and the weir that they connect to.
type storm struct {
	t       *testing.T
	weir    *child
	address atomic.Pointer[string]
	proxies []*xdstest.Envoy
}

// TestFaultReconnectStorm has thousands of proxies connect at once, to a Weir that knows none of them, and then to one that was
// killed and came back: its process stays within limits of CPU time and memory, every proxy gets all it needs, no stream fails,
// and what proxies have already is not sent again.
func TestFaultReconnectStorm(t *testing.T) {
	apart(t)
	proxies := chaos.Scaled(400, 5000)
	s := &storm{t: t}
	data := filepath.Join(t.TempDir(), "data")
	s.begin(data)
	c, err := client.New(client.Options{URL: s.weir.url, Author: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Apply(t.Context(), "", stormMesh(), client.Ask{}); err != nil {
		t.Fatal(err)
	}
	cold := s.connect(proxies)
	s.settled(c, proxies)
	s.weir.kill()
	s.begin(data)
	again := s.reconnect()
	back, err := client.New(client.Options{URL: s.weir.url})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	s.settled(back, proxies)
	for _, e := range s.proxies {
		if broken := e.Broken(); len(broken) > 0 {
			t.Fatalf("a proxy was made to fail requests: %v", broken)
		}
	}
	// Of few proxies on a machine with other things to do, CPU time says nothing: what Weir does every second counts, too.
	limit := chaos.Scaled(math.Inf(1), 10)
	memory := int64(chaos.Scaled(300, 800))
	for _, m := range []stormCost{cold, again} {
		if m.memory > memory<<20 {
			t.Errorf("%d MiB for %d proxies, want %d at most", m.memory>>20, proxies, memory)
		}
		if m.cpu > limit {
			t.Errorf("%.1f s of CPU time for %d proxies, want %.1f s at most", m.cpu, proxies, limit)
		}
	}
	chaos.Figure(t, fmt.Sprintf("reconnect storm of %d proxies", proxies), fmt.Sprintf("≤ %.0f s CPU, ≤ %d MiB, 0 errors", limit, memory),
		"cold: %s; after kill -9: %s", cold, again)
}

// stormCost is what it cost Weir to have every proxy synced.
type stormCost struct {
	cpu    float64 // seconds
	memory int64   // bytes at most
	took   time.Duration
}

// String prints it for people.
func (c stormCost) String() string {
	return fmt.Sprintf("%.1f s CPU, %d MiB, %.1f s", c.cpu, c.memory>>20, c.took.Seconds())
}

// begin starts weir on the data that there is.
func (s *storm) begin(data string) {
	s.t.Helper()
	s.weir = serve(s.t, data)
	s.address.Store(&s.weir.xds)
}

// connect starts proxies of all nodes at once, and waits until they run their configuration.
func (s *storm) connect(proxies int) stormCost {
	s.t.Helper()
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", *s.address.Load())
	})
	s.proxies = make([]*xdstest.Envoy, proxies)
	return s.measured(func() {
		var starting sync.WaitGroup
		for i := range proxies {
			metadata, err := structpb.NewStruct(map[string]any{"weir": map[string]any{"address": fmt.Sprintf("10.%d.%d.%d", 1+i>>16, i>>8&255, i&255)}})
			if err != nil {
				s.t.Fatal(err)
			}
			node := &corev3.Node{Id: fmt.Sprintf("mesh/storm/virtualNode/n%d/%d", i%stormNodes, i), Metadata: metadata}
			starting.Go(func() {
				s.proxies[i] = xdstest.Start(s.t, xdstest.Options{Addr: "passthrough:///weir", Node: node, Dial: []grpc.DialOption{dial}})
			})
		}
		starting.Wait()
	})
}

// reconnect has all of them connect again at once.
func (s *storm) reconnect() stormCost {
	s.t.Helper()
	return s.measured(func() {
		for _, e := range s.proxies {
			e.Stop()
			e.Forget()
			e.Connect()
		}
	})
}

// measured does something to the proxies and says what it cost weir until each of them has what its node needs.
func (s *storm) measured(act func()) (c stormCost) {
	s.t.Helper()
	pid, begin := s.weir.cmd.Process.Pid, time.Now()
	before, err := chaos.CPU(pid)
	if err != nil {
		s.t.Fatal(err)
	}
	act()
	within(s.t, 3*time.Minute, "every proxy runs everything", func() bool {
		for _, e := range s.proxies {
			if err := e.Err(); err != nil {
				s.t.Fatalf("a stream ended: %v", err)
			}
			if len(e.Running(xds.ListenerType)) < 2 || len(e.Running(xds.RouteType)) == 0 || len(e.Running(xds.EndpointType)) < 3 {
				return false
			}
		}
		return s.told() == len(s.proxies)
	})
	c.took = time.Since(begin)
	after, err := chaos.CPU(pid)
	if err != nil {
		s.t.Fatal(err)
	}
	c.cpu = after - before
	if c.memory, err = chaos.PeakMemory(pid); err != nil {
		s.t.Fatal(err)
	}
	return c
}

var synced = regexp.MustCompile(`weir_proxies\{mesh="storm",state="synced"\} ([0-9]+)`)

// told says how many proxies are synced by weir's own metrics, which cost it less than its list of proxies.
func (s *storm) told() int {
	s.t.Helper()
	time.Sleep(200 * time.Millisecond) // asking costs weir some of what is measured
	_, body := get(s.t, s.weir.says(s.t, ownMetrics)[1])
	found := synced.FindStringSubmatch(body)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// settled checks with weir itself that every proxy runs the newest revision.
func (s *storm) settled(c *client.Client, proxies int) {
	s.t.Helper()
	eventually(s.t, "weir says that all are synced", func() bool {
		list, err := c.Proxies(s.t.Context(), "storm")
		if err != nil {
			s.t.Fatal(err)
		}
		synced := 0
		for _, p := range list {
			if p.State == provider.Synced {
				synced++
			}
		}
		return synced == proxies && len(list) == proxies
	})
}
