package mesh_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/weirmesh/weir/server/mesh"
)

func TestSampleIsValid(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, o := range sample().Objects() {
		if err := ValidateObject(o); err != nil {
			t.Errorf("%s: %v", o.Ref(), err)
		}
	}
	if err := (Mesh{Name: "empty"}).Validate(); err != nil {
		t.Error(err)
	}
}

// Each case breaks one rule of the sample and expects exactly the violations listed.
func TestValidate(t *testing.T) {
	n := func(i int) *int { return &i }
	d := func(v time.Duration) *Duration { x := Duration(v); return &x }
	long := strings.Repeat("x", 300)
	cases := []struct {
		name  string
		edit  func(m *Mesh)
		wants []string
	}{
		{"mesh name", func(m *Mesh) { m.Name = "a.b" }, []string{"mesh a.b: name a.b: has letters, digits, - and _ only"}},
		{"no mesh name", func(m *Mesh) { m.Name = "" }, []string{"mesh name is required"}},
		{"egress filter", func(m *Mesh) { m.EgressFilter = "DENY" }, []string{"mesh shop: egressFilter DENY: is DROP_ALL or ALLOW_ALL"}},
		{"node name with a dot", func(m *Mesh) { m.Nodes[3].Name = "st.ore"; m.Services[2].Node = "st.ore" }, []string{
			"node st.ore: name st.ore: has letters, digits, - and _ only",
			"service store: node st.ore: has letters, digits, - and _ only",
		}},
		{"reserved node name", func(m *Mesh) { m.Nodes[3].Name = "unknown"; m.Services[2].Node = "unknown" }, []string{
			"node unknown: name unknown: is reserved for callers outside the mesh",
		}},
		{"long name", func(m *Mesh) { m.Gateways[0].Name = long; m.GatewayRoutes[0].Gateway = "" }, []string{
			"gateway " + long[:71] + "…: name " + long[:79] + "…: is at most 255 characters",
			"gateway-route /all: gateway is required",
		}},
		{"service name", func(m *Mesh) { m.Services[0].Name = "a..b" }, []string{
			"service a..b: name a..b: is a host name: letters, digits, - and _, in parts separated by dots",
		}},
		{"service name with control characters", func(m *Mesh) { m.Services[0].Name = "a\r\nb" }, []string{
			"service a\uFFFD\uFFFDb: name a\uFFFD\uFFFDb: is a host name: letters, digits, - and _, in parts separated by dots",
		}},
		{"both providers", func(m *Mesh) { m.Services[1].Node = "reviews-v1" }, []string{
			"service reviews: node reviews-v1: is left out when there is a router: one of the two provides a service",
		}},
		{"no such router", func(m *Mesh) { m.Services[1].Router = "views" }, []string{
			"service reviews: router views: is a virtual router of the mesh",
		}},
		{"duplicate node", func(m *Mesh) { m.Nodes = append(m.Nodes, m.Nodes[3]) }, []string{"node store: name is used once in a mesh"}},
		{"services differ by case only", func(m *Mesh) { m.Services[0].Name = "Store" }, []string{"service store: name is used once in a mesh"}},
		{"listener port", func(m *Mesh) { m.Nodes[0].Listeners[0].Port = 70000 }, []string{"node front: listeners[0].port 70000: is from 1 to 65535"}},
		{"duplicate port", func(m *Mesh) {
			m.Nodes[0].Listeners = append(m.Nodes[0].Listeners, Listener{Port: 8080, Protocol: GRPC})
		}, []string{"node front: listeners[1].port 8080: is used by one listener"}},
		{"protocol", func(m *Mesh) { m.Nodes[0].Listeners[0].Protocol = "HTTP" }, []string{
			"node front: listeners[0].protocol HTTP: is http, http2, grpc or tcp",
		}},
		{"pool of 0", func(m *Mesh) { m.Nodes[1].Listeners[0].ConnectionPool.MaxConnections = n(0) }, []string{
			"node reviews-v1: listeners[0].connectionPool.maxConnections 0: is from 1 to 2147483647",
		}},
		{"tcp pool", func(m *Mesh) { m.Nodes[3].Listeners[0].ConnectionPool = &ConnectionPool{MaxRequests: n(3)} }, []string{
			"node store: listeners[0].connectionPool.maxRequests 3: is left out on a tcp listener, which has connections only",
		}},
		{"outliers", func(m *Mesh) { m.Nodes[1].Listeners[0].OutlierDetection = &OutlierDetection{MaxEjectionPercent: 101} }, []string{
			"node reviews-v1: listeners[0].outlierDetection.maxServerErrors 0: is from 1 to 2147483647",
			"node reviews-v1: listeners[0].outlierDetection.interval 0s: is from 1ms to 24h0m0s",
			"node reviews-v1: listeners[0].outlierDetection.baseEjectionTime 0s: is from 1ms to 24h0m0s",
			"node reviews-v1: listeners[0].outlierDetection.maxEjectionPercent 101: is from 0 to 100",
		}},
		{"health check", func(m *Mesh) {
			*m.Nodes[1].Listeners[0].HealthCheck = HealthCheck{Protocol: GRPC, Path: "/x", Interval: Duration(time.Second), Timeout: Duration(time.Minute), HealthyThreshold: 1, UnhealthyThreshold: 11}
		}, []string{
			"node reviews-v1: listeners[0].healthCheck.path /x: is for http and http2 only",
			"node reviews-v1: listeners[0].healthCheck.interval 1s: is from 5s to 5m0s",
			"node reviews-v1: listeners[0].healthCheck.healthyThreshold 1: is from 2 to 10",
			"node reviews-v1: listeners[0].healthCheck.unhealthyThreshold 11: is from 2 to 10",
		}},
		{"timeout below a millisecond", func(m *Mesh) { m.Nodes[1].Listeners[0].Timeout.PerRequest = d(time.Microsecond) }, []string{
			"node reviews-v1: listeners[0].timeout.perRequest 1µs: is 0s (no limit) or from 1ms to 168h0m0s",
		}},
		{"no discovery", func(m *Mesh) { m.Nodes[0].ServiceDiscovery = nil }, []string{
			"node front: serviceDiscovery is required when there is a listener",
		}},
		{"two ways of discovery", func(m *Mesh) { m.Nodes[0].ServiceDiscovery.Registration = &Registration{} }, []string{
			"node front: serviceDiscovery has exactly one of dns, endpoints and registration",
		}},
		{"endpoints", func(m *Mesh) {
			m.Nodes[2].ServiceDiscovery.Endpoints = []Endpoint{{Address: "host"}, {Address: "0.0.0.0"}, {Address: "::1", Port: -1}, {Address: "host"}}
		}, []string{
			"node reviews-v2: serviceDiscovery.endpoints[0].address host: is an IP address",
			"node reviews-v2: serviceDiscovery.endpoints[1].address 0.0.0.0: is the IP address of one instance",
			"node reviews-v2: serviceDiscovery.endpoints[2].port -1: is from 1 to 65535",
			"node reviews-v2: serviceDiscovery.endpoints[3].address host: is an IP address",
			"node reviews-v2: serviceDiscovery.endpoints[3].address host: is listed once",
		}},
		{"duplicate backend", func(m *Mesh) { m.Nodes[0].Backends[1].Service = "reviews" }, []string{
			"node front: backends[1].service reviews: is listed once",
		}},
		{"router without listeners", func(m *Mesh) { m.Routers[0].Listeners = nil }, []string{"router reviews: listeners are at least one"}},
		{"router of another protocol", func(m *Mesh) { m.Routers[0].Listeners[0].Protocol = GRPC }, []string{
			"route reviews/admin: protocol http: is its router's listener's, which is grpc",
			"route reviews/primary: protocol http: is its router's listener's, which is grpc",
			"gateway-route ingress/all: target.service reviews: speaks grpc there, which a http route cannot use",
		}},
		{"several router ports", func(m *Mesh) {
			m.Routers[0].Listeners = append(m.Routers[0].Listeners, RouterListener{Port: 9090, Protocol: HTTP})
			m.Routes[0].Match.Port = 9091
		}, []string{
			"route reviews/admin: match.port 9091: is a port that the router listens on",
			"route reviews/primary: match.port is required: the router has several listeners",
			"gateway-route ingress/all: target.port is required: service reviews has several ports",
		}},
		{"no router", func(m *Mesh) { m.Routes[0].Router = "x" }, []string{"route x/admin: router x: is a virtual router of the mesh"}},
		{"priority", func(m *Mesh) { m.Routes[0].Priority = 1001 }, []string{"route reviews/admin: priority 1001: is from 0 to 1000"}},
		{"prefix and path", func(m *Mesh) { m.Routes[0].Match.Prefix = "/" }, []string{
			"route reviews/admin: match.path is left out when there is a prefix",
		}},
		{"neither prefix nor path", func(m *Mesh) { m.Routes[1].Match = Match{} }, []string{
			"route reviews/primary: match has a prefix or a path; prefix / matches everything",
		}},
		{"prefix without slash", func(m *Mesh) { m.Routes[1].Match.Prefix = "x" }, []string{
			"route reviews/primary: match.prefix x: starts with /",
		}},
		{"reserved prefix", func(m *Mesh) { m.Routes[1].Match.Prefix = "/aws-appmesh/x" }, []string{
			"route reviews/primary: match.prefix /aws-appmesh/x: does not start with /aws-appmesh, which is reserved for the proxies",
		}},
		{"broken regex", func(m *Mesh) { m.Routes[0].Match.Path.Regex = "/a(" }, []string{
			"route reviews/admin: match.path.regex /a(: is a regular expression in RE2's syntax (missing closing ): `/a(`)",
		}},
		{"lookahead", func(m *Mesh) { m.Routes[0].Match.Headers[0] = ValueMatch{Name: "a", Regex: "(?=x)"} }, []string{
			"route reviews/admin: match.headers[0].regex (?=x): is a regular expression in RE2's syntax (invalid or unsupported Perl syntax: `(?=`)",
		}},
		{"huge regex", func(m *Mesh) { m.Routes[0].Match.Path.Regex = "/a{1000}b{1000}c{1000}d{1000}e{1000}f{1000}" }, []string{
			"route reviews/admin: match.path.regex /a{1000}b{1000}c{1000}d{1000}e{1000}f{1000}: is a regular expression of moderate size (repeat counts multiply)",
		}},
		{"method and scheme", func(m *Mesh) { m.Routes[0].Match.Method = "get"; m.Routes[0].Match.Scheme = "ftp" }, []string{
			"route reviews/admin: match.method get: is GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH",
			"route reviews/admin: match.scheme ftp: is http or https",
		}},
		{"header ways", func(m *Mesh) {
			m.Routes[0].Match.Headers = []ValueMatch{{Name: "a b", Exact: "1", Prefix: "2"}, {Name: "r", Range: &IntRange{Start: 5, End: 5}}, {Exact: "a\nb"}}
		}, []string{
			"route reviews/admin: match.headers[0].name a b: is a header's name",
			"route reviews/admin: match.headers[0] has one way to match the value at most",
			"route reviews/admin: match.headers[1].range 5 to 5: has an end above its start",
			"route reviews/admin: match.headers[2].name is required",
			"route reviews/admin: match.headers[2].exact a\uFFFDb: has no control characters",
		}},
		{"query ways", func(m *Mesh) { m.Routes[0].Match.QueryParameters[0].Invert = true }, []string{
			"route reviews/admin: match.queryParameters[0] matches a query parameter, which knows exact only",
		}},
		{"too many headers", func(m *Mesh) { m.Routes[0].Match.Headers = make([]ValueMatch, 11) }, []string{
			"route reviews/admin: match.headers 11: are at most 10",
		}},
		{"host on a route", func(m *Mesh) { m.Routes[0].Match.Hostname = &HostMatch{Exact: "a"} }, []string{
			"route reviews/admin: match.hostname is for gateway routes only",
		}},
		{"grpc match on http", func(m *Mesh) { m.Routes[0].Match.Service = "pkg.Service" }, []string{
			"route reviews/admin: match.service is for grpc only",
		}},
		{"weight", func(m *Mesh) { m.Routes[1].Targets[1].Weight = -5 }, []string{
			"route reviews/primary: targets[1].weight -5: is from 0 to 1000000",
		}},
		{"weights of zero", func(m *Mesh) { m.Routes[0].Targets[0].Weight = 0 }, []string{
			"route reviews/admin: targets have weights that sum to more than 0: as they are, nothing would receive the traffic",
		}},
		{"no targets", func(m *Mesh) { m.Routes[0].Targets = nil }, []string{"route reviews/admin: targets 0: are 1 to 10"}},
		{"unknown target", func(m *Mesh) { m.Routes[1].Targets[1].Node = "reviews-v9" }, []string{
			"route reviews/primary: targets[1].node reviews-v9: is a virtual node of the mesh",
		}},
		{"target twice", func(m *Mesh) { m.Routes[1].Targets[1].Node = "reviews-v1" }, []string{
			"route reviews/primary: targets[1].node reviews-v1: is listed once",
		}},
		{"target port", func(m *Mesh) { m.Routes[1].Targets[1].Port = 81 }, []string{
			"route reviews/primary: targets[1].port 81: is a port that node reviews-v2 listens on",
		}},
		{"target protocol", func(m *Mesh) { m.Routes[1].Targets[1] = WeightedTarget{Node: "store", Weight: 1} }, []string{
			"route reviews/primary: targets[1].node store: speaks tcp there, which a http route cannot use",
		}},
		{"target without listeners", func(m *Mesh) { m.Nodes[2].Listeners = nil }, []string{
			"route reviews/primary: targets[1].node reviews-v2: is a virtual node with a listener",
		}},
		{"retry", func(m *Mesh) {
			*m.Routes[1].Retry = Retry{MaxRetries: -1, PerRetryTimeout: Duration(-time.Second), HTTPEvents: []string{"5xx", "5xx"}, GRPCEvents: []string{"internal"}}
		}, []string{
			"route reviews/primary: retry.maxRetries -1: is from 0 to 100",
			"route reviews/primary: retry.perRetryTimeout -1s: is 0s (no limit) or from 1ms to 168h0m0s",
			"route reviews/primary: retry.httpRetryEvents[0] 5xx: is server-error, gateway-error, client-error or stream-error",
			"route reviews/primary: retry.httpRetryEvents[1] 5xx: is server-error, gateway-error, client-error or stream-error",
			"route reviews/primary: retry.httpRetryEvents[1] 5xx: is listed once",
			"route reviews/primary: retry.grpcRetryEvents are for grpc routes only",
		}},
		{"retry on nothing", func(m *Mesh) { *m.Routes[1].Retry = Retry{MaxRetries: 1} }, []string{
			"route reviews/primary: retry names at least one event to retry on",
		}},
		{"tcp gateway", func(m *Mesh) { m.Gateways[0].Listeners[0].Protocol = TCP }, []string{
			"gateway ingress: listeners[0].protocol tcp: is http, http2 or grpc",
			"gateway-route ingress/all: protocol http: is the protocol of a listener of the gateway",
		}},
		{"gateway outliers", func(m *Mesh) { m.Gateways[0].Listeners[0].OutlierDetection = &OutlierDetection{} }, []string{
			"gateway ingress: listeners[0].outlierDetection is left out on a gateway, whose callers are outside the mesh",
		}},
		{"gateway route ends", func(m *Mesh) {
			m.GatewayRoutes[0].Gateway = "egress"
			m.GatewayRoutes[0].Target.Service = "nope"
		}, []string{
			"gateway-route egress/all: gateway egress: is a virtual gateway of the mesh",
			"gateway-route egress/all: target.service nope: is a virtual service of the mesh",
		}},
		{"host match", func(m *Mesh) { m.GatewayRoutes[0].Match.Hostname.Exact = "a.b" }, []string{
			"gateway-route ingress/all: match.hostname has exactly one of exact and suffix",
		}},
		{"suffix", func(m *Mesh) { m.GatewayRoutes[0].Match.Hostname.Suffix = "example.com" }, []string{
			"gateway-route ingress/all: match.hostname.suffix example.com: is the end of a host name and starts with a dot, as in .example.com",
		}},
		{"rewrite prefix", func(m *Mesh) { m.GatewayRoutes[0].Rewrite.Prefix = "v1" }, []string{
			"gateway-route ingress/all: rewrite.prefix v1: starts with /",
			"gateway-route ingress/all: rewrite.prefix v1: ends with /",
		}},
		{"rewrite path", func(m *Mesh) { m.GatewayRoutes[0].Rewrite.Path = "/x" }, []string{
			"gateway-route ingress/all: rewrite.path /x: needs match.path, which it replaces",
			"gateway-route ingress/all: rewrite has one of keepPrefix, prefix and path at most",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := sample()
			c.edit(&m)
			expect(t, m.Validate(), c.wants)
			expect(t, m.ValidateChanged(Diff(sample(), m)), c.wants) // the rest of the sample is in order
		})
	}
}

