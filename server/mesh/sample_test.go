package mesh_test

import (
	"time"

	. "github.com/weirmesh/weir/server/mesh"
)

// sample is a small valid mesh with one object of every kind and nearly every field set.
func sample() Mesh {
	n := func(i int) *int { return &i }
	d := func(t time.Duration) *Duration { v := Duration(t); return &v }
	share := func(f float64) *float64 { return &f }
	return Mesh{
		Name:         "shop",
		EgressFilter: DropAll,
		Health: &HealthLimits{
			DegradedErrors: share(0.02), UnhealthyP95: d(5 * time.Second), MinRequests: n(0),
			Objective: &Objective{Availability: 0.999},
		},
		Nodes: []VirtualNode{
			{
				Name:             "front",
				Listeners:        []Listener{{Port: 8080, Protocol: HTTP}},
				ServiceDiscovery: &ServiceDiscovery{DNS: &DNSDiscovery{Hostname: "front.local", ResponseType: Endpoints}},
				Backends:         []Backend{{Service: "reviews"}, {Service: "not-there.yet"}},
			},
			{
				Name: "reviews-v1",
				Listeners: []Listener{{
					Port: 8080, Protocol: HTTP,
					ConnectionPool:   &ConnectionPool{MaxConnections: n(100), MaxPendingRequests: n(50)},
					OutlierDetection: &OutlierDetection{MaxServerErrors: 5, Interval: Duration(10 * time.Second), BaseEjectionTime: Duration(30 * time.Second), MaxEjectionPercent: 50},
					HealthCheck:      &HealthCheck{Protocol: HTTP, Path: "/healthz", Interval: Duration(5 * time.Second), Timeout: Duration(2 * time.Second), HealthyThreshold: 2, UnhealthyThreshold: 3},
					Timeout:          &Timeout{PerRequest: d(time.Second), Idle: d(0)},
				}},
				ServiceDiscovery: &ServiceDiscovery{Registration: &Registration{}},
			},
			{
				Name:             "reviews-v2",
				Listeners:        []Listener{{Port: 8080, Protocol: HTTP2}},
				ServiceDiscovery: &ServiceDiscovery{Endpoints: []Endpoint{{Address: "10.0.0.7"}, {Address: "10.0.0.8", Port: 9}}},
			},
			{
				Name:             "store",
				Listeners:        []Listener{{Port: 5432, Protocol: TCP}},
				ServiceDiscovery: &ServiceDiscovery{Registration: &Registration{}},
			},
		},
		Services: []VirtualService{{Name: "empty.example"}, {Name: "reviews", Router: "reviews", Health: &HealthLimits{
			UnhealthyErrors: share(0.1), DegradedP95: d(300 * time.Millisecond), Saturation: share(0.9), MinFailures: n(5),
			Objective: &Objective{Availability: 0.995, Latency: d(300 * time.Millisecond), LatencyShare: 0.95, Period: Duration(7 * 24 * time.Hour)},
		}}, {Name: "store", Node: "store"}},
		Routers: []VirtualRouter{{Name: "reviews", Listeners: []RouterListener{{Port: 8080, Protocol: HTTP}}}},
		Routes: []Route{
			{
				Router: "reviews", Name: "admin", Protocol: HTTP, Priority: 1,
				Match: Match{
					Path: &PathMatch{Regex: "/admin/[a-z]+"}, Method: "POST",
					Headers:         []ValueMatch{{Name: "x-user", Range: &IntRange{Start: 1, End: 9}}, {Name: "x-beta", Invert: true}},
					QueryParameters: []ValueMatch{{Name: "dry", Exact: "yes"}},
				},
				Targets: []WeightedTarget{{Node: "reviews-v1", Weight: 1}},
			},
			{
				Router: "reviews", Name: "primary", Protocol: HTTP, Priority: 1,
				Match:   Match{Prefix: "/"},
				Targets: []WeightedTarget{{Node: "reviews-v1", Weight: 75}, {Node: "reviews-v2", Weight: 25, Port: 8080}},
				Timeout: &Timeout{PerRequest: d(2 * time.Second)},
				Retry:   &Retry{MaxRetries: 2, PerRetryTimeout: Duration(time.Second), HTTPEvents: []string{"gateway-error"}, TCPEvents: []string{"connection-error"}},
				Health:  &HealthLimits{DegradedErrors: share(0.005), UnhealthyErrors: share(0.02)},
			},
		},
		Gateways: []VirtualGateway{{Name: "ingress", Listeners: []Listener{{Port: 8088, Protocol: HTTP}}}},
		GatewayRoutes: []GatewayRoute{{
			Gateway: "ingress", Name: "all", Protocol: HTTP,
			Match:   Match{Prefix: "/", Hostname: &HostMatch{Suffix: ".example.com"}},
			Target:  GatewayTarget{Service: "reviews"},
			Rewrite: &Rewrite{Prefix: "/v1/"},
		}},
	}
}
