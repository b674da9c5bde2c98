package dialect

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// Kuma 2 and 3: Envoy's series with the labels of Kuma's data planes. Sources: kuma dashboards/grafana
// (kuma-service-debug.json, kuma-service-health.json) for the labels, the clusters and the listeners that count; MADR 096
// for the two generations: kuma_io_service in 2, kuma_workload and namespace in 3; app/kuma-dp/pkg/dataplane/metrics
// (merge.go) for split clusters; KRIs in pkg/core/kri. Latencies are in milliseconds.
//
// The caller's data plane counts; what arrives is known from its inbound listeners.

const kumaOwn = `localhost_.*|inbound_.*|kuma_.*|self_.*|system_.*|meshtrace_.*|meshmetric_.*|meshaccesslog_.*|_kuma_.*|` +
	`ads_cluster|access_log_sink|plugin_.*|probe.*`

func kuma() dialect {
	return dialect{
		name:    "kuma",
		names:   envoyNames(),
		anchors: []string{"envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_total"},
		guards:  []string{`kuma_io_service!=""`, `kuma_workload!=""`},
		told:    "with the label kuma_io_service or kuma_workload",
		asks: func(s *scope) []ask {
			f := fleet{
				// One of the two labels is always there, and no selector can say so; what has neither is nobody's.
				match:    is("mesh", s.mesh),
				clusters: both(clusterLabel+"!~"+quote(kumaOwn), s.narrowCluster()),
				listens:  `localhost_.*|self_inbound_dp_.*`, leaves: `outbound_.*|self_outbound_.*|kri_.*`,
				source: []string{"kuma_io_service", "kuma_workload", "namespace"},
				dest:   []string{clusterLabel},
				ends:   kumaEnds, node: kumaNode,
			}
			return f.asks()
		},
	}
}

func kumaEnds(s *scope, l labels.Labels, into *reading) bool {
	if into.from = kumaNode(s, l); into.from == mesh.UnknownID {
		return false
	}
	into.to = kumaService(s, l.Get(clusterLabel))
	return into.to != mesh.UnknownID
}

func kumaNode(s *scope, l labels.Labels) string {
	if v := l.Get("kuma_workload"); !unnamed(v) {
		if strings.HasPrefix(v, "kri_") {
			return kumaService(s, v)
		}
		return s.id(v, l.Get("namespace"))
	}
	return kumaService(s, l.Get("kuma_io_service"))
}

// kumaService reads a service's name: a KRI (kri_msvc_mesh_zone_namespace_name_port), the cluster of a MeshService
// (mesh_name_namespace_zone_msvc_port), the tag kuma.io/service of Kubernetes (name_namespace_svc_port) or that of
// anything else, which is the name. External services are outside the mesh. A split cluster ends in a hash.
func kumaService(s *scope, name string) string {
	if i := len(name) - 17; i > 0 && name[i] == '-' && hex(name[i+1:]) {
		name = name[:i]
	}
	parts := strings.Split(name, "_")
	n := len(parts)
	switch {
	case parts[0] == "kri" && n >= 6:
		if parts[1] == "extsvc" {
			return s.outside(parts[5])
		}
		return s.id(parts[5], parts[4])
	case n >= 6 && parts[n-2] == "msvc", n >= 6 && parts[n-2] == "mzsvc":
		return s.id(parts[1], parts[2])
	case n >= 6 && parts[n-2] == "extsvc":
		return s.outside(parts[1])
	case n >= 4 && parts[n-2] == "svc":
		return s.id(strings.Join(parts[:n-3], "_"), parts[n-3])
	case n >= 3 && parts[n-1] == "svc":
		return s.id(strings.Join(parts[:n-2], "_"), parts[n-2])
	}
	return s.end(name)
}

func hex(v string) bool {
	for _, c := range v {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
