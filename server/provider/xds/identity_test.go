package xds

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/mesh"
)

func TestParseIdentity(t *testing.T) {
	defaults := Identity{Bind: "0.0.0.0", AppAddress: "127.0.0.1", EgressPort: 15001}
	for _, tc := range []struct {
		id       string
		metadata map[string]any
		want     func(*Identity)
	}{
		{"mesh/m/virtualNode/n", nil, func(i *Identity) { i.Mesh, i.Node = "m", "n" }},
		{"mesh/m/virtualNode/n/i-1", nil, func(i *Identity) { i.Mesh, i.Node, i.Instance = "m", "n", "i-1" }},
		{"mesh/m/virtualNode/n/ip-10-0-0-1.local", nil, func(i *Identity) { i.Mesh, i.Node, i.Instance = "m", "n", "ip-10-0-0-1.local" }},
		{"mesh/m@123456789012/virtualNode/n", nil, func(i *Identity) { i.Mesh, i.Node = "m", "n" }},
		{"mesh/m/virtualGateway/g", nil, func(i *Identity) { i.Mesh, i.Gateway = "m", "g" }},
		{"mesh/m/virtualGateway/g/1", nil, func(i *Identity) { i.Mesh, i.Gateway, i.Instance = "m", "g", "1" }},
		{"arn:aws:appmesh:eu-west-1:123456789012:mesh/m/virtualNode/n", nil, func(i *Identity) { i.Mesh, i.Node = "m", "n" }},
		{"arn:aws-cn:appmesh:cn-north-1:123456789012:mesh/m@1/virtualGateway/g", nil, func(i *Identity) { i.Mesh, i.Gateway = "m", "g" }},
		{"mesh/m/virtualNode/n", map[string]any{
			"address": "10.0.0.1", "bind": "::", "app_address": "127.0.0.2", "egress_port": 16001,
			"ingress_ports": map[string]any{"8080": 16000, "9090": 16002}, "zone": "a",
		}, func(i *Identity) {
			i.Mesh, i.Node, i.Address, i.Bind, i.AppAddress, i.EgressPort = "m", "n", "10.0.0.1", "::", "127.0.0.2", 16001
			i.IngressPort = map[int]int{8080: 16000, 9090: 16002}
		}},
	} {
		want := defaults
		want.NodeID = tc.id
		tc.want(&want)
		got, err := ParseIdentity(nodeWith(t, tc.id, tc.metadata))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", tc.id, err, diff)
		}
	}
}

func TestParseIdentityRefuses(t *testing.T) {
	const id = "mesh/m/virtualNode/n"
	for _, tc := range []struct {
		id       string
		metadata map[string]any
		want     string
	}{
		{"", nil, "is empty"},
		{"cart-7f3a", nil, "is not understood"},
		{"mesh/m", nil, "is not understood"},
		{"mesh/m/virtualNode/n/1/2", nil, "is not understood"},
		{"mesh//virtualNode/n", nil, "a name that is empty"},
		{"mesh/m/virtualNode/", nil, "a name that is empty"},
		{"mesh/m/virtualNode/n/", nil, "a name that is empty"},
		{"mesh/m/virtualNode/<img onerror=x>", nil, "other characters"},
		{"mesh/m/virtualNode/n\x00", nil, "other characters"},
		{"mesh/m/virtualNode/" + strings.Repeat("n", 256), nil, "other characters"},
		{"mesh/m@/virtualNode/n", nil, "an @ without an owner"},
		{"mesh/m/virtualRouter/r", nil, "neither a virtualNode nor a virtualGateway"},
		{"arn:aws:ecs:eu-west-1:1:mesh/m/virtualNode/n", nil, "is not an App Mesh ARN"},
		{"arn:aws:appmesh", nil, "is not an App Mesh ARN"},
		{"mesh/" + strings.Repeat("m", 2000), nil, "is longer than 1024"},
		{id, map[string]any{"address": "cart.local"}, `address "cart.local" is not an IP address`},
		{id, map[string]any{"address": 7}, "is not an IP address"},
		{id, map[string]any{"address": "0.0.0.0"}, "is every address"},
		{id, map[string]any{"app_address": "::"}, "is every address"},
		{id, map[string]any{"address": "fe80::1%eth0"}, "is not an IP address"},
		{id, map[string]any{"egress_port": "15001"}, "egress_port is not a port"},
		{id, map[string]any{"egress_port": 1.5}, "egress_port is not a port"},
		{id, map[string]any{"egress_port": 65536}, "egress_port is not a port"},
		{id, map[string]any{"ingress_ports": []any{8080}}, "ingress_ports is a structure"},
		{id, map[string]any{"ingress_ports": map[string]any{"web": 1}}, `"web" is not a port`},
		{id, map[string]any{"ingress_ports": map[string]any{"80": 0}}, "ingress_ports 80 is not a port"},
		{id, map[string]any{"ingress_ports": map[string]any{"80": 15001}}, "port 15001 is used by egress_port already"},
		{id, map[string]any{"ingress_ports": map[string]any{"80": 1, "81": 1}}, "port 1 is used by ingress_ports 80 already"},
	} {
		_, err := ParseIdentity(nodeWith(t, tc.id, tc.metadata))
		if mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60q %v: %v, want %s", tc.id, tc.metadata, err, tc.want)
			continue
		}
		if text := err.Error(); len(text) > 400 || strings.ContainsAny(text, "\x00\n") {
			t.Errorf("%.60q: not one short line: %q", tc.id, text)
		}
	}
	if _, err := ParseIdentity(nil); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("no node at all: %v", err)
	}
	node := nodeWith(t, id, nil)
	node.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{metadataKey: structpb.NewStringValue("x")}}
	if _, err := ParseIdentity(node); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("metadata of another shape: %v", err)
	}
}

