package xds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

const (
	keepRefused = time.Minute     // after the last attempt
	keepGone    = 5 * time.Minute // after the disconnection
	maxRefused  = 200
	keptNodeID  = 200 // characters of a refused node id that are kept
	// Refusals are told (logged, and shown at once) up to so many a second, and so many at once: strangers decide how many
	// there are.
	tellRefusals = 5
	tellAtOnce   = 50
)

// refusals lists the proxies that were not let in, by node id: at most maxRefused of them.
type refusals map[string]*refusedProxy

type refusedProxy struct {
	proxy provider.Proxy
	last  time.Time
}

func (r refusals) note(p provider.Proxy, now time.Time) {
	if was, ok := r[p.NodeID]; ok {
		p.Since = was.proxy.Since
	} else if len(r) >= maxRefused {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(r)), func(a, b string) int { return r[a].last.Compare(r[b].last) })
		delete(r, oldest)
	}
	r[p.NodeID] = &refusedProxy{proxy: p, last: now}
}

func (r refusals) expire(now time.Time) {
	maps.DeleteFunc(r, func(_ string, p *refusedProxy) bool { return now.Sub(p.last) > keepRefused })
}

// identify reads who a proxy is and says whether it may come in: first by its token, so that a stranger learns nothing of
// the meshes. The error is a gRPC status with the reason, and the refusal is listed. Whoever gets a stay releases it.
func (s *Server) identify(ctx context.Context, node *corev3.Node) (Identity, *stay, error) {
	if node == nil {
		return Identity{}, nil, status.Error(codes.InvalidArgument, "the first message of a stream must carry the node")
	}
	node.Extensions = nil // 61 KB of every real Envoy's first message, of no use here.
	identity, bad := s.parse(node)
	pass, denied := s.vouch(ctx, identity, bad == nil)
	if bad != nil {
		identity = Identity{NodeID: shorten(cmp.Or(node.GetId(), "(none)"))}
		bad = status.Error(codes.InvalidArgument, bad.Error())
	}
	if status.Code(denied) == codes.Unavailable {
		return Identity{}, nil, denied
	}
	if err := s.settle(ctx, identity, cmp.Or(denied, bad)); err != nil {
		return Identity{}, nil, err
	}
	return identity, s.hold(ctx, pass), nil
}

// settle lets a proxy in, or lists it as refused: for a reason that is known already, or for one that its mesh has.
func (s *Server) settle(ctx context.Context, identity Identity, err error) error {
	now := s.now()
	s.mu.Lock()
	if len(s.meshes) == 0 {
		s.mu.Unlock()
		// Not the proxy's fault, and not listed: it will be back in a moment.
		return status.Error(codes.Unavailable, "Weir has not loaded its meshes yet; try again")
	}
	if err == nil {
		if code, reason := s.refuse(identity); reason != "" {
			err = status.Error(code, reason)
		}
	}
	if err == nil {
		delete(s.refusedAt, shorten(identity.NodeID))
		s.mu.Unlock()
		return nil
	}
	p, tell := s.noteRefused(identity, status.Convert(err).Message(), now)
	s.mu.Unlock()
	if tell && s.passes != nil {
		s.passes.Refused(ctx, p, peerOf(ctx))
	}
	return err
}

// refuse says why a proxy is not let in; an empty reason lets it in. The lock is held.
func (s *Server) refuse(i Identity) (code codes.Code, reason string) {
	m, ok := s.meshes[i.Mesh]
	if !ok {
		return codes.NotFound, fmt.Sprintf("there is no mesh %q here; create it, or correct the proxy's node id %q", i.Mesh, shorten(i.NodeID))
	}
	if exists(m.mesh, i) {
		return codes.OK, ""
	}
	what, name := "virtual node", i.Node
	if i.Gateway != "" {
		what, name = "virtual gateway", i.Gateway
	}
	reason = fmt.Sprintf("mesh %s has no %s %q", i.Mesh, what, name)
	for _, other := range slices.Sorted(maps.Keys(s.meshes)) {
		if exists(s.meshes[other].mesh, i) {
			return codes.NotFound, fmt.Sprintf("%s, but mesh %s has; correct the proxy's node id %q", reason, other, shorten(i.NodeID))
		}
	}
	return codes.NotFound, fmt.Sprintf("%s; create it, or correct the proxy's node id %q", reason, shorten(i.NodeID))
}

// exists says whether a mesh has the proxy's node or gateway.
func exists(m mesh.Mesh, i Identity) bool {
	if i.Gateway != "" {
		return slices.ContainsFunc(m.Gateways, func(g mesh.VirtualGateway) bool { return g.Name == i.Gateway })
	}
	return slices.ContainsFunc(m.Nodes, func(n mesh.VirtualNode) bool { return n.Name == i.Node })
}

