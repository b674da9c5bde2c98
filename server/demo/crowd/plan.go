package crowd

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// depths are the parts of all services at each distance from the gateways: few in front, most in the middle.
func depths() []float64 { return []float64{0.04, 0.14, 0.26, 0.28, 0.18, 0.10} }

// plan is the mesh while it is made up: services that call services.
type plan struct {
	rand     *rand.Rand
	words    words
	table    []latency
	services []service // by distance from the gateways
	layers   [][]int   // services by that distance, the popular ones first
	local    map[place][]int
	spaces   []string
	gateways []string
	outside  []string
}

// place is one layer of one namespace.
type place struct{ space, layer int }

type service struct {
	short, name string
	space       int
	layer       int
	protocol    mesh.Protocol
	versions    []version
	calls       []call
	outside     []call // what it calls outside the mesh
	gateway     int    // in front of it; -1: none
	entry       float64
	rate        float64 // requests per second that arrive
	called      int     // by so many services
	latency     int     // its place in the table of latencies
}

type version struct {
	node      string
	weight    int
	instances int
	pool      *mesh.ConnectionPool
	full      float64
}

// call is a dependency. Of each request that arrives so many follow.
type call struct {
	to     int
	factor float64
}

func newPlan(services int, seed uint64) *plan {
	p := &plan{
		rand: rand.New(rand.NewPCG(seed, uint64(services))), words: newWords(), table: latencies(), local: make(map[place][]int),
	}
	p.spaces = p.words.namespaces(services)
	p.gateways = p.words.gateways[:min(len(p.words.gateways), 1+services/600)]
	p.outside = p.words.beyond[:min(len(p.words.beyond), 2+services/100)]
	p.people(services)
	p.connect()
	p.close()
	p.flow()
	for i := range p.services {
		p.equip(&p.services[i])
	}
	p.fill()
	return p
}

// people makes the services and lays them at their distances.
func (p *plan) people(n int) {
	p.services = make([]service, n)
	parts := depths()
	p.layers = make([][]int, len(parts))
	sum, layer := 0.0, 0
	for i := range p.services {
		for layer < len(parts)-1 && float64(i) >= math.Round((sum+parts[layer])*float64(n)) && len(p.layers[layer]) > 0 {
			sum += parts[layer]
			layer++
		}
		s := &p.services[i]
		s.space, s.layer, s.gateway = p.rand.IntN(len(p.spaces)), layer, -1
		s.short = p.words.service(p.rand, i+1)
		s.name = s.short + "." + p.spaces[s.space] + ".mesh.local"
		s.protocol = mesh.HTTP
		if layer > 0 && p.rand.Float64() < 0.2 {
			s.protocol = mesh.GRPC
		}
		s.latency = int(min(max(11+4*p.rand.NormFloat64(), 0), usualLatencies-1))
		p.layers[layer] = append(p.layers[layer], i)
		at := place{s.space, layer}
		p.local[at] = append(p.local[at], i)
		p.split(s)
		if layer == 0 {
			s.gateway = i % len(p.gateways)
			s.entry = p.around(40, 1, 1, 800)
		}
	}
}

// split gives every tenth service a second version.
func (p *plan) split(s *service) {
	s.versions = []version{{node: s.short, weight: 100}}
	if p.rand.Float64() < 0.1 {
		first := []int{90, 75, 50, 95}[p.rand.IntN(4)]
		s.versions = []version{{node: s.short + "-v1", weight: first}, {node: s.short + "-v2", weight: 100 - first}}
	}
}

// around is a log-normal number with that median, within bounds.
func (p *plan) around(median, spread, least, most float64) float64 {
	return min(max(median*math.Exp(spread*p.rand.NormFloat64()), least), most)
}

// connect lets every service be called, and most call some: one or two usually, dozens at times.
func (p *plan) connect() {
	for i := range p.services {
		s := &p.services[i]
		if s.layer == len(p.layers)-1 || s.layer > 0 && p.rand.Float64() < 0.2 {
			continue
		}
		fan := 1 + int(1.4*(math.Pow(1-p.rand.Float64(), -0.7)-1))
		for range min(fan, 40) {
			p.call(i, p.callee(s))
		}
		if p.rand.Float64() < 0.03 || i == 0 {
			s.outside = append(s.outside, call{p.rand.IntN(len(p.outside)), p.around(0.2, 0.8, 0.01, 1)})
		}
	}
	for i := range p.services {
		if s := &p.services[i]; s.layer > 0 && s.called == 0 {
			p.call(p.popular(p.layers[s.layer-1]), i)
		}
	}
}

