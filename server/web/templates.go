package web

import "github.com/weirmesh/weir/server/mesh"

// templateOf is a definition to begin from, with names to be replaced.
func templateOf(kind mesh.Kind, meshName string) string {
	text, ok := callTemplates()[kind]
	if !ok {
		text = routingTemplates()[kind]
	}
	return "kind: " + string(kind) + "\nmesh: " + meshName + "\n" + text
}

// callTemplates are those of what calls and is called: versions, services and gateways.
func callTemplates() map[mesh.Kind]string {
	return map[mesh.Kind]string{
		mesh.KindNode: `name: NODE
listeners:
- port: 8080
  protocol: http              # http, http2, grpc or tcp
  connectionPool:
    maxConnections: 100
serviceDiscovery:
  registration: {}            # the proxies that connect as this node; or dns: {hostname: …}, or endpoints: [{address: …}]
backends:                     # the services that it calls
- service: SERVICE
`,
		mesh.KindService: `name: SERVICE                 # the name that callers use
router: ROUTER                # or node: NODE, for a service of one version
`,
		mesh.KindGateway: `name: GATEWAY
listeners:
- port: 8080
  protocol: http
`,
	}
}

// routingTemplates are those of what decides where requests go.
func routingTemplates() map[mesh.Kind]string {
	return map[mesh.Kind]string{
		mesh.KindRouter: `name: ROUTER
listeners:
- port: 8080
  protocol: http
`,
		mesh.KindSplit: `name: SPLIT                   # routes that say split: SPLIT share its targets
targets:
- node: NODE-v1
  weight: 90
- node: NODE-v2
  weight: 10
`,
		mesh.KindRoute: `router: ROUTER
name: primary
protocol: http
priority: 0                   # 0 is tried first
match:
  prefix: /
targets:
- node: NODE-v1
  weight: 90
- node: NODE-v2
  weight: 10
timeout:
  perRequest: 15s
`,
		mesh.KindGatewayRoute: `gateway: GATEWAY
name: all
protocol: http
priority: 0
match:
  prefix: /
target:
  service: SERVICE
`,
	}
}