func TestParseIdentityVersion(t *testing.T) {
	for _, tc := range []struct {
		node *corev3.Node
		want string
	}{
		{&corev3.Node{}, ""},
		{&corev3.Node{UserAgentName: "envoy", UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{
			UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}},
		}}, "envoy 1.40.0"},
		{&corev3.Node{UserAgentName: "gRPC Go", UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.85.0"}}, "gRPC Go 1.85.0"},
		{&corev3.Node{UserAgentName: "a\nb" + strings.Repeat("x", 200)}, "ab" + strings.Repeat("x", 78)},
	} {
		tc.node.Id = "mesh/m/virtualNode/n"
		if got, err := ParseIdentity(tc.node); err != nil || got.Version != tc.want {
			t.Errorf("%v: %q, %v; want %q", tc.node, got.Version, err, tc.want)
		}
	}
}

func TestListenPorts(t *testing.T) {
	listeners := func(ports ...int) (list []mesh.Listener) {
		for _, p := range ports {
			list = append(list, mesh.Listener{Port: p})
		}
		return list
	}
	for _, tc := range []struct {
		id        Identity
		listeners []mesh.Listener
		want      map[int]int
	}{
		{Identity{Node: "n", EgressPort: 15001}, listeners(80), map[int]int{80: 15000}},
		{Identity{Node: "n", EgressPort: 15001}, listeners(80, 81, 82), map[int]int{80: 15000, 81: 15002, 82: 15003}},
		{Identity{Node: "n", EgressPort: 15000}, listeners(80, 81), map[int]int{80: 15002, 81: 15003}},
		{Identity{Node: "n", EgressPort: 15001, IngressPort: map[int]int{81: 15000}}, listeners(80, 81), map[int]int{80: 15002, 81: 15000}},
		{Identity{Gateway: "g", EgressPort: 15001, IngressPort: map[int]int{80: 8080}}, listeners(80, 443), map[int]int{80: 8080, 443: 443}},
	} {
		if diff := cmp.Diff(tc.want, tc.id.ListenPorts(tc.listeners)); diff != "" {
			t.Errorf("%+v: %s", tc.id, diff)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add("mesh/m/virtualNode/n/1", "10.0.0.1", 15000.0)
	f.Add("arn:aws:appmesh:eu-west-1:1:mesh/m@2/virtualGateway/g", "::1", 1e300)
	f.Fuzz(func(t *testing.T, id, address string, port float64) {
		node := &corev3.Node{Id: id, Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			metadataKey: structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				"address": structpb.NewStringValue(address), "egress_port": structpb.NewNumberValue(port),
			}}),
		}}}
		got, err := ParseIdentity(node)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00") || mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("%q: %q", id, err)
			}
			return
		}
		if got.Mesh == "" || (got.Node == "") == (got.Gateway == "") || got.EgressPort < 1 || got.EgressPort > 65535 {
			t.Errorf("%q: %+v", id, got)
		}
	})
}

func nodeWith(t *testing.T, id string, metadata map[string]any) *corev3.Node {
	t.Helper()
	node := &corev3.Node{Id: id}
	if metadata != nil {
		s, err := structpb.NewStruct(map[string]any{metadataKey: metadata, "service": "other"})
		if err != nil {
			t.Fatal(err)
		}
		node.Metadata = s
	}
	return node
}