// callee picks somebody behind a service: of its own namespace rather than of another.
func (p *plan) callee(s *service) int {
	layer := s.layer + 1
	if layer+1 < len(p.layers) && len(p.layers[layer+1]) > 0 && p.rand.Float64() < 0.3 {
		layer++
	}
	if own := p.local[place{s.space, layer}]; len(own) > 0 && p.rand.Float64() < 0.55 {
		return p.popular(own)
	}
	return p.popular(p.layers[layer])
}

// popular picks from a list; those in front are picked far more often.
func (p *plan) popular(list []int) int {
	return list[int(math.Pow(p.rand.Float64(), 2.2)*float64(len(list)))]
}

// call makes a service depend on another, once.
func (p *plan) call(from, to int) {
	s := &p.services[from]
	if from == to || slices.ContainsFunc(s.calls, func(c call) bool { return c.to == to }) {
		return
	}
	factor := p.around(0.5, 0.8, 0.02, 2.5)
	if p.rand.Float64() < 0.02 {
		factor = 0 // declared, and never used
	}
	s.calls = append(s.calls, call{to, factor})
	p.services[to].called++
}

// close lets a few services call back to those they are called by.
func (p *plan) close() {
	made, wanted := 0, 1+len(p.services)/150
	for try := 0; made < wanted && try < 50*wanted; try++ {
		first := p.popular(p.layers[try%2]) // in so small a mesh that nobody further back calls anybody, those in front
		at := first
		for len(p.services[at].calls) > 0 {
			calls := p.services[at].calls
			next := calls[p.rand.IntN(len(calls))].to
			if p.services[next].layer <= p.services[at].layer {
				break
			}
			at = next
		}
		if at != first {
			p.call(at, first)
			if c := p.services[at].calls; len(c) > 0 && c[len(c)-1].to == first {
				c[len(c)-1].factor = 0.02
				made++
			}
		}
	}
}

// flow works out what arrives at each service. Those in front come first, so one pass does; what is called back adds too
// little to go round again.
func (p *plan) flow() {
	for i := range p.services {
		p.services[i].rate += p.services[i].entry
		for _, c := range p.services[i].calls {
			p.services[c.to].rate += p.services[i].rate * c.factor
		}
	}
}

// equip gives a service's versions instances for what arrives, and some of them a pool.
func (p *plan) equip(s *service) {
	pooled := p.rand.Float64() < 0.12
	for i := range s.versions {
		v := &s.versions[i]
		rate := s.rate * float64(v.weight) / 100
		v.instances = min(40, 1+p.rand.IntN(2)+int(rate/150))
		if pooled {
			within := rate * p.table[s.latency].mean / 1000
			limit := max(8, int(math.Ceil(4*within/float64(v.instances))))
			v.pool = poolOf(s.protocol, limit)
		}
	}
}

func poolOf(protocol mesh.Protocol, limit int) *mesh.ConnectionPool {
	if protocol == mesh.GRPC {
		return &mesh.ConnectionPool{MaxRequests: &limit}
	}
	pending := max(4, limit/2)
	return &mesh.ConnectionPool{MaxConnections: &limit, MaxPendingRequests: &pending}
}

// fill brings the pool of one service near its limit: one that few call, so that the picture has one problem more.
func (p *plan) fill() {
	best := -1
	for i := range p.services {
		s := &p.services[i]
		if s.protocol != mesh.HTTP || len(s.versions) > 1 || s.layer == 0 || s.rate < 20 || s.called > 3 {
			continue
		}
		if best < 0 || s.called < p.services[best].called {
			best = i
		}
	}
	if best < 0 {
		best = p.busiest()
	}
	v := &p.services[best].versions[0]
	v.instances = 2
	v.pool, v.full = poolOf(mesh.HTTP, 50), 0.92
	p.services[best].protocol = mesh.HTTP
}

func (p *plan) busiest() int {
	best := 0
	for i := range p.services {
		if s := &p.services[i]; s.layer > 0 && s.rate > p.services[best].rate {
			best = i
		}
	}
	return best
}
