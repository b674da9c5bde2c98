package xds

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

var _ provider.Provider = (*Server)(nil)

// Name is "xds".
func (s *Server) Name() string { return "xds" }

// job is a class of proxies for which a new state is translated.
type job struct {
	group    *group
	class    string
	identity Identity
	result   classResult
}

// classResult is a class's snapshot, or why there is none.
type classResult struct {
	snap *Snapshot
	err  string
	done *prepared
}

func newState(revision int64, m mesh.Mesh) *state {
	return &state{revision: revision, mesh: m, snaps: make(map[string]*prepared), errs: make(map[string]string)}
}

func (st *state) put(class string, r classResult) {
	if r.err != "" {
		st.errs[class] = r.err
		return
	}
	st.snaps[class] = r.done
}

// Apply translates the mesh for every class of connected proxies and hands the result out. It returns before the
// proxies have it. A revision that is not newer than the last one is refused, the same one again is nothing to do.
func (s *Server) Apply(ctx context.Context, d provider.Desired) error {
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	m, ok := s.meshes[d.Mesh.Name]
	if ok && d.Revision <= m.revision {
		newest := m.revision
		s.mu.Unlock()
		if d.Revision == newest {
			return nil
		}
		return mesh.Errorf(mesh.Conflict, "mesh %s revision %d came after revision %d; apply only newer ones", d.Mesh.Name, d.Revision, newest)
	}
	if !ok {
		m = &meshState{
			name: d.Mesh.Name, groups: make(map[string]*group), sessions: make(map[string]*session),
			gone: make(map[string]provider.Proxy), left: make(map[string]holding), burst: rate.NewLimiter(rate.Every(pushGap), pushBurst),
		}
	}
	jobs := s.jobs(m, d.Mesh)
	known := s.known(m)
	s.mu.Unlock()

	instances := s.instances(d.Mesh)
	s.translateAll(jobs, d.Mesh, instances, known)
	if err := ctx.Err(); err != nil {
		return mesh.Errorf(mesh.Unavailable, "mesh %s revision %d was not applied: %w", d.Mesh.Name, d.Revision, err)
	}

	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.install(m, d, jobs, now)
	m.revision, m.mesh, m.instances = d.Revision, d.Mesh, instances
	s.meshes[m.name] = m
	s.push(m, now)
	s.kick()
	s.notify()
	return nil
}

// jobs lists the classes of proxies to translate for. The lock is held.
func (s *Server) jobs(m *meshState, next mesh.Mesh) []*job {
	var jobs []*job
	for _, g := range m.groups {
		seen := make(map[string]bool)
		for x := range g.sessions {
			if !seen[x.class] && exists(next, x.identity) {
				seen[x.class] = true
				jobs = append(jobs, &job{group: g, class: x.class, identity: x.identity})
			}
		}
	}
	return jobs
}

// known gathers what is prepared already. The lock is held.
func (s *Server) known(m *meshState) pool {
	out := make(pool)
	for _, g := range m.groups {
		for _, st := range g.states() {
			for _, p := range st.snaps {
				out.addAll(p)
			}
		}
	}
	return out
}

// states lists the states that somebody of the group runs or may come to run. The lock is held.
func (g *group) states() []*state {
	all := []*state{g.newest}
	add := func(st *state) {
		if st != nil && !slices.Contains(all, st) {
			all = append(all, st)
		}
	}
	add(g.released)
	for x := range g.sessions {
		add(x.target)
		add(x.good)
	}
	return all
}

// translateAll fills in the jobs' results, on all cores, since a translation depends on nothing but its input.
func (s *Server) translateAll(jobs []*job, m mesh.Mesh, instances map[string][]Instance, known pool) {
	var g errgroup.Group
	g.SetLimit(4)
	for _, j := range jobs {
		g.Go(func() error {
			j.result = s.translated(Input{Mesh: m, Proxy: j.identity, Instances: instances})
			return nil
		})
	}
	_ = g.Wait() // The goroutines give no error: a failed translation is a result.
	for _, j := range jobs {
		j.result.prepare(known)
	}
}

// build translates and prepares one class.
func (s *Server) build(in Input, known pool) classResult {
	r := s.translated(in)
	r.prepare(known)
	return r
}

func (s *Server) translated(in Input) classResult {
	snap, err := s.translate(in)
	if err != nil {
		return classResult{err: err.Error()}
	}
	return classResult{snap: snap}
}

func (r *classResult) prepare(known pool) {
	if r.snap != nil {
		r.done, r.snap = prepare(r.snap, known), nil
	}
}

// install makes a revision each group's newest state and begins its delivery. The lock is held.
func (s *Server) install(m *meshState, d provider.Desired, jobs []*job, now time.Time) {
	var ids []string
	changed := make(map[string]struct{})
	errs, ill := make(map[string]string), make(map[string]bool)
	for key, g := range m.groups {
		if len(g.sessions) == 0 {
			delete(m.groups, key)
			continue
		}
		st := newState(d.Revision, d.Mesh)
		for _, j := range jobs {
			if j.group == g {
				st.put(j.class, j.result)
			}
		}
		affected := s.affected(g, st, now)
		if len(affected) == 0 {
			g.newest.revision, g.newest.mesh = d.Revision, d.Mesh
			continue
		}
		changed[key] = struct{}{}
		g.newest, g.dirty = st, true
		for _, x := range affected {
			ids = append(ids, x.id)
			ill[x.id] = x.good == nil || x.refusal != ""
			if words := st.errs[x.class]; words != "" {
				x.refusal, errs[x.id] = words, words
			}
		}
	}
	if m.revision == 0 {
		changed = nil // The first revision since the start is new to whoever comes.
	}
	slices.Sort(ids)
	m.deliveries.add(d.Revision, ids, ill, changed, now)
	for id, words := range errs {
		m.deliveries.refused(id, d.Revision, words, now)
	}
}

