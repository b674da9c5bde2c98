package demo

import (
	"encoding/json"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// object is a piece of Envoy's configuration.
type object map[string]any

// static configures an Envoy of the demo without a control plane: the routes, weights and addresses that the sample mesh
// has, written out. Only tests need it; the product's proxies are configured while they run.
type static struct {
	mesh    mesh.Mesh
	proxies []Proxy
}

// bootstrap is Options.Bootstrap.
func (s static) bootstrap(p Proxy) ([]byte, error) {
	var listeners, clusters []object
	if p.Gateway != "" {
		listeners = append(listeners, listener("ingress", p.Address, p.IngressPorts[8080], object{"virtual_hosts": s.gatewayHosts(p.Gateway)}))
	} else {
		n, _ := s.mesh.Node(p.Node)
		for _, l := range n.Listeners {
			own := "own"
			clusters = append(clusters, cluster(own, p.AppAddress, l.Port))
			routes := []object{{"match": object{"prefix": "/"}, "route": object{"cluster": own}}}
			listeners = append(listeners, listener("ingress", p.Address, p.IngressPorts[l.Port],
				object{"virtual_hosts": []object{{"name": "own", "domains": []string{"*"}, "routes": routes}}}))
		}
		listeners = append(listeners, listener("egress", p.Address, p.EgressPort, object{"virtual_hosts": s.serviceHosts(n.Backends)}))
	}
	for _, to := range s.proxies {
		if to.Node != "" {
			clusters = append(clusters, cluster(to.Node, to.Address, to.IngressPorts[9080]))
		}
	}
	return json.Marshal(object{
		"node":             object{"id": p.Name(), "cluster": "demo"},
		"admin":            object{"address": object{"pipe": object{"path": p.AdminPath, "mode": 384}}},
		"static_resources": object{"listeners": listeners, "clusters": clusters},
	})
}

// serviceHosts routes calls by the name of the virtual service.
func (s static) serviceHosts(backends []mesh.Backend) []object {
	hosts := []object{}
	for _, b := range backends {
		hosts = append(hosts, object{
			"name": b.Service, "domains": []string{b.Service},
			"routes": []object{{"match": object{"prefix": "/"}, "route": s.target(b.Service)}},
		})
	}
	return hosts
}

// gatewayHosts routes by prefix, the longest first.
func (s static) gatewayHosts(gateway string) []object {
	var routes []object
	for _, r := range s.mesh.GatewayRoutesOf(gateway) {
		routes = append(routes, object{"match": object{"prefix": r.Match.Prefix}, "route": s.target(r.Target.Service)})
	}
	return []object{{"name": "all", "domains": []string{"*"}, "routes": routes}}
}

// target is the action that leads to a service: one cluster, or several by weight.
func (s static) target(service string) object {
	v, _ := s.mesh.Service(service)
	if v.Node != "" {
		return object{"cluster": v.Node}
	}
	var weighted []object
	for _, t := range s.mesh.RoutesOf(v.Router)[0].Targets {
		weighted = append(weighted, object{"name": t.Node, "weight": t.Weight})
	}
	return object{"weighted_clusters": object{"clusters": weighted}}
}

func socket(address string, port int) object {
	return object{"socket_address": object{"address": address, "port_value": port}}
}

func cluster(name, address string, port int) object {
	endpoint := object{"endpoint": object{"address": socket(address, port)}}
	return object{
		"name": name, "type": "STATIC", "connect_timeout": "1s",
		"load_assignment": object{"cluster_name": name, "endpoints": []object{{"lb_endpoints": []object{endpoint}}}},
	}
}

func listener(name, address string, port int, routes object) object {
	const at = "type.googleapis.com/envoy.extensions.filters."
	manager := object{
		"@type":        at + "network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix":  name,
		"route_config": routes,
		"http_filters": []object{{"name": "router", "typed_config": object{"@type": at + "http.router.v3.Router"}}},
	}
	chain := object{"filters": []object{{"name": "http", "typed_config": manager}}}
	return object{"name": name, "address": socket(address, port), "filter_chains": []object{chain}}
}

// nodesIn lists the nodes that a service's answers may come from.
func nodesIn(m mesh.Mesh, service string) []string {
	nodes := m.NodesOf(service)
	slices.Sort(nodes)
	return nodes
}
