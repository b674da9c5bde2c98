package mesh

import "strings"

// Kind is a kind of configured object, as commands and addresses write it in the singular.
type Kind string

// The kinds of objects.
const (
	KindMesh         Kind = "mesh"
	KindNode         Kind = "node"
	KindService      Kind = "service"
	KindRouter       Kind = "router"
	KindSplit        Kind = "split"
	KindRoute        Kind = "route"
	KindGateway      Kind = "gateway"
	KindGatewayRoute Kind = "gateway-route"
)

// Kinds lists every kind in the order in which objects depend on each other, later ones on earlier ones.
func Kinds() []Kind {
	return []Kind{KindMesh, KindNode, KindRouter, KindSplit, KindRoute, KindService, KindGateway, KindGatewayRoute}
}

// Plural is the kind as collections are named: "nodes", "gateway-routes".
func (k Kind) Plural() string {
	if k == KindMesh {
		return "meshes"
	}
	return string(k) + "s"
}

// Ref names an object within its mesh. A route's name is "router/route", a gateway route's "gateway/route"; the mesh's
// own settings are {KindMesh, the mesh's name}.
type Ref struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// String writes the reference as people read it: "route reviews/primary".
func (r Ref) String() string { return string(r.Kind) + " " + r.Name }

// Path writes the reference as addresses do: "route/reviews/primary".
func (r Ref) Path() string { return string(r.Kind) + "/" + r.Name }

// Split gives a route's router and own name (a gateway route's gateway and own name).
func (r Ref) Split() (parent, name string) {
	parent, name, _ = strings.Cut(r.Name, "/")
	return parent, name
}

// Object is one configured object: Settings, VirtualNode, VirtualService, VirtualRouter, Split, Route, VirtualGateway or
// GatewayRoute, always by value.
type Object interface{ Ref() Ref }

// Ref names the mesh's own settings.
func (s Settings) Ref() Ref { return Ref{KindMesh, s.Name} }

// Ref names the node.
func (n VirtualNode) Ref() Ref { return Ref{KindNode, n.Name} }

// Ref names the service.
func (s VirtualService) Ref() Ref { return Ref{KindService, s.Name} }

// Ref names the router.
func (r VirtualRouter) Ref() Ref { return Ref{KindRouter, r.Name} }

// Ref names the route.
func (r Route) Ref() Ref { return Ref{KindRoute, r.Router + "/" + r.Name} }

// Ref names the gateway.
func (g VirtualGateway) Ref() Ref { return Ref{KindGateway, g.Name} }

// Ref names the gateway route.
func (g GatewayRoute) Ref() Ref { return Ref{KindGatewayRoute, g.Gateway + "/" + g.Name} }

// Patch is a set of edits to one mesh: what is reviewed is what is applied.
type Patch struct {
	Put    []Object
	Delete []Ref
}
