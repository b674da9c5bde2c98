package xds

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
)

// Translate gives everything that one proxy should run. It is pure and deterministic: the same input gives the same
// resources with the same versions. Its cost grows with what the proxy's node can reach, not with the mesh.
//
// A part of the mesh that cannot be carried out (a route's target that is gone, two backends on one local port) becomes
// a warning and an answer that says so; the rest is served. The error is a mesh.Error: NotFound when the mesh or the
// node is not the proxy's, Invalid when what would be sent breaks one of Envoy's own rules.
func Translate(in Input) (*Snapshot, error) {
	t := &translator{
		mesh: in.Mesh, proxy: in.Proxy, instances: in.Instances,
		out:     map[string]map[string]Resource{ClusterType: {}, EndpointType: {}, ListenerType: {}, RouteType: {}},
		taken:   map[int]string{},
		reached: map[string]bool{},
	}
	if in.Proxy.Mesh != in.Mesh.Name {
		return nil, mesh.Errorf(mesh.NotFound, "proxy %s belongs to mesh %s, not to mesh %s", in.Proxy.NodeID, in.Proxy.Mesh, in.Mesh.Name)
	}
	if in.Proxy.Gateway != "" {
		gateway, ok := in.Mesh.Gateway(in.Proxy.Gateway)
		if !ok {
			return nil, mesh.Errorf(mesh.NotFound, "mesh %s has no virtual gateway %s; create it, or correct the proxy's node id %s",
				in.Mesh.Name, in.Proxy.Gateway, in.Proxy.NodeID)
		}
		t.gateway(gateway)
	} else {
		node, ok := in.Mesh.Node(in.Proxy.Node)
		if !ok {
			return nil, mesh.Errorf(mesh.NotFound, "mesh %s has no virtual node %s; create it, or correct the proxy's node id %s",
				in.Mesh.Name, in.Proxy.Node, in.Proxy.NodeID)
		}
		t.node(node)
	}
	if t.err != nil {
		return nil, t.err
	}
	return &Snapshot{Resources: t.out, Warnings: t.warnings}, nil
}

// Key is equal for proxies whose snapshots are equal as long as the mesh and the instances are: those of the same node
// that listen alike. Whoever serves many proxies translates once per key.
func (in Input) Key() string {
	p := in.Proxy
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|%s|%s|%d", p.Mesh, p.Node, p.Gateway, p.Bind, p.AppAddress, p.EgressPort)
	for _, port := range slices.Sorted(maps.Keys(p.IngressPort)) {
		fmt.Fprintf(&b, "|%d=%d", port, p.IngressPort[port])
	}
	return b.String()
}

// translator gathers one proxy's resources. Its methods do not return errors: the first one stops in err, and warnings
// do not stop anything.
type translator struct {
	mesh      mesh.Mesh
	proxy     Identity
	instances map[string][]Instance

	out      map[string]map[string]Resource
	warnings []string
	taken    map[int]string  // port of this proxy → what listens there
	reached  map[string]bool // egress clusters made so far
	err      error
}

// node makes the resources of a proxy beside a virtual node.
func (t *translator) node(node mesh.VirtualNode) {
	ports := t.proxy.ListenPorts(node.Listeners)
	t.take(t.proxy.EgressPort, "the egress listener")
	for _, l := range node.Listeners {
		t.ingress(node, l, ports[l.Port])
	}
	services := make([]string, 0, len(node.Backends))
	for _, b := range sortedBackends(node.Backends) {
		services = append(services, b.Service)
		t.egressTCP(b)
	}
	hosts := t.serviceHosts(services)
	if t.mesh.EgressFilter == mesh.AllowAll {
		hosts = append(hosts, t.allowAllHost())
	}
	t.egressHTTP(egressListener{address: t.proxy.Bind, hosts: hosts, node: true})
}

// add marshals a resource once and keeps it.
func (t *translator) add(typeURL, name string, m proto.Message) {
	body := t.any(m)
	if t.err != nil {
		return
	}
	t.out[typeURL][name] = Resource{Name: name, Version: contentHash(body.GetValue()), Body: body}
}

// any packs a message so that equal messages are equal bytes. A message that breaks Envoy's own rules is refused here,
// before a proxy sees it.
func (t *translator) any(m proto.Message) *anypb.Any {
	if v, ok := m.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			t.refuse(err)
			return &anypb.Any{}
		}
	}
	packed := &anypb.Any{}
	if err := anypb.MarshalFrom(packed, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		t.refuse(err)
	}
	return packed
}

// refuse keeps the first error.
func (t *translator) refuse(err error) {
	if t.err == nil {
		t.err = mesh.Errorf(mesh.Invalid, "mesh %s cannot be translated for %s: %w", t.mesh.Name, t.proxy.NodeID, err)
	}
}

// warn keeps one sentence about a part of the mesh that is not carried out.
func (t *translator) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(t.warnings, text) {
		t.warnings = append(t.warnings, text)
	}
}

// take reserves one of the proxy's ports; false, with a warning, when something listens there already.
func (t *translator) take(port int, what string) bool {
	if by, ok := t.taken[port]; ok {
		t.warn("%s is not served: port %d of the proxy is taken by %s; give one of them another port (a TCP backend: a localPort)",
			what, port, by)
		return false
	}
	t.taken[port] = what
	return true
}

// contentHash is a resource's version.
func contentHash(data []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(data)) }

// sortedBackends sorts a node's backends by service and keeps the first of each.
func sortedBackends(backends []mesh.Backend) []mesh.Backend {
	sorted := slices.Clone(backends)
	slices.SortStableFunc(sorted, func(a, b mesh.Backend) int { return cmp.Compare(a.Service, b.Service) })
	return slices.CompactFunc(sorted, func(a, b mesh.Backend) bool { return a.Service == b.Service })
}

// joinPort writes "name:port".
func joinPort(name string, port int) string { return name + ":" + strconv.Itoa(port) }
