package xds

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

const (
	// trialPatience is how long the first proxy of a group may be silent before the others get a revision too.
	trialPatience = time.Second
	// pushGap is the time between two pushes to one mesh while the first is still being answered: 20 a second.
	pushGap = 50 * time.Millisecond
	// pushBurst is how many pushes may follow each other as fast as they are answered before the gap holds for all.
	pushBurst = 100
)

// meshState is one mesh as it is served. Server.mu guards it.
type meshState struct {
	name       string
	revision   int64
	mesh       mesh.Mesh
	instances  map[string][]Instance // of the nodes found by registration
	groups     map[string]*group
	sessions   map[string]*session // by proxy ID
	gone       map[string]provider.Proxy
	left       map[string]holding // of those that are gone
	deliveries deliveries
	pushed     time.Time
	burst      *rate.Limiter
}

// group is the proxies of one virtual node or gateway. A revision is tried on one of them first.
type group struct {
	key      string // as in the node id: "virtualNode/cart"
	mesh     *meshState
	sessions map[*session]struct{}
	newest   *state   // the newest revision
	released *state   // the newest that all of them may run
	dirty    bool     // newest has not been handed out yet
	first    *session // who is trying newest; nil: nobody
	deadline time.Time
	bad      map[poolKey]badResource // what was refused and not changed since
}

// badResource is a resource that a proxy refused in a trial.
type badResource struct{ proxy, message, clusters string }

// state is one revision as a group is to run it. The snapshots change with the instances; the revision does not.
type state struct {
	revision int64
	mesh     mesh.Mesh
	snaps    map[string]*prepared // by class
	errs     map[string]string    // why a class has none
	refused  bool                 // by the first, so that the others do not get it
}

// due says whether a push may go out now, and if not, when to ask again. It goes at once unless one went within the
// gap; and even then if everybody has answered that one, which bounds the rate by the proxies' own speed.
func (m *meshState) due(now time.Time) (ok bool, again time.Time) {
	after := m.pushed.Add(pushGap)
	if !now.Before(after) {
		m.burst.AllowN(now, 1)
		return true, time.Time{}
	}
	for _, x := range m.sessions {
		if x.standing.state == waiting && x.target != nil {
			return false, after
		}
	}
	return m.burst.AllowN(now, 1), after
}

// push hands out every group's newest state if it is time, and otherwise says when it will be.
func (s *Server) push(m *meshState, now time.Time) (again time.Time) {
	var dirty []*group
	for _, g := range m.groups {
		if g.dirty {
			dirty = append(dirty, g)
		}
	}
	if len(dirty) == 0 {
		return time.Time{}
	}
	if ok, again := m.due(now); !ok {
		return again
	}
	m.pushed = now
	for _, g := range dirty {
		s.pushGroup(g, now)
	}
	return time.Time{}
}

// pushGroup begins the trial of a group's newest state, or releases it if there is nothing to try it on.
func (s *Server) pushGroup(g *group, now time.Time) {
	g.dirty = false
	if proxy, message, ok := g.knownBad(); ok {
		s.refuseGroup(g, proxy, message, now)
		return
	}
	first := g.pick()
	if g.released == nil || first == nil {
		s.release(g)
		return
	}
	if g.first == nil {
		g.deadline = now.Add(trialPatience)
	}
	g.first = first
	first.give(g.newest)
}

// knownBad says whether the newest state holds something that was refused before and has not changed since.
func (g *group) knownBad() (proxy, message string, ok bool) {
	for key, bad := range g.bad {
		current := false
		for _, p := range g.newest.snaps {
			res, exists := p.sets[key.kind].byName[key.name]
			same := exists && res.version == key.version || !exists && key.version == ""
			if same && (bad.clusters == "" || bad.clusters == p.sets[clusters].version) {
				current = true
			}
		}
		if current {
			return bad.proxy, bad.message, true
		}
		delete(g.bad, key)
	}
	return "", "", false
}

