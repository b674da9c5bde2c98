// Package crowd makes up a mesh of tens to thousands of services and what would be seen of it, for looking at the console
// and measuring it where no such mesh is at hand. There are no proxies and no requests: every number is a function of the
// seed and of the time since the beginning, so that the live picture, the counters that are recorded and a second run
// agree. What people change in the mesh changes nothing of the traffic.
package crowd

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// The sizes that can be made up.
const (
	MinServices = 10
	MaxServices = 5000
)

// Options say which mesh is made up.
type Options struct {
	Services int              // MinServices to MaxServices
	Seed     uint64           // of everything random
	Begin    time.Time        // when the counters are at zero; zero: now
	Now      func() time.Time // of Rollups and Counts; nil: time.Now
}

// Crowd is a made-up mesh. It is safe for concurrent use.
type Crowd struct {
	mesh  mesh.Mesh
	begin time.Time
	now   func() time.Time
	edges []flow // sorted by from, to
	nodes []node // sorted by id

	mu     sync.Mutex
	spare  spare
	rollup metrics.Rollup
}

// New makes up a mesh. The error is for people.
func New(o Options) (*Crowd, error) {
	if o.Services < MinServices || o.Services > MaxServices {
		return nil, mesh.Errorf(mesh.Invalid, "%d services: a made-up mesh has %d to %d", o.Services, MinServices, MaxServices)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Begin.IsZero() {
		o.Begin = o.Now()
	}
	p := newPlan(o.Services, o.Seed)
	c := &Crowd{mesh: p.mesh(Name(o.Services, o.Seed)), begin: o.Begin, now: o.Now}
	c.edges, c.nodes = p.flows()
	return c, c.mesh.Validate()
}

// Name is what the mesh of so many services is called. Another seed is another mesh.
func Name(services int, seed uint64) string {
	if seed == 1 {
		return fmt.Sprintf("crowd-%d", services)
	}
	return fmt.Sprintf("crowd-%d-%d", services, seed)
}

// Mesh is the mesh's definition.
func (c *Crowd) Mesh() mesh.Mesh { return c.mesh }

// Step is how often the numbers of so many services are worth recording: often enough for an incident of seconds in a
// small mesh, and cheap in a large one.
func Step(services int) time.Duration {
	switch {
	case services <= 200:
		return time.Second
	case services <= 1000:
		return 5 * time.Second
	default:
		return 15 * time.Second
	}
}

// Series is about how many series are recorded of the mesh.
func (c *Crowd) Series() int { return 10*len(c.edges) + 10*len(c.nodes) }

// node is a virtual node or a gateway.
type node struct {
	id        string
	grpc      bool
	instances int
	latency   *latency
	limit     float64 // of the connection pools of all its instances; zero: none
	full      float64 // the share of the limit that is in use whatever the rate; zero: as many as are within it
	key       uint64
	in        []int32 // edges that lead here; of a gateway those that lead away, since all it receives it sends on
}

// find looks a node up by graph id.
func find(nodes []node, id string) int {
	i, _ := slices.BinarySearchFunc(nodes, id, func(n node, id string) int { return strings.Compare(n.id, id) })
	return i
}