// noteRefused lists a refusal, and logs the first of a row unless there are too many. It says whether others should be
// told. The lock is held.
func (s *Server) noteRefused(i Identity, reason string, now time.Time) (p provider.Proxy, tell bool) {
	id := shorten(i.NodeID)
	p = provider.Proxy{
		ID: refusedID(id), Mesh: i.Mesh, Node: i.Node, Gateway: i.Gateway, NodeID: id, Address: i.Address, Version: i.Version,
		State: provider.Refused, Message: reason, Since: now,
	}
	was, known := s.refusedAt[id]
	s.refusedAt.note(p, now)
	if known && was.proxy.Message == reason || !s.telling.AllowN(now, 1) {
		return p, false
	}
	s.log.Warn("proxy refused", "node_id", id, "reason", reason)
	s.notify()
	return p, true
}

// refusedID is a name for who was not let in that can stand in an address, which what it calls itself need not.
func refusedID(nodeID string) string { return "refused-" + contentHash([]byte(nodeID))[:8] }

// shorten makes what a stranger sent something that can be kept and shown: not too long, and without what does not print or
// turns the direction of the text around it.
func shorten(text string) string {
	cut := len(text) > keptNodeID
	if cut {
		text = text[:keptNodeID]
	}
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, text)
	if cut {
		text += "…"
	}
	return text
}

// join lets a proxy in and gives it what its group runs.
func (s *Server) join(identity Identity, from string) (*session, error) {
	s.work.Lock()
	defer s.work.Unlock()
	now := s.now()
	x := newSession(identity, Input{Proxy: identity}.Key(), from, now)

	s.mu.Lock()
	m := s.meshes[identity.Mesh]
	if code, reason := s.refuse(identity); reason != "" {
		_, _ = s.noteRefused(identity, reason, now) // Its node went away since it was looked at.
		s.mu.Unlock()
		return nil, status.Error(code, reason)
	}
	g := m.groups[identity.groupKey()]
	if g == nil {
		first := newState(m.revision, m.mesh)
		g = &group{key: identity.groupKey(), mesh: m, sessions: make(map[*session]struct{}), newest: first, released: first}
		m.groups[g.key] = g
	}
	var missing []*state
	for _, st := range []*state{g.newest, g.released} {
		if st.snaps[x.class] == nil && st.errs[x.class] == "" && !slices.Contains(missing, st) {
			missing = append(missing, st)
		}
	}
	instances := m.instances
	var known pool
	if len(missing) > 0 {
		known = s.known(m)
	}
	s.mu.Unlock()

	built := make([]classResult, len(missing))
	for i, st := range missing {
		built[i] = s.build(Input{Mesh: st.mesh, Proxy: identity, Instances: instances}, known)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for i, st := range missing {
		st.put(x.class, built[i])
	}
	s.seat(x, g, now)
	return x, nil
}

// seat adds a session to its group. The lock is held.
func (s *Server) seat(x *session, g *group, now time.Time) {
	m := g.mesh
	id, rival := m.uniqueID(x.identity)
	if rival != nil {
		rival.end(status.New(codes.Aborted, "the same proxy connected again"))
		s.unseat(rival, now)
	}
	x.id, x.group = id, g
	m.sessions[id] = x
	delete(m.gone, id)
	delete(m.left, id)
	g.sessions[x] = struct{}{}
	m.deliveries.joined(id, g.key)
	x.give(g.released)
	switch {
	case g.released.errs[x.class] != "":
		x.refusal = g.released.errs[x.class]
		m.deliveries.refused(id, g.released.revision, x.refusal, now)
	case g.newest != g.released && g.newest.errs[x.class] != "":
		x.refusal = g.newest.errs[x.class]
	case g.newest.refused:
		x.refusal = "not sent: another proxy refused it"
	}
	s.log.Info("proxy connected", "mesh", m.name, "proxy", id, "version", x.identity.Version)
	s.notify()
}

// leave takes a session out after its stream ended.
func (s *Server) leave(x *session) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseat(x, now)
}

// unseat takes a session out, once. The lock is held.
func (s *Server) unseat(x *session, now time.Time) {
	g, m := x.group, x.group.mesh
	if _, seated := g.sessions[x]; !seated {
		return
	}
	delete(g.sessions, x)
	delete(m.sessions, x.id)
	gone := x.proxy()
	gone.State, gone.Since, gone.Message = provider.Gone, now, ""
	m.gone[x.id] = gone
	m.left[x.id] = x.holding(now)
	m.deliveries.left(x.id, now)
	if x.ports != nil {
		s.registry.Disconnected(m.name, x.identity.Node, x.id)
	}
	if g.first == x {
		g.first = nil
		g.dirty = true // The trial needs somebody else.
		s.kick()
	}
	s.log.Info("proxy disconnected", "mesh", m.name, "proxy", x.id)
	s.notify()
}

// peerOf is where a stream comes from.
func peerOf(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return ""
}
