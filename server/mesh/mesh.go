// Package mesh is the vocabulary of Weir: what a mesh is configured to do (virtual nodes, virtual services, virtual
// routers, routes, virtual gateways; App Mesh's words) and what is seen of it (edges, traffic, health).
//
// Everyone speaks it and it imports nothing but the standard library. Values are plain data: functions take a Mesh and
// return a new one, and nobody changes a Mesh that somebody else holds.
package mesh

// Mesh is one mesh's whole configuration. Each slice is sorted by name (routes by router, then name; gateway routes by
// gateway, then name); the functions of this package keep it so.
type Mesh struct {
	Name          string           `json:"name"`
	EgressFilter  EgressFilter     `json:"egressFilter,omitempty"`
	Health        *HealthLimits    `json:"health,omitempty"`
	Guard         *Guard           `json:"guard,omitempty"`
	Approval      Approval         `json:"approval,omitempty"`
	Nodes         []VirtualNode    `json:"nodes,omitempty"`
	Services      []VirtualService `json:"services,omitempty"`
	Routers       []VirtualRouter  `json:"routers,omitempty"`
	Splits        []Split          `json:"splits,omitempty"`
	Routes        []Route          `json:"routes,omitempty"`
	Gateways      []VirtualGateway `json:"gateways,omitempty"`
	GatewayRoutes []GatewayRoute   `json:"gatewayRoutes,omitempty"`
}

// EgressFilter says what a proxy does with a call to a host that is not one of its node's backends.
type EgressFilter string

// The two egress filters of App Mesh. The empty value means DropAll.
const (
	DropAll  EgressFilter = "DROP_ALL"
	AllowAll EgressFilter = "ALLOW_ALL"
)

// Approval says whether one person alone may change a mesh.
type Approval string

// ApprovalRequired has a second person approve every change of the mesh; ApprovalNone, as the empty value, does not.
const (
	ApprovalRequired Approval = "required"
	ApprovalNone     Approval = "none"
)

// Required tells whether a second person has to approve.
func (a Approval) Required() bool { return a == ApprovalRequired }

// ApprovalOf gives a mesh's own setting; of objects other than Settings, and of nil, it is empty.
func ApprovalOf(o Object) Approval {
	s, _ := o.(Settings)
	return s.Approval
}

// Protocol is the protocol of a listener or of a route.
type Protocol string

// The protocols a listener may speak.
const (
	HTTP  Protocol = "http"
	HTTP2 Protocol = "http2"
	GRPC  Protocol = "grpc"
	TCP   Protocol = "tcp"
)

// VirtualService is a name that callers use. Exactly one of Router and Node provides it; with neither, the name is
// reserved and calls to it are answered 404.
type VirtualService struct {
	Name   string        `json:"name"`
	Router string        `json:"router,omitempty"`
	Node   string        `json:"node,omitempty"`
	Health *HealthLimits `json:"health,omitempty"` // instead of the mesh's, limit by limit
	Guard  *Guard        `json:"guard,omitempty"`  // instead of the mesh's, rule by rule
}

// Settings is the part of a mesh that is an object of its own (kind "mesh").
type Settings struct {
	Name         string        `json:"name"`
	EgressFilter EgressFilter  `json:"egressFilter,omitempty"`
	Health       *HealthLimits `json:"health,omitempty"`
	Guard        *Guard        `json:"guard,omitempty"`
	Approval     Approval      `json:"approval,omitempty"`
}