// expect compares an error's violations with what is wanted.
func expect(t *testing.T, err error, wants []string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != Invalid {
		t.Fatalf("got %v, want an error with code invalid", err)
	}
	var got []string
	for _, v := range e.Violations {
		got = append(got, strings.Replace(v.String(), "  ", " ", 1))
	}
	if diff := cmp.Diff(wants, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("the error is not one line: %q", err)
	}
}

func TestMatchShapes(t *testing.T) {
	target := []WeightedTarget{{Node: "n", Weight: 1}}
	cases := []struct {
		name  string
		route Route
		wants []string
	}{
		{"grpc", Route{Router: "r", Name: "x", Protocol: GRPC, Match: Match{RPC: "Get", Prefix: "/"}, Targets: target}, []string{
			"route r/x: match.prefix is for http and http2 only",
			"route r/x: match.rpc Get: needs match.service, the service that has the method",
		}},
		{"tcp", Route{Router: "r", Name: "x", Protocol: TCP, Match: Match{Method: "GET", Headers: []ValueMatch{{Name: "a"}}}, Targets: target, Retry: &Retry{}}, []string{
			"route r/x: match.method is for http and http2 only",
			"route r/x: match.headers are not for tcp, which matches on the port only",
			"route r/x: retry is left out for tcp, which has no requests to repeat",
		}},
		{"eleven targets", Route{Router: "r", Name: "x", Protocol: TCP, Targets: make([]WeightedTarget, 11)}, []string{
			"route r/x: targets 11: are 1 to 10",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, ValidateObject(c.route), c.wants) })
	}
	for _, ok := range []Route{
		{Router: "r", Name: "x", Protocol: GRPC, Match: Match{Service: "pkg.Service", RPC: "Get", Headers: []ValueMatch{{Name: "tenant", Exact: "a"}}}, Targets: target},
		{Router: "r", Name: "x", Protocol: TCP, Match: Match{Port: 80}, Targets: target},
	} {
		if err := ValidateObject(ok); err != nil {
			t.Error(err)
		}
	}
}

func TestValidateIsBounded(t *testing.T) {
	m := Mesh{Name: "big"}
	for i := range 5000 {
		m.Nodes = append(m.Nodes, VirtualNode{Name: fmt.Sprintf("n.%d", i)})
	}
	var e *Error
	if !errors.As(m.Validate(), &e) || len(e.Violations) != 100 {
		t.Fatalf("got %d violations, want 100", len(e.Violations))
	}
	if want := "mesh big is not valid (5000 rules broken, the first 100 are listed)"; e.Message != want {
		t.Errorf("got %q, want %q", e.Message, want)
	}
}
