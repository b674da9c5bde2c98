package xds

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	controlPlane   = "control_plane"
	flushInterval  = 500 * time.Millisecond
	maxSocketPath  = 107
	maxConnections = 10000 // of one proxy's clients, before it turns new ones away
)

// BootstrapOptions says for which proxy a bootstrap is and how the proxy reaches Weir. Zero fields are the defaults of
// ParseIdentity, which reads the same facts back.
type BootstrapOptions struct {
	Mesh, Node, Gateway string // exactly one of Node and Gateway
	Instance            string // tells proxies of the same node apart
	XDS                 string // host:port of Weir's xDS, or unix:/PATH; of several replicas: host:port of each, with commas in between

	Token      string // shown to Weir; empty: none
	CA         []byte // in PEM, what Weir's certificate is checked against; empty: plain text, or what Certificates have
	ServerName string // the name in Weir's certificate; empty: XDS's host
	// Certificates is the folder, with its whole path, that the proxy reads its certificate from, and again when it is renewed
	// (Certificates.Write); empty: it shows none.
	Certificates string

	Address      string      // IP address where other proxies reach this one
	Bind         string      // IP address of its listeners
	AppAddress   string      // IP address of its application
	EgressPort   int         // where the application calls out
	IngressPorts map[int]int // mesh listener port → the proxy's port

	// At most one: a Unix socket's path, or a port on 127.0.0.1. Neither: no admin interface, which Weir does not need.
	AdminPath string
	AdminPort int
}

// Bootstrap writes the YAML that an Envoy starts with: who it is, where Weir is, and the statistics it reports. The error
// is a mesh.Error of code Invalid that names the option at fault.
func Bootstrap(o BootstrapOptions) ([]byte, error) {
	node, err := o.node()
	if err != nil {
		return nil, err
	}
	weirs, err := o.servers(node.GetId())
	if err != nil {
		return nil, err
	}
	var p packer
	socket, err := o.socket(&p)
	if err != nil {
		return nil, err
	}
	b := &bootstrapv3.Bootstrap{
		Node:               node,
		StatsFlushInterval: durationpb.New(flushInterval),
		StatsSinks:         []*metricsv3.StatsSink{p.metricsSink(o.Token)},
		StatsConfig:        statsConfig(),
		DynamicResources:   dynamicResources(o.Token),
		StaticResources:    &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{p.controlPlane(weirs, socket)}},
		OverloadManager:    p.overloadManager(),
	}
	if b.Admin, err = o.admin(); err != nil {
		return nil, err
	}
	if p.err == nil {
		p.err = b.ValidateAll()
	}
	if p.err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: %w", p.err)
	}
	return toYAML(b)
}

// toYAML writes a message with the field names of Envoy's documentation, sorted.
func toYAML(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return yaml.JSONToYAML(text)
}

// node is the proxy's identity. It is read back, so that nobody starts a proxy that Weir would refuse.
func (o BootstrapOptions) node() (*corev3.Node, error) {
	if (o.Node == "") == (o.Gateway == "") {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: name either a virtual node or a virtual gateway")
	}
	id := "mesh/" + o.Mesh + "/virtualNode/" + o.Node
	if o.Gateway != "" {
		id = "mesh/" + o.Mesh + "/virtualGateway/" + o.Gateway
	}
	if o.Instance != "" {
		id += "/" + o.Instance
	}
	weir := make(map[string]any)
	for key, value := range map[string]string{"address": o.Address, "bind": o.Bind, "app_address": o.AppAddress} {
		if value != "" {
			weir[key] = value
		}
	}
	if o.EgressPort != 0 {
		weir["egress_port"] = o.EgressPort
	}
	if len(o.IngressPorts) > 0 {
		ports := make(map[string]any, len(o.IngressPorts))
		for from, to := range o.IngressPorts {
			ports[strconv.Itoa(from)] = to
		}
		weir["ingress_ports"] = ports
	}
	metadata, err := structpb.NewStruct(map[string]any{metadataKey: weir})
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: %w", err)
	}
	node := &corev3.Node{Id: id, Cluster: cmp.Or(o.Node, o.Gateway), Metadata: metadata}
	if _, err := ParseIdentity(node); err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: %w", err)
	}
	return node, nil
}

