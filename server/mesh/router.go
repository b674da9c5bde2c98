package mesh

// VirtualRouter holds the routes of one or more virtual services.
type VirtualRouter struct {
	Name      string           `json:"name"`
	Listeners []RouterListener `json:"listeners"`
}

// RouterListener is one port of a virtual router.
type RouterListener struct {
	Port     int      `json:"port"`
	Protocol Protocol `json:"protocol"`
}

// Route sends the requests that match to weighted targets. Within a router, routes are tried by priority (0 first);
// without a difference there, the more specific match wins (App Mesh: longest prefix).
type Route struct {
	Router   string   `json:"router"`
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
	Priority int      `json:"priority"` // 0 to 1000
	Match    Match    `json:"match"`
	// Split names the split that the targets are taken from; empty: they are the route's own.
	Split   string           `json:"split,omitempty"`
	Targets []WeightedTarget `json:"targets"` // 1 to 10
	Timeout *Timeout         `json:"timeout,omitempty"`
	Retry   *Retry           `json:"retry,omitempty"`
	Health  *HealthLimits    `json:"health,omitempty"` // instead of the service's, limit by limit
	Guard   *Guard           `json:"guard,omitempty"`  // instead of the service's, rule by rule
}

// WeightedTarget receives Weight out of the sum of the route's weights: a share, not a percentage.
type WeightedTarget struct {
	Node   string `json:"node"`
	Weight int    `json:"weight"`         // 0 to 1000000; the route's sum is not zero
	Port   int    `json:"port,omitempty"` // zero: the node's only listener
}

// Match selects requests; every field that is set must hold. For HTTP and HTTP/2 exactly one of Prefix and Path is
// required. For gRPC use Service, RPC and Headers (metadata). TCP matches on Port only.
type Match struct {
	Prefix          string       `json:"prefix,omitempty"` // starts with "/"
	Path            *PathMatch   `json:"path,omitempty"`
	Method          string       `json:"method,omitempty"` // GET, POST …
	Scheme          string       `json:"scheme,omitempty"` // http or https
	Headers         []ValueMatch `json:"headers,omitempty"`
	QueryParameters []ValueMatch `json:"queryParameters,omitempty"`
	Port            int          `json:"port,omitempty"`     // a listener port of the router or gateway
	Service         string       `json:"service,omitempty"`  // gRPC: full service name, "pkg.Service"
	RPC             string       `json:"rpc,omitempty"`      // gRPC: method name, needs Service
	Hostname        *HostMatch   `json:"hostname,omitempty"` // gateway routes only
}

// PathMatch matches the whole path. Exactly one field is set.
type PathMatch struct {
	Exact string `json:"exact,omitempty"`
	Regex string `json:"regex,omitempty"` // RE2
}

// HostMatch matches the host a client asked a gateway for. Exactly one field is set.
type HostMatch struct {
	Exact  string `json:"exact,omitempty"`
	Suffix string `json:"suffix,omitempty"` // "*.example.com" is Suffix ".example.com"
}

// ValueMatch matches one header, gRPC metadata key or query parameter by name. At most one of the ways is set; none
// means "is present". Query parameters know Exact only (App Mesh).
type ValueMatch struct {
	Name   string    `json:"name"`
	Invert bool      `json:"invert,omitempty"`
	Exact  string    `json:"exact,omitempty"`
	Prefix string    `json:"prefix,omitempty"`
	Suffix string    `json:"suffix,omitempty"`
	Regex  string    `json:"regex,omitempty"` // RE2
	Range  *IntRange `json:"range,omitempty"`
}

// IntRange is the half-open interval [Start, End) of a header's integer value.
type IntRange struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// Retry repeats a failed request. Event names are App Mesh's.
type Retry struct {
	MaxRetries      int      `json:"maxRetries"`
	PerRetryTimeout Duration `json:"perRetryTimeout"`
	HTTPEvents      []string `json:"httpRetryEvents,omitempty"` // server-error gateway-error client-error stream-error
	TCPEvents       []string `json:"tcpRetryEvents,omitempty"`  // connection-error
	GRPCEvents      []string `json:"grpcRetryEvents,omitempty"` // cancelled deadline-exceeded internal resource-exhausted unavailable
}
