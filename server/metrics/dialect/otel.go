package dialect

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// OpenTelemetry service graphs: what Grafana Tempo's metrics generator, Alloy and the collector's servicegraph connector
// write. Sources: Grafana Tempo's documentation, Service graphs (metrics, labels, virtual nodes) and
// opentelemetry-collector-contrib connector/servicegraphconnector/README.md. Latencies are in seconds; failures are a
// counter of their own, so that a failed request is known and its status is not: it is shown as 5xx, the others as 2xx.
//
// An edge is one series, made of the spans of both ends, so nothing is counted twice in it. It is of traces, though: with
// sampled traces there are fewer than requests. And it is of requests that a mesh counts too: where a mesh's own dialect
// is spoken this one is only used when it is asked for by name.

func otel() dialect {
	return dialect{
		name: "otel",
		names: []string{
			"traces_service_graph_request_total", "traces_service_graph_request_failed_total",
			"traces_service_graph_request_client_seconds", "traces_service_graph_request_client_seconds_bucket",
			"traces_service_graph_request_server_seconds", "traces_service_graph_request_server_seconds_bucket",
		},
		anchors: []string{"traces_service_graph_request_total"},
		yields:  []string{"consul", "kuma", "appmesh", "weir", "istio", "linkerd", "envoy", "hubble"},
		caveat:  "; it counts traces, so with sampled traces the rates are lower than the requests'",
		asks: func(s *scope) []ask {
			ends := []string{"client", "server", "connection_type", "virtual_node"}
			of := func(about string, names ...string) ask {
				return ask{about: about, names: names, match: s.narrow("client", "server"), by: ends, ends: ends, unit: 1, read: readOtel, film: names}
			}
			requests := of("requests", "traces_service_graph_request_total")
			requests.vital = true
			times := of("latencies", "traces_service_graph_request_client_seconds", "traces_service_graph_request_client_seconds_bucket",
				"traces_service_graph_request_server_seconds", "traces_service_graph_request_server_seconds_bucket")
			times.kind = duration
			return []ask{requests, of("failures", "traces_service_graph_request_failed_total"), times}
		},
	}
}

func readOtel(s *scope, l labels.Labels, name string, into *reading) bool {
	client, server, kind := l.Get("client"), l.Get("server"), l.Get("connection_type")
	if server == "" {
		return false
	}
	virtual := l.Get("virtual_node")
	if virtual == "" && kind == "virtual_node" {
		virtual = "server"
		if client == "user" || client == "" {
			virtual = "client"
		}
	}
	into.from, into.to = s.end(client), s.end(server)
	switch {
	case virtual == "client":
		into.from = mesh.UnknownID
	case virtual == "server", kind == "database":
		into.to = s.outside(server)
	}
	switch {
	case strings.HasSuffix(name, "_failed_total"):
		into.cols = cols(failed)
	case strings.HasSuffix(name, "_total"):
		into.cols = cols(total)
	}
	return true
}
