// Package graph puts what a mesh is configured to do and what is seen of it on one picture. Build is pure; Live keeps
// the latest picture of every mesh for whoever shows it.
package graph

import (
	"time"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// Graph is the picture of one mesh at one moment. Nodes are sorted by ID, edges by From and To.
type Graph struct {
	Mesh   string    `json:"mesh"`
	At     time.Time `json:"at"`
	Window string    `json:"window"` // "30s"
	Fresh  bool      `json:"fresh"`  // every connected proxy reported lately
	Age    float64   `json:"age"`    // seconds since the oldest proxy's newest report
	Nodes  []Node    `json:"nodes"`
	Edges  []Edge    `json:"edges"`
	// Partial is true when not everything that was seen could be read; Notes say what is missing, in words.
	Partial bool     `json:"partial,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	// Scene is what the view that was asked for shows of the mesh, Nodes and Edges being those that it shows. Nil: all.
	Scene *Scene `json:"scene,omitempty"`

	before *Baseline // how the mesh did some minutes ago; nil: not known
}

// Seconds is the length of the window; zero when the picture has none.
func (g Graph) Seconds() float64 {
	d, err := time.ParseDuration(g.Window)
	if err != nil {
		return 0
	}
	return d.Seconds()
}

// NodeKind is what a node of the picture stands for.
type NodeKind string

// The kinds of nodes.
const (
	KindNode     NodeKind = "node"     // a virtual node: one version
	KindService  NodeKind = "service"  // a virtual service, the box around its versions
	KindGateway  NodeKind = "gateway"  // a virtual gateway
	KindExternal NodeKind = "external" // a destination outside the mesh
	KindUnknown  NodeKind = "unknown"  // callers outside the mesh
)

// Node is a box. Its traffic is what it receives.
type Node struct {
	ID          string      `json:"id"` // a virtual node's plain name; "gateway/…", "service/…", "external/…", "unknown"
	Kind        NodeKind    `json:"kind"`
	Name        string      `json:"name"`              // the plain name
	Service     string      `json:"service,omitempty"` // a node: the virtual service whose version it is
	Version     string      `json:"version,omitempty"` // a node: "v2"
	Declared    bool        `json:"declared"`          // in the configuration
	Health      mesh.Health `json:"health"`
	Why         []string    `json:"why"`    // the causes in English, worst first; empty when there is nothing to explain
	Causes      []Cause     `json:"causes"` // the same for programs and other languages
	Proxies     int         `json:"proxies"`
	RequestRate float64     `json:"requestRate"`
	ErrorRatio  float64     `json:"errorRatio"`
	P50         float64     `json:"p50"`
	P95         float64     `json:"p95"`
	P99         float64     `json:"p99"`
	Pool        *Pool       `json:"pool,omitempty"` // in front of its application
}

// Cause is one reason for a verdict.
type Cause = health.Cause

// Edge is the traffic from one box to another. From and To are never services, except To for a declared backend
// whose service leads nowhere.
type Edge struct {
	From        string        `json:"from"`
	To          string        `json:"to"`
	Protocol    mesh.Protocol `json:"protocol"`
	Declared    bool          `json:"declared"` // the caller's backends, and a route, lead here
	Used        bool          `json:"used"`     // traffic was seen in the window
	Services    []string      `json:"services"` // the virtual services through which it is declared
	RequestRate float64       `json:"requestRate"`
	ErrorRatio  float64       `json:"errorRatio"`
	Classes     Classes       `json:"classes,omitzero"` // rate by "2xx" … "5xx", "none"
	P50         float64       `json:"p50"`
	P95         float64       `json:"p95"`
	P99         float64       `json:"p99"`
	BytesRate   float64       `json:"bytesRate"`
	Active      float64       `json:"active"`
	Ejected     float64       `json:"ejected"`
	Healthy     float64       `json:"healthy"`
	Members     float64       `json:"members"`
	Weight      *float64      `json:"weight,omitempty"` // the configured share of the caller's traffic to the service, 0 to 1
	Share       *float64      `json:"share,omitempty"`  // the observed one
	Health      mesh.Health   `json:"health"`
	Why         []string      `json:"why"`
	Causes      []Cause       `json:"causes"`
	Pool        Pool          `json:"pool"` // the destination's pool, where the limit is enforced
}

// Classes is a rate by status class; a class that was not seen is left out. It is what mesh.Traffic's Classes are.
type Classes struct {
	Informational float64 `json:"1xx,omitempty"`
	Success       float64 `json:"2xx,omitempty"`
	Redirection   float64 `json:"3xx,omitempty"`
	ClientError   float64 `json:"4xx,omitempty"`
	ServerError   float64 `json:"5xx,omitempty"`
	None          float64 `json:"none,omitempty"` // without an answer
}

// Pool is the use of a connection pool beside its limits; a limit of zero is no limit. Limits are per instance times
// the instances, so that use and limit can be compared.
type Pool struct {
	Connections        float64 `json:"connections"`
	MaxConnections     float64 `json:"maxConnections"`
	Pending            float64 `json:"pending"`
	MaxPendingRequests float64 `json:"maxPendingRequests"`
	Active             float64 `json:"active"`
	MaxRequests        float64 `json:"maxRequests"`
	OverflowRate       float64 `json:"overflowRate"`
	Instances          int     `json:"instances"`
}