// pick chooses who tries the newest state: a proxy that it changes something for, rather one that is not still busy.
func (g *group) pick() *session {
	var candidates []*session
	for x := range g.sessions {
		if g.newest.snaps[x.class] == nil || x.snapshot().equal(g.newest.snaps[x.class]) {
			continue
		}
		if x == g.first {
			return x
		}
		candidates = append(candidates, x)
	}
	if len(candidates) == 0 {
		return nil
	}
	return slices.MinFunc(candidates, func(a, b *session) int {
		return cmp.Or(cmp.Compare(a.busy(), b.busy()), cmp.Compare(a.id, b.id))
	})
}

// release lets the whole group run its newest state.
func (s *Server) release(g *group) {
	g.released, g.first = g.newest, nil
	for x := range g.sessions {
		x.give(g.newest)
	}
}

// refuseGroup notes that the newest state will not be handed out. Whoever refused it goes back to what it ran.
func (s *Server) refuseGroup(g *group, proxy, message string, now time.Time) {
	g.newest.refused, g.first = true, nil
	for x := range g.sessions {
		words := "not sent: " + proxy + " refused it"
		if x.id == proxy {
			words = message
		} else if x.snapshot().equal(g.newest.snaps[x.class]) {
			continue
		}
		x.refusal = words
		g.mesh.deliveries.withheld(x.id, g.newest.revision, words, now)
		if x.target == g.newest {
			x.give(x.fallback())
		}
	}
	s.log.Warn("revision refused by a proxy", "mesh", g.mesh.name, "revision", g.newest.revision, "proxy", proxy, "message", message)
	s.notify()
}

// settled takes note of where a session's feed has come to.
func (s *Server) settled(x *session, st standing, now time.Time) {
	was, wasFor := x.standing, x.standingFor
	x.standing, x.standingFor = st, x.target
	if was.state == st.state && wasFor == x.target {
		return
	}
	g, m := x.group, x.group.mesh
	switch st.state {
	case accepted:
		x.good, x.ackedAt = x.target, now
		m.deliveries.acked(x.id, x.target.revision, now)
		if x.target == g.newest {
			x.refusal = ""
			x.feed.forgive(x.snapshot())
		}
		if g.first == x && x.target == g.newest {
			s.release(g)
		}
	case refused:
		m.deliveries.refused(x.id, x.target.revision, st.message, now)
		x.refusal = st.message
		if g.first == x && x.target == g.newest {
			g.blame(x, st)
			s.refuseGroup(g, x.id, st.message, now)
			break
		}
		s.log.Warn("configuration refused", "mesh", m.name, "revision", x.target.revision, "proxy", x.id, "message", st.message)
		x.give(x.fallback())
	}
	s.register(x)
	s.notify()
}

// blame remembers what was refused, so that it is not tried again on anybody until it changes.
func (g *group) blame(x *session, st standing) {
	bad := badResource{proxy: x.id, message: st.message}
	if k := st.culprit.kind; k == listeners || k == routes {
		bad.clusters = x.snapshot().sets[clusters].version
	}
	if g.bad == nil {
		g.bad = make(map[poolKey]badResource)
	}
	g.bad[st.culprit] = bad
}

// tend does what is due by the clock and says when there is more to do.
func (s *Server) tend(now time.Time) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = now.Add(settle)
	soonest := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, m := range s.meshes {
		soonest(s.push(m, now))
		for _, g := range m.groups {
			if g.first == nil {
				continue
			}
			if now.Before(g.deadline) {
				soonest(g.deadline)
				continue
			}
			s.log.Warn("no answer from the first proxy: the others get the revision too",
				"mesh", m.name, "revision", g.newest.revision, "proxy", g.first.id)
			s.release(g)
		}
		for _, x := range m.sessions {
			if x.standing.state == waiting {
				x.poke() // Something it waits for may have been waited for long enough.
				soonest(now.Add(settle / 4))
			}
		}
		m.deliveries.expire(now)
		maps.DeleteFunc(m.gone, func(_ string, p provider.Proxy) bool { return now.Sub(p.Since) > keepGone })
		maps.DeleteFunc(m.left, func(_ string, h holding) bool { return now.Sub(h.left) > keepGone })
	}
	s.refusedAt.expire(now)
	return next
}