// admin is never on an address that others reach: whoever does can stop the proxy.
func (o BootstrapOptions) admin() (*bootstrapv3.Admin, error) {
	switch {
	case o.AdminPath != "" && o.AdminPort != 0:
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: give the admin interface a path or a port, not both")
	case len(o.AdminPath) > maxSocketPath:
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: the admin socket's path %s is longer than %d characters", shortQuote(o.AdminPath), maxSocketPath)
	case o.AdminPath != "":
		return &bootstrapv3.Admin{Address: &corev3.Address{Address: &corev3.Address_Pipe{
			Pipe: &corev3.Pipe{Path: o.AdminPath, Mode: 0o600},
		}}}, nil
	case o.AdminPort < 0 || o.AdminPort > 65535:
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: admin port %d is not from 1 to 65535", o.AdminPort)
	case o.AdminPort != 0:
		return &bootstrapv3.Admin{Address: address("127.0.0.1", o.AdminPort)}, nil
	}
	return nil, nil
}

// packer packs typed configuration and keeps the first error.
type packer struct{ err error }

func (p *packer) any(m proto.Message) *anypb.Any {
	packed, err := anypb.New(m)
	if err != nil && p.err == nil {
		p.err = err
	}
	return packed
}

// metricsSink pushes the statistics over the port that the configuration comes from, so that nothing on the proxy has to
// be reachable.
func (p *packer) metricsSink(token string) *metricsv3.StatsSink {
	return &metricsv3.StatsSink{
		Name: "envoy.stat_sinks.metrics_service",
		ConfigType: &metricsv3.StatsSink_TypedConfig{TypedConfig: p.any(&metricsv3.MetricsServiceConfig{
			TransportApiVersion: corev3.ApiVersion_V3,
			GrpcService:         grpcService(token),
			EmitTagsAsLabels:    true,
			HistogramEmitMode:   metricsv3.HistogramEmitMode_HISTOGRAM,
			BatchSize:           2000,
		})},
	}
}

// statsConfig keeps the statistics that somebody reads, out of a thousand a cluster, and gives request times buckets that
// suit calls between services (milliseconds).
func statsConfig() *metricsv3.StatsConfig {
	patterns := []string{
		`^cluster\.cds_(egress|ingress)_[^.]+\.(upstream_rq_(total|time|[1-5]xx|active|timeout|per_try_timeout|rx_reset|retry|` +
			`retry_limit_exceeded|pending_overflow|active_overflow|pending_active)|upstream_cx_(total|active|overflow|connect_fail|none_healthy|` +
			`destroy_remote_with_active_rq|rx_bytes_total|tx_bytes_total)|membership_(healthy|total)|outlier_detection\.ejections_active|warming_state)$`,
		`^http\.(egress|ingress)\.(downstream_rq_(total|time|[1-5]xx|active|timeout|rx_reset)|downstream_cx_(active|rx_bytes_total|tx_bytes_total)|no_route)$`,
		`^tcp\.(egress|ingress)\.downstream_cx_(total|rx_bytes_total|tx_bytes_total|no_route)$`,
		`^(cluster_manager\.(warming_clusters|active_clusters|cds\.update_rejected)|` +
			`listener_manager\.(total_listeners_(active|warming|draining)|lds\.update_rejected)|` +
			`server\.(live|uptime|memory_allocated)|control_plane\.connected_state)$`,
	}
	list := &matcherv3.ListStringMatcher{}
	for _, expression := range patterns {
		list.Patterns = append(list.Patterns, stringMatch(mesh.ValueMatch{Regex: expression}))
	}
	return &metricsv3.StatsConfig{
		StatsMatcher: &metricsv3.StatsMatcher{StatsMatcher: &metricsv3.StatsMatcher_InclusionList{InclusionList: list}},
		HistogramBucketSettings: []*metricsv3.HistogramBucketSettings{{
			Match:   stringMatch(mesh.ValueMatch{Suffix: "_rq_time"}),
			Buckets: []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000},
		}},
	}
}

// dynamicResources is delta ADS. Listeners and clusters are waited for without limit: after a limit, a proxy whose control
// plane is away would go live with nothing to listen on.
func dynamicResources(token string) *bootstrapv3.Bootstrap_DynamicResources {
	service := grpcService(token)
	service.GetEnvoyGrpc().RetryPolicy = &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: durationpb.New(200 * time.Millisecond), MaxInterval: durationpb.New(2 * time.Second),
	}}
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: adsSource(0),
		CdsConfig: adsSource(0),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices:              []*corev3.GrpcService{service},
		},
	}
}

// overloadManager turns clients away before the proxy runs out of file descriptors.
func (p *packer) overloadManager() *overloadv3.OverloadManager {
	return &overloadv3.OverloadManager{
		RefreshInterval: durationpb.New(250 * time.Millisecond),
		ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name: "envoy.resource_monitors.global_downstream_max_connections",
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: p.any(&downstreamv3.DownstreamConnectionsConfig{
				MaxActiveDownstreamConnections: maxConnections,
			})},
		}},
	}
}
