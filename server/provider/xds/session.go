package xds

import (
	"cmp"
	"maps"
	"strconv"
	"time"

	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/registry"
)

// session is one connected proxy. Server.mu guards it, but for the channels.
type session struct {
	id       string
	identity Identity
	class    string // proxies of one class have the same snapshot
	group    *group
	peer     string
	since    time.Time
	feed     *feed

	target      *state // what it is to run
	good        *state // the newest that it accepted whole
	standing    standing
	standingFor *state // the target that standing is about
	ackedAt     time.Time
	refusal     string      // why it does not run the newest state
	ports       map[int]int // registered as an instance with these; nil: not registered

	wake   chan struct{}  // capacity one: there may be something to send
	closed chan struct{}  // closed when Weir ends the session
	reason *status.Status // why; read after closed
}

// newSession makes a session that has not been given anything yet.
func newSession(identity Identity, class, peer string, now time.Time) *session {
	return &session{
		identity: identity, class: class, peer: peer, since: now, feed: newFeed(now),
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

// poke makes the session's stream look whether there is something to send.
func (x *session) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// give sets what the proxy is to run. A state that has no snapshot for it, because that could not be made, is not given.
func (x *session) give(st *state) {
	if st == nil || st.snaps[x.class] == nil || x.target == st {
		return
	}
	x.target, x.standing = st, standing{}
	x.poke()
}

// snapshot is what the proxy is to run now; nil before it was given anything.
func (x *session) snapshot() *prepared {
	if x.target == nil {
		return nil
	}
	return x.target.snaps[x.class]
}

// wanted is what the proxy is to run in the end; nil when that could not be made.
func (x *session) wanted() *prepared {
	if ready := x.group.newest.snaps[x.class]; ready != nil {
		return ready
	}
	return x.snapshot()
}

// fallback is what a proxy goes back to that refused its target; nil if there is nothing else.
func (x *session) fallback() *state {
	for _, st := range []*state{x.good, x.group.released} {
		if st != nil && st != x.target && st.revision <= x.target.revision {
			return st
		}
	}
	return nil
}

// busy is 0 for a proxy that runs what it was given and 1 for others.
func (x *session) busy() int {
	if x.standing.state == accepted {
		return 0
	}
	return 1
}

// end closes the session for a reason that the proxy is told.
func (x *session) end(reason *status.Status) {
	if x.reason == nil {
		x.reason = reason
		close(x.closed)
	}
}

// proxy reports the session as the provider's contract has it.
func (x *session) proxy() provider.Proxy {
	out := provider.Proxy{
		ID: x.id, Mesh: x.identity.Mesh, Node: x.identity.Node, Gateway: x.identity.Gateway, NodeID: x.identity.NodeID,
		Address: x.identity.Address, Version: x.identity.Version, Since: x.since, AckedAt: x.ackedAt,
		Resources: x.feed.resourceTypes(x.snapshot(), x.wanted()), State: provider.Pending,
	}
	if x.good != nil {
		out.Revision = x.good.revision
	}
	switch {
	case x.refusal != "":
		out.State, out.Message = provider.Rejected, x.refusal
	case x.standing.state == accepted && x.standingFor == x.group.newest:
		out.State = provider.Synced
	}
	return out
}

// groupKey names the proxy's group as its node id does.
func (i Identity) groupKey() string {
	if i.Gateway != "" {
		return "virtualGateway/" + i.Gateway
	}
	return "virtualNode/" + i.Node
}

// proxyID is the proxy's ID in Weir, before it is made unique.
func (i Identity) proxyID() string {
	name := cmp.Or(i.Node, i.Gateway)
	if i.Instance == "" {
		return name
	}
	return name + "-" + i.Instance
}

// source is the proxy as the origin of numbers.
func (i Identity) source(id string) mesh.Source {
	return mesh.Source{Mesh: i.Mesh, Proxy: id, Node: cmp.Or(i.Node, i.Gateway), Gateway: i.Gateway != ""}
}

// uniqueID gives the identity an ID that no other connected proxy has. rival is the connected proxy that has the same
// node id with an instance in it, which can only be the same proxy from before it reconnected.
func (m *meshState) uniqueID(i Identity) (id string, rival *session) {
	base := i.proxyID()
	for n := 1; ; n++ {
		id = base
		if n > 1 {
			id += "-" + strconv.Itoa(n)
		}
		x, taken := m.sessions[id]
		if !taken {
			return id, nil
		}
		if x.identity.NodeID == i.NodeID && i.Instance != "" {
			return id, x
		}
	}
}

// register makes a proxy that has its listeners an instance of its node, reachable at its ports.
func (s *Server) register(x *session) {
	if s.registry == nil || x.identity.Node == "" || x.identity.Address == "" {
		return
	}
	if x.standing.state == waiting || len(x.feed.tracks[listeners].known) == 0 {
		return
	}
	node, _ := x.target.mesh.Node(x.identity.Node)
	ports := x.identity.ListenPorts(node.Listeners)
	if x.ports != nil && maps.Equal(x.ports, ports) {
		return
	}
	again := x.ports != nil
	x.ports = ports
	s.registry.Connected(x.identity.Mesh, x.identity.Node, registry.Instance{ID: x.id, Address: x.identity.Address, Ports: ports})
	if again {
		s.registry.Disconnected(x.identity.Mesh, x.identity.Node, x.id) // The connection counts once.
	}
}
