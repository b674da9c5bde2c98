package dialect

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// App Mesh's metrics extension (APPMESH_METRIC_EXTENSION_VERSION=1), for history that was recorded while the service ran.
// Source: aws-app-mesh-user-guide doc_source/metrics.md, "Metrics extension for App Mesh", for names and dimensions; the
// latency is Envoy's, in milliseconds. The status class is in the metric's name, and both ends are labels. Without the
// extension App Mesh's proxies are plain Envoys (see envoy.go), whose clusters carry the names that Weir uses too.
//
// The caller's side counts; RequestCount is what arrived.

func appmesh() dialect {
	return dialect{
		name: "appmesh",
		names: append([]string{
			"envoy_appmesh_RequestCountPerTarget", "envoy_appmesh_TargetResponseTime", "envoy_appmesh_TargetResponseTime_bucket",
			"envoy_appmesh_TargetProcessedBytes", "envoy_appmesh_RequestCount", "envoy_appmesh_GrpcRequestCount",
			"envoy_appmesh_NewConnectionCount", "envoy_appmesh_ProcessedBytes",
		}, appmeshCodes()...),
		anchors: append([]string{"envoy_appmesh_RequestCountPerTarget", "envoy_appmesh_TargetProcessedBytes"}, appmeshCodes()...),
		asks:    appmeshAsks,
	}
}

func appmeshCodes() []string {
	return []string{
		"envoy_appmesh_HTTPCode_Target_2XX_Count", "envoy_appmesh_HTTPCode_Target_3XX_Count",
		"envoy_appmesh_HTTPCode_Target_4XX_Count", "envoy_appmesh_HTTPCode_Target_5XX_Count",
	}
}

func appmeshAsks(s *scope) []ask {
	source := []string{"VirtualNode", "VirtualGateway"}
	ends := append([]string{"TargetVirtualNode"}, source...)
	match := both(is("Mesh", s.mesh), s.narrow("", "TargetVirtualNode"))
	of := func(about string, names ...string) ask {
		return ask{about: about, names: names, match: match, by: ends, ends: ends, unit: 0.001, read: readAppmesh}
	}
	requests := of("requests", appmeshCodes()...)
	requests.vital, requests.film = true, requests.names
	sent := of("requests that were sent", "envoy_appmesh_RequestCountPerTarget")
	sent.film = sent.names
	times := of("latencies", "envoy_appmesh_TargetResponseTime", "envoy_appmesh_TargetResponseTime_bucket")
	times.kind, times.film = duration, times.names
	bytes := of("bytes", "envoy_appmesh_TargetProcessedBytes")
	bytes.busy = true
	arrived := of("what arrived", "envoy_appmesh_RequestCount", "envoy_appmesh_GrpcRequestCount", "envoy_appmesh_NewConnectionCount", "envoy_appmesh_ProcessedBytes")
	arrived.match, arrived.by, arrived.ends, arrived.arrivals = is("Mesh", s.mesh), source, source, true
	arrived.busy = true
	return []ask{requests, sent, times, bytes, arrived}
}

func readAppmesh(s *scope, l labels.Labels, name string, into *reading) bool {
	end := mesh.UnknownID
	if v := l.Get("VirtualGateway"); v != "" {
		end = mesh.GatewayID(s.cut(v))
	} else if v := l.Get("VirtualNode"); v != "" {
		end = s.end(v)
	}
	into.from, into.to = end, s.end(l.Get("TargetVirtualNode"))
	short := strings.TrimPrefix(name, "envoy_appmesh_")
	class, isCode := strings.CutPrefix(short, "HTTPCode_Target_")
	switch {
	case isCode:
		into.cols, into.protocol = cols(classOf(class[:min(len(class), 3)])), string(mesh.HTTP)
	case short == "RequestCountPerTarget":
		into.cols, into.protocol = cols(attempts), string(mesh.HTTP)
	case short == "TargetProcessedBytes":
		into.cols = cols(octets)
	case strings.HasPrefix(short, "TargetResponseTime"):
	default:
		into.from, into.to = "", end
		into.cols = cols(total)
		switch short {
		case "NewConnectionCount":
			into.cols = cols(opened)
		case "ProcessedBytes":
			into.cols = cols(octets)
		}
	}
	return into.to != mesh.UnknownID
}
