package dialect

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// Plain Envoy: the statistics page of a proxy as a Prometheus scrapes it, Weir's proxies among them. The caller's side is
// asked for: envoy_cluster_* of the cluster that leads to the destination. Sources: Envoy's documentation, Upstreams ›
// Cluster manager › Statistics (configuration/upstream/cluster_manager/cluster_stats) and HTTP connection manager ›
// Statistics; tag names in source/common/config/well_known_names.cc; latencies in milliseconds.
//
// What the series mean was tried one failure at a time, see server/metrics (stat.go): upstream_rq_xx counts each request
// once with the 503 and 504 that the proxy makes up, upstream_rq_total counts attempts, and TCP connections where there
// are no classes.

// envoyNames are the metrics of Envoy that are asked for.
func envoyNames() []string {
	return append(append(append(append([]string{
		"envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_total",
		"envoy_cluster_upstream_rq_time", "envoy_cluster_upstream_rq_time_bucket",
		"envoy_cluster_membership_healthy",
	}, envoyEvents()...), envoySums()...), envoyHighest()...), envoyArrivals()...)
}

func envoyEvents() []string {
	return []string{
		"envoy_cluster_upstream_rq_timeout", "envoy_cluster_upstream_rq_per_try_timeout", "envoy_cluster_upstream_rq_retry",
		"envoy_cluster_upstream_rq_retry_limit_exceeded", "envoy_cluster_upstream_rq_pending_overflow",
		"envoy_cluster_upstream_rq_active_overflow", "envoy_cluster_upstream_cx_overflow",
		"envoy_cluster_upstream_cx_connect_fail", "envoy_cluster_upstream_cx_none_healthy",
		"envoy_cluster_upstream_rq_rx_reset", "envoy_cluster_upstream_cx_destroy_remote_with_active_rq",
		"envoy_cluster_upstream_cx_rx_bytes_total", "envoy_cluster_upstream_cx_tx_bytes_total",
	}
}

func envoySums() []string {
	return []string{
		"envoy_cluster_upstream_rq_active", "envoy_cluster_upstream_rq_pending_active", "envoy_cluster_upstream_cx_active",
	}
}

func envoyHighest() []string {
	return []string{"envoy_cluster_membership_total", "envoy_cluster_outlier_detection_ejections_active"}
}

func envoyArrivals() []string {
	return []string{
		"envoy_http_downstream_rq_xx", "envoy_http_downstream_rq_time", "envoy_http_downstream_rq_time_bucket",
		"envoy_http_no_route", "envoy_tcp_downstream_cx_total",
		"envoy_http_downstream_cx_rx_bytes_total", "envoy_http_downstream_cx_tx_bytes_total",
		"envoy_tcp_downstream_cx_rx_bytes_total", "envoy_tcp_downstream_cx_tx_bytes_total",
	}
}

// envoyColumn says what a metric of Envoy counts; classes have a label of their own.
func envoyColumn(name string) columnSet {
	short := strings.TrimPrefix(strings.TrimPrefix(name, "envoy_cluster_"), "upstream_")
	switch short {
	case "rq_total":
		return cols(attempts)
	case "rq_timeout", "rq_per_try_timeout":
		return cols(timedOut)
	case "rq_retry":
		return cols(retried)
	case "rq_retry_limit_exceeded":
		return cols(exhausted)
	case "rq_pending_overflow", "rq_active_overflow":
		return cols(overflow)
	case "cx_overflow":
		return cols(overConn)
	case "cx_connect_fail":
		return cols(connectFail)
	case "cx_none_healthy":
		return cols(noHost)
	case "rq_rx_reset", "cx_destroy_remote_with_active_rq":
		return cols(reset)
	case "rq_active":
		return cols(active)
	case "rq_pending_active":
		return cols(pending)
	case "cx_active":
		return cols(connections)
	case "membership_total":
		return cols(known)
	case "membership_healthy":
		return cols(healthy)
	case "outlier_detection_ejections_active":
		return cols(ejected)
	}
	if strings.HasSuffix(name, "_bytes_total") {
		return cols(octets)
	}
	return 0
}

// fleet is how one product names the two ends of what its Envoys count.
type fleet struct {
	match    string   // matchers of all its series
	clusters string   // matchers of the clusters that lead somewhere
	listens  string   // the stat prefixes of listeners where requests arrive, as a regular expression
	leaves   string   // those of listeners where they leave, for calls without a route
	source   []string // labels of the proxy's own identity
	dest     []string // labels of the cluster's
	// ends reads both; into.from is empty for the cluster between a proxy and its application.
	ends func(s *scope, l labels.Labels, into *reading) bool
	node func(s *scope, l labels.Labels) string
}

