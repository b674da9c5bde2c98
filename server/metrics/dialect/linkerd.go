package dialect

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// Linkerd: the proxy's classic metrics, and those of the policy API (2.15 and later). Sources: linkerd.io › Reference ›
// Proxy Metrics; linkerd2 viz/metrics-api (edges.go, stat_summary.go) for the labels by which the proxies' targets are
// told, as its Prometheus and its PodMonitor relabel them; linkerd2-proxy app/outbound/src/http/logical/policy/route/
// metrics (labels.rs) for statuses and errors. Latencies are in milliseconds, those of the policy API in seconds.
//
// Both proxies of a request report it: the caller's (direction="outbound") tells of the edge, the other's of what arrived.
// The policy API's metrics know services and not workloads, so where the classic ones are there they only add why
// requests failed.

func linkerd() dialect {
	return dialect{
		name: "linkerd",
		names: append([]string{
			"response_total", "response_latency_ms", "response_latency_ms_bucket",
			"tcp_open_total", "tcp_open_connections", "tcp_read_bytes_total", "tcp_write_bytes_total",
		}, linkerdPolicy()...),
		anchors: []string{"response_total", "outbound_http_route_backend_response_statuses_total", "outbound_grpc_route_backend_response_statuses_total"},
		guards:  []string{`direction="outbound"`, `direction="inbound",classification!=""`, `backend_kind!="",parent_kind!=""`},
		told:    "with the labels of Linkerd's proxies (direction, classification; parent_kind, backend_kind)",
		asks:    linkerdAsks,
	}
}

func linkerdPolicy() []string {
	return []string{
		"outbound_http_route_backend_response_statuses_total", "outbound_grpc_route_backend_response_statuses_total",
		"outbound_http_route_backend_response_duration_seconds", "outbound_http_route_backend_response_duration_seconds_bucket",
	}
}

// linkerdKinds are the labels that name a workload, those of destinations with dst_ before them.
func linkerdKinds() []string {
	return []string{"deployment", "statefulset", "daemonset", "replicaset", "replicationcontroller", "cronjob", "k8s_job"}
}

func linkerdAsks(s *scope) []ask {
	source := append([]string{"namespace"}, linkerdKinds()...)
	dest := []string{"dst_namespace", "dst_service", "authority"}
	for _, k := range linkerdKinds() {
		dest = append(dest, "dst_"+k)
	}
	classic := slices.Concat(source, dest)
	narrow := linkerdNarrow(s)
	edge := func(about string, names ...string) ask {
		return ask{about: about, names: names, match: both(`direction="outbound"`, narrow), by: classic, ends: classic, unit: 0.001, merge: "sum", read: readLinkerd}
	}
	verdict := []string{"classification", "status_code", "grpc_status"}
	requests := edge("requests", "response_total")
	requests.by, requests.vital, requests.film = slices.Concat(verdict, classic), true, requests.names
	times := edge("latencies", "response_latency_ms", "response_latency_ms_bucket")
	times.kind, times.film = duration, times.names
	cx := edge("connections", "tcp_open_total")
	cx.match, cx.film = both(`direction="outbound",peer="dst"`, narrow), cx.names
	bytes := edge("bytes", "tcp_read_bytes_total", "tcp_write_bytes_total")
	bytes.match, bytes.busy = cx.match, true
	open := edge("open connections", "tcp_open_connections")
	open.match, open.kind = cx.match, gauge
	arrived := edge("requests that arrived", "response_total")
	arrived.match, arrived.by, arrived.ends = `direction="inbound",route_name!="probe"`, slices.Concat(verdict, source), source
	arrived.arrivals, arrived.read = true, readLinkerdArrival
	took := edge("latencies of what arrived", "response_latency_ms", "response_latency_ms_bucket")
	took.match, took.by, took.ends, took.kind = arrived.match, source, source, duration
	took.arrivals, took.read = true, readLinkerdArrival
	return append([]ask{requests, times, cx, bytes, open, arrived, took}, linkerdPolicyAsks(s, source)...)
}

// linkerdNarrow is scope.narrow for the several labels that may name a workload.
func linkerdNarrow(s *scope) string {
	var list []string
	for _, k := range linkerdKinds() {
		list = append(list, s.narrow(k, "dst_"+k))
	}
	return both(list...)
}

