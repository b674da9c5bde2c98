package dialect

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// Consul: Envoy's series with Consul's tags, which name both ends. Sources: consul command/connect/envoy
// (bootstrap_config.go, resourceTagSpecifiers and generateStatsTags) for the tags; Consul's documentation, Envoy telemetry
// and its console's metrics provider (prometheus.js) for the listeners. Latencies are in milliseconds.
//
// A service is a node. A subset of it is one where the mesh's configuration knows <service>-<subset>: proxies do not say
// of which subset they are themselves. Another datacenter is told by its name, a peer is outside the mesh.

func consul() dialect {
	return dialect{
		name:    "consul",
		names:   envoyNames(),
		anchors: []string{"envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_total"},
		guards:  []string{`consul_destination_service!=""`, `consul_source_service!=""`, `consul_service!="",local_cluster!=""`},
		told:    "with the label consul_source_service or consul_destination_service",
		asks: func(s *scope) []ask {
			f := fleet{
				// Sources are told by one of two labels, so what has neither is dropped when it is read.
				clusters: both(clusterLabel+`!~"local_app.*|local_agent|self_admin|.*_admin|prometheus_backend.*"`,
					s.narrow("consul_source_service", "consul_destination_service")),
				listens: `public_listener.*`, leaves: `upstream.*|outbound_listener.*`,
				source: []string{"consul_source_service", "consul_source_namespace", "consul_source_datacenter", "local_cluster"},
				dest: []string{
					"consul_destination_service", "consul_destination_service_subset", "consul_destination_namespace",
					"consul_destination_datacenter", "consul_destination_peer", "consul_service", "consul_namespace",
				},
				ends: consulEnds, node: consulNode,
			}
			return f.asks()
		},
	}
}

func consulEnds(s *scope, l labels.Labels, into *reading) bool {
	into.from = consulNode(s, l)
	name, space := l.Get("consul_destination_service"), l.Get("consul_destination_namespace")
	if name == "" {
		name, space = l.Get("consul_service"), l.Get("consul_namespace")
	}
	if name == "" || into.from == mesh.UnknownID {
		return false
	}
	if peer := l.Get("consul_destination_peer"); peer != "" {
		into.to = s.outside(name + "." + peer)
		return true
	}
	here, there := l.Get("consul_source_datacenter"), l.Get("consul_destination_datacenter")
	if here != "" && there != "" && here != there {
		into.to = s.id(name+"."+there, consulSpace(space))
		return true
	}
	if subset := l.Get("consul_destination_service_subset"); subset != "" {
		if id, ok := s.opts.Known(s.mesh, name+"-"+subset); ok {
			into.to = id
			return true
		}
	}
	into.to = s.id(name, consulSpace(space))
	return true
}

func consulNode(s *scope, l labels.Labels) string {
	name := l.Get("consul_source_service")
	if name == "" {
		name = strings.TrimSuffix(l.Get("local_cluster"), "-sidecar-proxy")
	}
	return s.id(name, consulSpace(l.Get("consul_source_namespace")))
}

// consulSpace drops the namespace that everything is in where there are none.
func consulSpace(v string) string {
	if v == "default" {
		return ""
	}
	return v
}