const (
	clusterLabel = "envoy_cluster_name"
	classLabel   = "envoy_response_code_class"
	httpPrefix   = "envoy_http_conn_manager_prefix"
	tcpPrefix    = "envoy_tcp_prefix"
)

// asks gives the questions to a fleet of Envoys.
func (f *fleet) asks() []ask {
	ends := append(slices.Clone(f.source), f.dest...)
	edge := func(about string, k kind, merge string, names ...string) ask {
		return ask{about: about, kind: k, names: names, match: both(f.match, f.clusters), by: ends, ends: ends, merge: merge, unit: 0.001, read: f.readCluster}
	}
	requests := edge("requests", counter, "sum", "envoy_cluster_upstream_rq_xx")
	requests.by, requests.vital, requests.film = append(slices.Clone(ends), classLabel), true, requests.names
	tries := edge("connections", counter, "sum", "envoy_cluster_upstream_rq_total")
	tries.film = tries.names
	times := edge("latencies", duration, "sum", "envoy_cluster_upstream_rq_time", "envoy_cluster_upstream_rq_time_bucket")
	times.film = times.names
	events := edge("causes of failures and bytes", counter, "sum", envoyEvents()...)
	events.busy = true
	events.film = []string{
		"envoy_cluster_upstream_rq_pending_overflow", "envoy_cluster_upstream_rq_active_overflow",
		"envoy_cluster_upstream_cx_overflow", "envoy_cluster_upstream_cx_connect_fail", "envoy_cluster_upstream_cx_none_healthy",
	}
	list := []ask{
		requests, tries, times, events,
		edge("what is in flight", gauge, "sum", envoySums()...),
		edge("instances", gauge, "max", envoyHighest()...),
		edge("healthy instances", gauge, "min", "envoy_cluster_membership_healthy"),
	}
	if f.listens == "" {
		return list
	}
	return append(list, f.arrivals()...)
}

// arrivals gives the questions about what the proxies' own listeners received.
func (f *fleet) arrivals() []ask {
	node := func(about, match string, names ...string) ask {
		return ask{about: about, names: names, match: both(f.match, match), by: f.source, ends: f.source, unit: 0.001, arrivals: true, read: f.readListener}
	}
	http := httpPrefix + "=~" + quote(f.listens)
	requests := node("requests that arrived", http, "envoy_http_downstream_rq_xx")
	requests.by = append(slices.Clone(f.source), classLabel)
	times := node("latencies of what arrived", http, "envoy_http_downstream_rq_time", "envoy_http_downstream_rq_time_bucket")
	times.kind = duration
	lost := node("calls without a route", httpPrefix+"=~"+quote(f.listens+"|"+f.leaves), "envoy_http_no_route")
	lost.busy = true
	bytes := node("bytes that arrived", http, "envoy_http_downstream_cx_rx_bytes_total", "envoy_http_downstream_cx_tx_bytes_total")
	bytes.busy = true
	tcp := node("connections that arrived", tcpPrefix+"=~"+quote(f.listens), "envoy_tcp_downstream_cx_total",
		"envoy_tcp_downstream_cx_rx_bytes_total", "envoy_tcp_downstream_cx_tx_bytes_total")
	return []ask{requests, times, lost, bytes, tcp}
}

// readCluster reads a series of a cluster. Of the cluster in front of a node's own application only the use of its pool
// counts: everything else about what arrives is known from the listeners.
func (f *fleet) readCluster(s *scope, l labels.Labels, name string, into *reading) bool {
	if !f.ends(s, l, into) {
		return false
	}
	switch {
	case strings.HasPrefix(name, "envoy_cluster_upstream_rq_time"):
	case name == "envoy_cluster_upstream_rq_xx":
		into.cols = cols(classOf(l.Get(classLabel)))
	default:
		into.cols = envoyColumn(name)
	}
	if into.from == "" {
		if into.cols == cols(active) {
			into.cols = cols(inFlight)
		}
		into.cols &= poolColumns | cols(overflow, connectFail)
		return into.cols != 0
	}
	return true
}

func (f *fleet) readListener(s *scope, l labels.Labels, name string, into *reading) bool {
	into.from, into.to = "", f.node(s, l)
	switch {
	case into.to == mesh.UnknownID:
		return false
	case name == "envoy_http_downstream_rq_xx":
		into.cols = cols(classOf(l.Get(classLabel)))
	case name == "envoy_http_no_route":
		into.cols = cols(noRoute)
	case name == "envoy_tcp_downstream_cx_total":
		into.cols = cols(opened)
	case strings.HasSuffix(name, "_bytes_total"):
		into.cols = cols(octets)
	}
	return true
}

