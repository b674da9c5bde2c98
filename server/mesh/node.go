package mesh

// VirtualNode is one version of one workload: what it listens on, where its instances are, and what it calls.
type VirtualNode struct {
	Name             string            `json:"name"`
	Listeners        []Listener        `json:"listeners,omitempty"`
	ServiceDiscovery *ServiceDiscovery `json:"serviceDiscovery,omitempty"` // required when there is a listener
	Backends         []Backend         `json:"backends,omitempty"`
}

// Backend is a virtual service that a node calls. It may name a service that does not exist yet.
type Backend struct {
	Service string `json:"service"`
	// LocalPort is where the node's own proxy listens for calls to a TCP service, which carry no host name to route by.
	// Zero means the service's own port. Not used for HTTP, HTTP/2 and gRPC, which share the egress port.
	LocalPort int `json:"localPort,omitempty"`
}

// Listener is one port of a virtual node or of a virtual gateway.
//
// The connection pool and the listener's timeouts are enforced by the proxy beside the workload, in front of the local
// application, once per instance (on a gateway: on what the gateway sends on). Outlier detection and health checks are
// carried out by the callers' proxies. These are App Mesh's rules.
type Listener struct {
	Port             int               `json:"port"`
	Protocol         Protocol          `json:"protocol"`
	ConnectionPool   *ConnectionPool   `json:"connectionPool,omitempty"`
	OutlierDetection *OutlierDetection `json:"outlierDetection,omitempty"`
	HealthCheck      *HealthCheck      `json:"healthCheck,omitempty"`
	Timeout          *Timeout          `json:"timeout,omitempty"`
}

// ConnectionPool limits what one proxy sends to one instance. Nil fields are unbounded; zero is refused by Validate.
type ConnectionPool struct {
	MaxConnections     *int `json:"maxConnections,omitempty"`     // open connections (HTTP/1.1 and TCP)
	MaxPendingRequests *int `json:"maxPendingRequests,omitempty"` // requests waiting for a connection (HTTP/1.1)
	MaxRequests        *int `json:"maxRequests,omitempty"`        // requests in flight (HTTP/2, gRPC; HTTP/1.1 too)
	MaxRetries         *int `json:"maxRetries,omitempty"`         // retries in flight
}

// OutlierDetection takes an instance that keeps failing out of the callers' load balancing for a while.
type OutlierDetection struct {
	MaxServerErrors    int      `json:"maxServerErrors"`    // consecutive 5xx answers
	Interval           Duration `json:"interval"`           // between two looks
	BaseEjectionTime   Duration `json:"baseEjectionTime"`   // times the number of ejections so far
	MaxEjectionPercent int      `json:"maxEjectionPercent"` // 0 to 100
}

// HealthCheck is an active check by the callers' proxies.
type HealthCheck struct {
	Protocol           Protocol `json:"protocol"`
	Path               string   `json:"path,omitempty"` // HTTP and HTTP/2 only
	Port               int      `json:"port,omitempty"` // zero: the listener's
	Interval           Duration `json:"interval"`       // 5 s to 300 s
	Timeout            Duration `json:"timeout"`        // 2 s to 60 s
	HealthyThreshold   int      `json:"healthyThreshold"`
	UnhealthyThreshold int      `json:"unhealthyThreshold"`
}

// Timeout limits a request and an idle connection. Nil means the default (15 s a request, 300 s idle; no request limit
// for TCP); zero switches the limit off.
type Timeout struct {
	PerRequest *Duration `json:"perRequest,omitempty"`
	Idle       *Duration `json:"idle,omitempty"`
}

// ServiceDiscovery says where a node's instances are. Exactly one field is set.
type ServiceDiscovery struct {
	DNS       *DNSDiscovery `json:"dns,omitempty"`
	Endpoints []Endpoint    `json:"endpoints,omitempty"` // fixed
	// Registration: the instances are the proxies that connect to Weir as this node.
	Registration *Registration `json:"registration,omitempty"`
}

// DNSDiscovery resolves a host name in the callers' proxies.
type DNSDiscovery struct {
	Hostname     string          `json:"hostname"`
	ResponseType DNSResponseType `json:"responseType,omitempty"` // empty: LOADBALANCER
}

// DNSResponseType says what the addresses in a DNS answer are.
type DNSResponseType string

// App Mesh's response types: one logical host, or one instance per address.
const (
	LoadBalancer DNSResponseType = "LOADBALANCER"
	Endpoints    DNSResponseType = "ENDPOINTS"
)

// Registration has no settings yet: the presence of the object is the choice.
type Registration struct{}

// Endpoint is one instance's address as callers reach it. Port zero means the listener's port.
type Endpoint struct {
	Address string `json:"address"` // an IP address
	Port    int    `json:"port,omitempty"`
}
