package mesh

import (
	"strconv"
	"strings"
)

// The names that App Mesh's Envoys used for clusters. Users' dashboards and alarms are written against them, and one
// cluster per (mesh, virtual node) lets the observed split be read from the counters.

// EgressCluster names the cluster that callers use for one listener of a virtual node.
func EgressCluster(mesh, node string, protocol Protocol, port int) string {
	return "cds_egress_" + mesh + "_" + node + "_" + string(protocol) + "_" + strconv.Itoa(port)
}

// IngressCluster names the cluster between a proxy and its own application, where the connection pool is enforced.
func IngressCluster(mesh, node string, protocol Protocol, port int) string {
	return "cds_ingress_" + mesh + "_" + node + "_" + string(protocol) + "_" + strconv.Itoa(port)
}

// ClusterNode reads a cluster's name back: the virtual node it leads to, and whether it is an ingress cluster. ok is
// false for a cluster that is not one of the mesh's.
func ClusterNode(mesh, cluster string) (node string, ingress, ok bool) {
	rest, egress := strings.CutPrefix(cluster, "cds_egress_"+mesh+"_")
	if !egress {
		if rest, ingress = strings.CutPrefix(cluster, "cds_ingress_"+mesh+"_"); !ingress {
			return "", false, false
		}
	}
	for range 2 { // the port, then the protocol
		i := strings.LastIndexByte(rest, '_')
		if i <= 0 {
			return "", false, false
		}
		rest = rest[:i]
	}
	return rest, ingress, true
}
