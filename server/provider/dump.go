package provider

import (
	"encoding/json"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Types lists the types of configuration that a Dump can be asked for.
func Types() []string { return []string{"listener", "route", "cluster", "endpoint"} }

// Ask says which of a proxy's resources are wanted. Zero fields do not restrict.
type Ask struct {
	Type   string // one of Types
	Name   string // exactly this one
	Text   string // in the name, in either case
	Secure bool   // only those that refer to certificates
	Offset int    // how many to leave out at the beginning
	Limit  int    // how many to give; zero: all
	Raw    bool   // with the text of each, as the provider sends it
}

// Dump is some of what one proxy runs and should run: those that it does not run come first, then by name.
type Dump struct {
	Type      string     `json:"type"`
	Total     int        `json:"total"`     // that were asked for, before Offset and Limit
	Behind    int        `json:"behind"`    // of those, that the proxy does not run as it should
	Resources []Resource `json:"resources"` // never nil
	Warnings  []string   `json:"warnings"`  // parts of the mesh that cannot be carried out for this proxy, in words; never nil
	Left      time.Time  `json:"left,omitzero"`
}

// Progress is how far one resource got.
type Progress string

// The steps of a resource.
const (
	Running  Progress = "running"  // acknowledged
	Sent     Progress = "sent"     // sent and not answered yet
	Waiting  Progress = "waiting"  // not sent yet: Message says why, if somebody refused it
	Declined Progress = "rejected" // refused by the proxy; it keeps what it ran, or goes without
	Leaving  Progress = "leaving"  // runs still and is about to be taken away
)

// Resource is one resource of one proxy. The field of its type is set, and describes what the proxy should run; of a
// resource that is leaving, what it runs.
type Resource struct {
	Name     string    `json:"name"`
	Progress Progress  `json:"progress"`
	Wanted   string    `json:"wanted,omitempty"`  // version that it should run; empty: it should not be there
	Running  string    `json:"running,omitempty"` // version that it acknowledged; empty: it is not there
	AckedAt  time.Time `json:"ackedAt,omitzero"`
	Message  string    `json:"message,omitempty"` // the proxy's own words, or why it waits

	Listener  *Listener     `json:"listener,omitempty"`
	Cluster   *Cluster      `json:"cluster,omitempty"`
	Endpoints []Endpoint    `json:"endpoints,omitempty"`
	Hosts     []VirtualHost `json:"hosts,omitempty"` // of a route configuration
	// Certificates are what the resource refers to; none means that it speaks plain text.
	Certificates []Certificate `json:"certificates,omitempty"`
	// Raw is the resource as it is sent, its secrets left out. RunningRaw is what the proxy runs, where that is another
	// version that is still known. Only when asked for.
	Raw        json.RawMessage `json:"raw,omitempty"`
	RunningRaw json.RawMessage `json:"runningRaw,omitempty"`
}

// Listener is a port on which a proxy takes calls.
type Listener struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
	Kind    string `json:"kind"`              // "http" or "tcp"
	Routes  string `json:"routes,omitempty"`  // the route configuration that decides where an HTTP call goes
	Cluster string `json:"cluster,omitempty"` // where TCP goes
}

// Cluster is somewhere that a proxy sends calls to.
type Cluster struct {
	Kind      string        `json:"kind"` // Envoy's word: "EDS", "STATIC", "STRICT_DNS" …
	Node      string        `json:"node,omitempty"`
	Ingress   bool          `json:"ingress,omitempty"`   // it leads to the application beside the proxy
	Protocol  string        `json:"protocol"`            // "http", "http2" or "tcp"
	Addresses []string      `json:"addresses,omitempty"` // of clusters whose endpoints do not come separately
	Connect   mesh.Duration `json:"connectTimeout"`
	// Limits are the connection pool's; a field that is nil is unbounded.
	Limits   mesh.ConnectionPool    `json:"limits"`
	Outliers *mesh.OutlierDetection `json:"outlierDetection,omitempty"`
	Checked  bool                   `json:"healthChecked,omitempty"` // it is checked actively
}

// Endpoint is one instance behind a cluster.
type Endpoint struct {
	Address  string `json:"address"`
	Port     int    `json:"port"`
	Health   string `json:"health"`             // Envoy's word for what it was told: "HEALTHY", "DRAINING" …; "UNKNOWN" when nothing was said
	Locality string `json:"locality,omitempty"` // "region/zone/subzone", as far as it is told
	Weight   int    `json:"weight,omitempty"`
	Priority int    `json:"priority,omitempty"`
}

// VirtualHost is the routes for some host names, in the order in which they are tried.
type VirtualHost struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
	Routes  []Route  `json:"routes"`
}

// Route says what becomes of the calls that match.
type Route struct {
	Name     string         `json:"name,omitempty"`
	Match    []Condition    `json:"match"` // all of them have to hold
	Targets  []Target       `json:"targets,omitempty"`
	Status   int            `json:"status,omitempty"` // answered by the proxy itself
	Body     string         `json:"body,omitempty"`
	Redirect bool           `json:"redirect,omitempty"`
	Timeout  *mesh.Duration `json:"timeout,omitempty"` // of a request; zero: none; nil: the proxy's own
	Retries  int            `json:"retries,omitempty"` // attempts after the first
	RetryOn  string         `json:"retryOn,omitempty"` // Envoy's words
}

// Target is a cluster with its part of a route's traffic, 0 to 1.
type Target struct {
	Cluster string  `json:"cluster"`
	Node    string  `json:"node,omitempty"`
	Weight  int     `json:"weight"`
	Share   float64 `json:"share"`
}

// Condition is one thing that a call has to have. How is exact, prefix, suffix, regex, contains, present or range.
type Condition struct {
	On    string `json:"on"`             // path, method, scheme, header, query or grpc
	Name  string `json:"name,omitempty"` // of the header or query parameter
	How   string `json:"how"`
	Value string `json:"value,omitempty"`
	Not   bool   `json:"not,omitempty"`
}

// Certificate is one that a resource refers to. What is in a file or comes from elsewhere is not known to the provider:
// then Names is empty and NotAfter zero.
type Certificate struct {
	Use      string    `json:"use"`    // "own": shown to the other side; "trusted": what the other side's is checked with
	Source   string    `json:"source"` // "inline", "file", "secret"
	Name     string    `json:"name,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Names    []string  `json:"names,omitempty"` // that it is for
	NotAfter time.Time `json:"notAfter,omitzero"`
	Problem  string    `json:"problem,omitempty"` // why it cannot be read
}