// strangers are clusters that lead nowhere in a mesh, or belong to a product that says more in series of its own.
const strangers = `(inbound|outbound)(_\..*|[|_][0-9]*_?[|_].*)|PassthroughCluster|BlackHoleCluster|InboundPassthroughCluster.*|` +
	`xds[-_].*|sds[-_].*|ads[-_].*|.*_?admin|agent|prometheus_stats|zipkin|jaeger|otel.*|opentelemetry.*|access_log.*|als.*|` +
	`control_plane|weir|local_app|local_agent|loki|statsd`

// configured are the clusters that Weir and App Mesh name. Beside their own dialects only others count.
const configured = `cds_(egress|ingress)_.*`

func envoy() dialect {
	return dialect{
		name:    "envoy",
		names:   envoyNames(),
		anchors: []string{"envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_total"},
		guards:  []string{both(plainEnvoy(), clusterLabel+"!~"+quote(strangers))},
		told:    "of a proxy that belongs to no product with a dialect of its own",
		yields:  []string{"weir", "appmesh"},
		rest:    clusterLabel + "!~" + quote(configured+"|"),
		asks: func(s *scope) []ask {
			f := fleet{
				match:    both(plainEnvoy(), oneOf("mesh", []string{"", s.mesh})),
				clusters: both(clusterLabel+"!~"+quote(strangers), s.narrowCluster()),
				listens:  `ingress([._].*)?`, leaves: `egress([._].*)?`,
				source: append(slices.Clone(s.opts.SourceLabels), "appmesh_virtual_gateway"),
				dest:   []string{clusterLabel},
				ends:   plainEnds, node: plainNode,
			}
			if s.beside {
				f.match = both(f.match, `appmesh_virtual_node="",appmesh_virtual_gateway=""`)
				f.clusters = both(clusterLabel+"!~"+quote(strangers+"|"+configured), s.narrowCluster())
				f.listens, f.leaves = `ingress[._].+`, `egress[._].+`
			}
			return f.asks()
		},
	}
}

// plainEnvoy keeps out the proxies of products that have a dialect of their own: each would be counted twice.
func plainEnvoy() string {
	return `kuma_io_service="",kuma_workload="",consul_source_service="",consul_destination_service="",local_cluster=""`
}

// plainEnds reads the ends of a plain Envoy's cluster: of Weir's and App Mesh's clusters by their names, of others the
// name itself.
func plainEnds(s *scope, l labels.Labels, into *reading) bool {
	cluster := l.Get(clusterLabel)
	into.from = plainNode(s, l)
	if cluster == "" {
		return false
	}
	if cluster == "cds_egress_"+s.mesh+"_allow_all" {
		into.to = mesh.ExternalID(metrics.Elsewhere)
		return true
	}
	node, ingress, ok := mesh.ClusterNode(s.mesh, cluster)
	switch {
	case ok && ingress:
		into.from, into.to = "", into.from
		return into.to != mesh.UnknownID
	case ok:
		into.to = node
		into.protocol = protocolOf(cluster)
		return true
	case strings.HasPrefix(cluster, "cds_egress_"), strings.HasPrefix(cluster, "cds_ingress_"):
		return false // another mesh's
	}
	into.to = s.end(cluster)
	return true
}

// protocolOf reads the protocol before the port at the end of a cluster's name.
func protocolOf(cluster string) string {
	rest := cluster[:max(strings.LastIndexByte(cluster, '_'), 0)]
	p := mesh.Protocol(rest[strings.LastIndexByte(rest, '_')+1:])
	switch p {
	case mesh.HTTP, mesh.HTTP2, mesh.GRPC, mesh.TCP:
		return string(p)
	}
	return ""
}

// plainNode gives a proxy's own node: by the first of the source labels that says something. What Weir writes itself is an
// id already.
func plainNode(s *scope, l labels.Labels) string {
	if v := l.Get(metrics.LabelSourceNode); v != "" {
		return v
	}
	if v := l.Get("appmesh_virtual_gateway"); !unnamed(v) {
		return mesh.GatewayID(s.cut(v))
	}
	for _, name := range s.opts.SourceLabels {
		if v := l.Get(name); !unnamed(v) {
			return s.end(v)
		}
	}
	return mesh.UnknownID
}