func linkerdPolicyAsks(s *scope, source []string) []ask {
	dest := []string{"parent_kind", "parent_name", "parent_namespace", "backend_kind", "backend_name", "backend_namespace"}
	ends := slices.Concat(source, dest)
	names := linkerdPolicy()
	requests := ask{
		about: "requests by the policy API", names: names[:2], by: slices.Concat([]string{"http_status", "grpc_status", "error"}, ends), ends: ends,
		read: readLinkerdPolicy,
	}
	if s.has("response_total") {
		requests.known, requests.busy = true, true
		return []ask{requests}
	}
	requests.vital, requests.film = true, requests.names
	times := ask{about: "latencies by the policy API", kind: duration, names: names[2:], by: ends, ends: ends, unit: 1, film: names[2:], read: readLinkerdPolicy}
	return []ask{requests, times}
}

// readLinkerd reads a classic series of a caller's proxy.
func readLinkerd(s *scope, l labels.Labels, name string, into *reading) bool {
	into.from = linkerdWorkload(s, l, "")
	into.to = linkerdWorkload(s, l, "dst_")
	if into.to == mesh.UnknownID {
		host := l.Get("authority")
		if into.to = s.id(l.Get("dst_service"), l.Get("dst_namespace")); into.to == mesh.UnknownID && host != "" {
			into.to = s.outside(host)
		} else if into.to == mesh.UnknownID {
			into.to = mesh.ExternalID(metrics.Elsewhere)
		}
	}
	switch {
	case name == "response_total":
		into.cols, into.protocol = linkerdVerdict(l), linkerdProtocol(l.Get("grpc_status"))
	case name == "tcp_open_total":
		into.cols, into.protocol = cols(opened), string(mesh.TCP)
	case name == "tcp_open_connections":
		into.cols = cols(connections)
	case strings.HasSuffix(name, "_bytes_total"):
		into.cols = cols(octets)
	}
	return true
}

func readLinkerdArrival(s *scope, l labels.Labels, name string, into *reading) bool {
	into.to = linkerdWorkload(s, l, "")
	if name == "response_total" {
		into.cols = linkerdVerdict(l)
	}
	return into.to != mesh.UnknownID
}

// linkerdVerdict says how a response was classified. What Linkerd calls a failure is one, whatever its status.
func linkerdVerdict(l labels.Labels) columnSet {
	class := classOf(l.Get("status_code"))
	switch {
	case l.Get("classification") != "failure":
		return cols(class)
	case class == total, class == class0:
		return cols(class0)
	}
	return cols(class5)
}

func linkerdProtocol(grpcStatus string) string {
	if grpcStatus != "" {
		return string(mesh.GRPC)
	}
	return string(mesh.HTTP)
}

// linkerdWorkload reads the workload of one end.
func linkerdWorkload(s *scope, l labels.Labels, prefix string) string {
	for _, kind := range linkerdKinds() {
		if v := l.Get(prefix + kind); v != "" {
			return s.id(v, l.Get(prefix+"namespace"))
		}
	}
	return mesh.UnknownID
}

// readLinkerdPolicy reads a series of the policy API.
func readLinkerdPolicy(s *scope, l labels.Labels, name string, into *reading) bool {
	into.from = linkerdWorkload(s, l, "")
	kind, to, space := l.Get("backend_kind"), l.Get("backend_name"), l.Get("backend_namespace")
	if kind == "default" || to == "" {
		kind, to, space = l.Get("parent_kind"), l.Get("parent_name"), l.Get("parent_namespace")
	}
	into.to = s.id(to, space)
	if kind == "EgressNetwork" {
		into.to = s.outside(to)
	}
	if strings.Contains(name, "_duration_") {
		return true
	}
	status := l.Get("grpc_status")
	into.protocol = linkerdProtocol(status)
	class := classOf(l.Get("http_status"))
	if status != "" {
		class = grpcClass(status)
	}
	why, given := linkerdError(l.Get("error"))
	switch {
	case given:
		return false
	case s.has("response_total"):
		into.cols = why
		return why != 0
	case l.Get("error") != "" && class != class4:
		class = class5
		if l.Get("http_status") == "" && status == "" {
			class = class0
		}
	}
	into.cols = cols(class) | why
	return true
}

// linkerdError says what an error of the proxy means; given says that the caller gave up.
func linkerdError(name string) (why columnSet, given bool) {
	switch name {
	case "CANCEL":
		return 0, true
	case "FAIL_FAST":
		return cols(noHost), false
	case "LOAD_SHED":
		return cols(overflow), false
	case "REQUEST_TIMEOUT", "RESPONSE_HEADERS_TIMEOUT", "RESPONSE_STREAM_TIMEOUT", "IDLE_TIMEOUT":
		return cols(timedOut), false
	case "REFUSED", "ENHANCE_YOUR_CALM", "RESET", "GO_AWAY", "IO":
		return cols(reset), false
	}
	return 0, false
}
