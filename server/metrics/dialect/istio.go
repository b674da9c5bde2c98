package dialect

import (
	"net/netip"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// Istio, with sidecars and ambient: the standard metrics. Sources: istio.io › Reference › Configuration › Istio Standard
// Metrics for names and labels; Kiali's graph/telemetry/istio (istio.go, util/util.go) for what labels mean when
// something is missing; Envoy's documentation of %RESPONSE_FLAGS% for the flags. Durations are in milliseconds.
//
// A sidecar at each end, and in ambient a waypoint between them, report the same request: of every edge the caller's
// report counts, else the waypoint's, else the destination's, which is all there is for callers outside the mesh
// (source_workload="unknown"). ztunnel knows only connections (istio_tcp_*); where a waypoint or sidecar knows the
// requests of an edge too, its connections are not counted beside them. Bytes of TCP are named from the destination's
// point of view; both directions are added up, so that does not matter.

func istio() dialect {
	return dialect{
		name: "istio",
		names: []string{
			"istio_requests_total", "istio_request_duration_milliseconds", "istio_request_duration_milliseconds_bucket",
			"istio_request_bytes_sum", "istio_response_bytes_sum",
			"istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total",
			"istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total",
		},
		anchors: []string{"istio_requests_total", "istio_tcp_connections_opened_total", "istio_tcp_sent_bytes_total"},
		asks:    istioAsks,
	}
}

func istioAsks(s *scope) []ask {
	// Only the workloads tell whether two reports are of the same requests: the services' names differ between reporters.
	ends := []string{"source_workload", "source_workload_namespace", "destination_workload", "destination_workload_namespace"}
	by := append([]string{"destination_service", "destination_service_name", "destination_service_namespace"}, ends...)
	views := []string{`reporter="source"`, `reporter="waypoint"`, `reporter="destination"`}
	match := s.narrow("source_workload", "destination_workload")
	of := func(about string, names ...string) ask {
		return ask{about: about, names: names, match: match, views: views, by: by, ends: ends, unit: 0.001, read: readIstio}
	}
	requests := of("requests", "istio_requests_total")
	requests.by = append([]string{"request_protocol", "response_code", "grpc_response_status", "response_flags"}, by...)
	requests.vital, requests.film = true, requests.names
	times := of("latencies", "istio_request_duration_milliseconds", "istio_request_duration_milliseconds_bucket")
	times.kind, times.film = duration, times.names
	cx := of("connections", "istio_tcp_connections_opened_total")
	cx.by = append([]string{"response_flags"}, by...)
	cx.film = cx.names
	bytes := of("bytes", "istio_request_bytes_sum", "istio_response_bytes_sum", "istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total")
	bytes.busy = true
	cx.vital = true
	return []ask{requests, times, cx, bytes}
}

func readIstio(s *scope, l labels.Labels, name string, into *reading) bool {
	if !istioEnds(s, l, into) {
		return false
	}
	flags := l.Get("response_flags")
	switch {
	case name == "istio_requests_total":
		return istioRequest(l, flags, into)
	case name == "istio_tcp_connections_opened_total":
		into.protocol = string(mesh.TCP)
		if bad := envoyFlags(flags); bad&cols(connectFail, noHost, overflow, timedOut) != 0 {
			into.cols = bad | cols(refused)
			return true
		}
		into.cols = cols(opened)
	case strings.HasSuffix(name, "_bytes_total"), strings.HasSuffix(name, "_bytes_sum"):
		into.cols = cols(octets)
	}
	return true
}

// istioRequest says how a request ended. One that the caller gave up is not counted; one without a route has no edge.
func istioRequest(l labels.Labels, flags string, into *reading) bool {
	into.protocol = string(mesh.HTTP)
	if l.Get("request_protocol") == "grpc" {
		into.protocol = string(mesh.GRPC)
	}
	for flag := range strings.SplitSeq(flags, ",") {
		switch flag {
		case "DC", "DPE":
			return false
		case "NR", "NC":
			if into.from == mesh.UnknownID {
				return false
			}
			into.from, into.to, into.cols = "", into.from, cols(noRoute)
			return true
		}
	}
	class := classOf(l.Get("response_code"))
	if status := l.Get("grpc_response_status"); class == class2 && status != "" {
		class = grpcClass(status)
	}
	into.cols = cols(class) | envoyFlags(flags)
	return true
}

// istioEnds reads both ends.
func istioEnds(s *scope, l labels.Labels, into *reading) bool {
	var from, fromSpace, to, toSpace, host, service, space string
	l.Range(func(p labels.Label) {
		switch p.Name {
		case "source_workload":
			from = p.Value
		case "source_workload_namespace":
			fromSpace = p.Value
		case "destination_workload":
			to = p.Value
		case "destination_workload_namespace":
			toSpace = p.Value
		case "destination_service":
			host = p.Value
		case "destination_service_name":
			service = p.Value
		case "destination_service_namespace":
			space = p.Value
		}
	})
	into.from = s.id(from, fromSpace)
	switch {
	case unnamed(from) && unnamed(to) && unnamed(service) && unnamed(host):
		return false // an edge from nowhere to nowhere
	case !unnamed(to):
		into.to = s.id(to, toSpace)
	case unnamed(service) && unnamed(host):
		into.to = mesh.UnknownID
	case address(service) || unnamed(service) && address(host):
		return false // Kiali leaves these out too: half of what was known while a pod came or went
	case strings.Contains(host, ".svc."):
		// A service of the cluster that no workload answered for: its calls failed on the way. It is shown under the
		// service's name, which is usually that of its workload.
		into.to = s.id(service, space)
	case !unnamed(service):
		into.to = s.outside(service)
	default:
		into.to = s.outside(host)
	}
	return true
}

func address(v string) bool {
	if _, err := netip.ParseAddrPort(v); err == nil {
		return true
	}
	_, err := netip.ParseAddr(v)
	return err == nil
}

// envoyFlags reads Envoy's response flags: why a request failed.
func envoyFlags(flags string) columnSet {
	var set columnSet
	for flag := range strings.SplitSeq(flags, ",") {
		switch flag {
		case "UO", "OM":
			set |= cols(overflow)
		case "UH":
			set |= cols(noHost)
		case "UF", "DF":
			set |= cols(connectFail)
		case "UT", "DT", "SI":
			set |= cols(timedOut)
		case "URX":
			set |= cols(exhausted)
		case "UC", "UR", "LR", "UPE":
			set |= cols(reset)
		}
	}
	return set
}

// grpcClass gives the status class of a gRPC status by number or name, by the mapping to HTTP in google.rpc.Code
// (googleapis, google/rpc/code.proto).
func grpcClass(status string) column {
	switch status {
	case "0", "OK":
		return class2
	case "2", "UNKNOWN", "4", "DEADLINE_EXCEEDED", "12", "UNIMPLEMENTED", "13", "INTERNAL", "14", "UNAVAILABLE", "15", "DATA_LOSS":
		return class5
	}
	return class4
}
