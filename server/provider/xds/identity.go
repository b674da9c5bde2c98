package xds

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	defaultBind       = "0.0.0.0"
	defaultAppAddress = "127.0.0.1"
	defaultEgressPort = 15001
	defaultIngress    = 15000

	metadataKey = "weir"
	maxNodeID   = 1024
)

// ParseIdentity reads who a proxy is from the node in its first message: from its id, in Weir's form
// "mesh/M/virtualNode/N/INSTANCE", in App Mesh's (without the instance, with "@owner", or the full ARN), or the same with
// virtualGateway; and from its metadata under "weir": address, bind, app_address, egress_port and
// ingress_ports {"8080": 15000}. Everything but the id has a default; Address stays empty if the proxy does not say it.
// The error is a mesh.Error of code Invalid that can be shown to the proxy.
func ParseIdentity(node *corev3.Node) (Identity, error) {
	id, err := parseNodeID(node.GetId())
	if err != nil {
		return Identity{}, err
	}
	id.Version = softwareVersion(node)
	id.Bind, id.AppAddress, id.EgressPort = defaultBind, defaultAppAddress, defaultEgressPort
	value, ok := node.GetMetadata().GetFields()[metadataKey]
	if !ok {
		return id, nil
	}
	if err := id.readMetadata(value); err != nil {
		return Identity{}, mesh.Errorf(mesh.Invalid, "proxy %s: metadata %s: %w", id.NodeID, metadataKey, err)
	}
	return id, nil
}

// parseNodeID reads the mesh, the node or gateway, and the instance.
func parseNodeID(nodeID string) (Identity, error) {
	refuse := func(why string) (Identity, error) {
		return Identity{}, mesh.Errorf(mesh.Invalid, "node id %s %s; it is mesh/MESH/virtualNode/NODE or mesh/MESH/virtualGateway/GATEWAY, "+
			"and /INSTANCE after it if there are several proxies", shortQuote(nodeID), why)
	}
	switch {
	case nodeID == "":
		return refuse("is empty")
	case len(nodeID) > maxNodeID:
		return refuse(fmt.Sprintf("is longer than %d characters", maxNodeID))
	}
	path := nodeID
	if strings.HasPrefix(path, "arn:") {
		parts := strings.SplitN(path, ":", 6) // arn:aws:appmesh:REGION:ACCOUNT:mesh/…
		if len(parts) != 6 || parts[2] != "appmesh" {
			return refuse("is not an App Mesh ARN")
		}
		path = parts[5]
	}
	parts := strings.Split(path, "/")
	if len(parts) < 4 || len(parts) > 5 || parts[0] != "mesh" {
		return refuse("is not understood")
	}
	name, owner, shared := strings.Cut(parts[1], "@")
	if shared && owner == "" {
		return refuse("has an @ without an owner after it")
	}
	for _, part := range append([]string{name}, parts[3:]...) {
		if !plainName(part) {
			return refuse("has a name that is empty or has other characters than letters, digits, dots, - and _")
		}
	}
	id := Identity{NodeID: nodeID, Mesh: name}
	switch parts[2] {
	case "virtualNode":
		id.Node = parts[3]
	case "virtualGateway":
		id.Gateway = parts[3]
	default:
		return refuse("names neither a virtualNode nor a virtualGateway")
	}
	if len(parts) == 5 {
		id.Instance = parts[4]
	}
	return id, nil
}

// plainName allows what names and instances consist of; a dot only because host names are used as instances.
func plainName(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// readMetadata takes over what a proxy says about where it listens.
func (id *Identity) readMetadata(value *structpb.Value) error {
	if _, ok := value.GetKind().(*structpb.Value_StructValue); !ok {
		return errors.New("is a structure, as in {address: 10.0.0.1}")
	}
	fields := value.GetStructValue().GetFields()
	for _, f := range []struct {
		key string
		to  *string
	}{{"address", &id.Address}, {"bind", &id.Bind}, {"app_address", &id.AppAddress}} {
		v, ok := fields[f.key]
		if !ok {
			continue
		}
		addr, err := netip.ParseAddr(v.GetStringValue())
		if err != nil || addr.Zone() != "" {
			return fmt.Errorf("%s %s is not an IP address", f.key, shortQuote(v.GetStringValue()))
		}
		if addr.IsUnspecified() && f.key != "bind" {
			return fmt.Errorf("%s %s is every address; give the one where it is reached", f.key, addr)
		}
		*f.to = addr.String()
	}
	if v, ok := fields["egress_port"]; ok {
		port, err := portValue("egress_port", v)
		if err != nil {
			return err
		}
		id.EgressPort = port
	}
	if v, ok := fields["ingress_ports"]; ok {
		return id.readIngressPorts(v)
	}
	return nil
}

func (id *Identity) readIngressPorts(value *structpb.Value) error {
	if _, ok := value.GetKind().(*structpb.Value_StructValue); !ok {
		return errors.New(`ingress_ports is a structure, as in {"8080": 15000}`)
	}
	ports, used := make(map[int]int), map[int]string{id.EgressPort: "egress_port"}
	fields := value.GetStructValue().GetFields()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		from, err := strconv.Atoi(key)
		if err != nil || from < 1 || from > math.MaxUint16 {
			return fmt.Errorf("ingress_ports: %s is not a port from 1 to 65535", shortQuote(key))
		}
		to, err := portValue("ingress_ports "+key, fields[key])
		if err != nil {
			return err
		}
		if by, ok := used[to]; ok {
			return fmt.Errorf("ingress_ports %s: port %d is used by %s already", key, to, by)
		}
		ports[from], used[to] = to, "ingress_ports "+key
	}
	id.IngressPort = ports
	return nil
}

// portValue reads a port, which JSON and protobuf hold as a floating-point number.
func portValue(what string, v *structpb.Value) (int, error) {
	n, ok := v.GetKind().(*structpb.Value_NumberValue)
	if !ok || n.NumberValue != math.Trunc(n.NumberValue) || n.NumberValue < 1 || n.NumberValue > math.MaxUint16 {
		return 0, fmt.Errorf("%s is not a port from 1 to 65535", what)
	}
	return int(n.NumberValue), nil
}

// ListenPorts says on which of its own ports a proxy takes calls for each of its listeners. A virtual node's first
// listener that the proxy did not map itself is on 15000 and the next ones from 15002 up, past the egress port. A
// gateway listens where its clients expect it.
func (id Identity) ListenPorts(listeners []mesh.Listener) map[int]int {
	ports, used := make(map[int]int, len(listeners)), map[int]bool{id.EgressPort: true}
	for _, to := range id.IngressPort {
		used[to] = true
	}
	next := defaultIngress
	for _, l := range listeners {
		to, mapped := id.IngressPort[l.Port]
		switch {
		case mapped:
		case id.Gateway != "":
			to = l.Port
		default:
			for used[next] || next == defaultEgressPort {
				next++
			}
			to = next
			used[to] = true
		}
		ports[l.Port] = to
	}
	return ports
}

// softwareVersion names the proxy's software, "envoy 1.40.0"; empty if it did not say.
func softwareVersion(node *corev3.Node) string {
	version := node.GetUserAgentVersion()
	if v := node.GetUserAgentBuildVersion().GetVersion(); v != nil {
		version = fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
	}
	name := node.GetUserAgentName()
	if version == "" {
		return printable(name)
	}
	return printable(cmp.Or(name, "unknown") + " " + version)
}

// printable shortens what a proxy says of itself to 80 characters and drops what does not print.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= 80 {
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shortQuote shows a stranger's text in a message.
func shortQuote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}