// affected lists the sessions that a new state changes something for. Those whose node is gone are sent away.
func (s *Server) affected(g *group, st *state, now time.Time) []*session {
	var out []*session
	for x := range g.sessions {
		p, translated := st.snaps[x.class]
		switch {
		case !exists(st.mesh, x.identity):
			reason := "mesh " + g.mesh.name + " no longer has " + g.key
			x.end(status.New(codes.NotFound, reason))
			s.unseat(x, now)
			s.noteRefused(x.identity, reason, now)
		case !translated, !p.equal(g.newest.snaps[x.class]):
			out = append(out, x)
		}
	}
	return out
}

// Delivery says how far a revision got.
func (s *Server) Delivery(meshName string, revision int64) (provider.Delivery, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.meshes[meshName]
	if !ok {
		return provider.Delivery{}, false
	}
	return m.deliveries.get(revision)
}

// Proxies lists a mesh's proxies, and those refused that name it or no mesh that exists.
func (s *Server) Proxies(meshName string) []provider.Proxy {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []provider.Proxy
	if m, ok := s.meshes[meshName]; ok {
		for _, x := range m.sessions {
			p := x.proxy()
			p.MetricsAt, p.SeriesOver = s.reports[reporter{meshName, x.id}].at, s.reports[reporter{meshName, x.id}].over
			out = append(out, p)
		}
		out = slices.AppendSeq(out, maps.Values(m.gone))
	}
	for _, r := range s.refusedAt {
		if _, exists := s.meshes[r.proxy.Mesh]; !exists || r.proxy.Mesh == meshName {
			out = append(out, r.proxy)
		}
	}
	slices.SortFunc(out, func(a, b provider.Proxy) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Connected counts a mesh's connected proxies by virtual node and by virtual gateway. It costs less than Proxies.
func (s *Server) Connected(meshName string) (nodes, gateways map[string]int) {
	nodes, gateways = make(map[string]int), make(map[string]int)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.meshes[meshName]
	if !ok {
		return nodes, gateways
	}
	for _, x := range m.sessions {
		if x.identity.Gateway != "" {
			gateways[x.identity.Gateway]++
		} else {
			nodes[x.identity.Node]++
		}
	}
	return nodes, gateways
}

// IsConnected tells whether a mesh's proxy is connected.
func (s *Server) IsConnected(meshName, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.meshes[meshName]
	return ok && m.sessions[id] != nil
}

// Watch gives a channel that receives whenever a Delivery or a Proxy changed, and a function that ends it.
func (s *Server) Watch() (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watchers[ch] = struct{}{}
	return ch, func() {
		s.watchMu.Lock()
		defer s.watchMu.Unlock()
		delete(s.watchers, ch)
	}
}

// notify tells the watchers.
func (s *Server) notify() {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for ch := range s.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// instances gives a mesh's registered instances, of the nodes that are found so.
func (s *Server) instances(m mesh.Mesh) map[string][]Instance {
	if s.registry == nil {
		return nil
	}
	all := s.registry.Instances(m.Name)
	maps.DeleteFunc(all, func(node string, _ []Instance) bool {
		return !slices.ContainsFunc(m.Nodes, func(n mesh.VirtualNode) bool {
			return n.Name == node && n.ServiceDiscovery != nil && n.ServiceDiscovery.Registration != nil
		})
	})
	return all
}

// reregister translates every state in use again when instances came or went. That is no revision and is not tried on
// one proxy first: where instances are is a fact.
func (s *Server) reregister() {
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.meshes))
	s.mu.Unlock()
	for _, m := range all {
		if instances := s.instances(m.mesh); !reflect.DeepEqual(instances, m.instances) {
			s.moved(m, instances)
		}
	}
}

// moved brings a mesh's new instances into every state in use.
func (s *Server) moved(m *meshState, instances map[string][]Instance) {
	type update struct {
		st   *state
		jobs []*job
	}
	var updates []update
	s.mu.Lock()
	known := s.known(m)
	for _, g := range m.groups {
		for _, st := range g.states() {
			updates = append(updates, update{st, s.groupJobs(g, st)})
		}
	}
	s.mu.Unlock()
	for _, u := range updates {
		s.translateAll(u.jobs, u.st.mesh, instances, known)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.instances = instances
	for _, u := range updates {
		for _, j := range u.jobs {
			if j.result.done == nil || j.result.done.equal(u.st.snaps[j.class]) {
				continue // A failure keeps the last snapshot that could be made.
			}
			u.st.snaps[j.class] = j.result.done
			for x := range j.group.sessions {
				if x.target == u.st && x.class == j.class {
					x.standing = standing{}
					x.poke()
				}
			}
		}
	}
}

// groupJobs lists the classes of a state that have a snapshot. The lock is held.
func (s *Server) groupJobs(g *group, st *state) []*job {
	var jobs []*job
	seen := make(map[string]bool)
	for x := range g.sessions {
		if !seen[x.class] && st.snaps[x.class] != nil {
			seen[x.class] = true
			jobs = append(jobs, &job{group: g, class: x.class, identity: x.identity})
		}
	}
	return jobs
}
