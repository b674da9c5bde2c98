package mesh

import (
	"fmt"
	"strings"
	"time"
)

func (c *checker) node(n VirtualNode) {
	c.name("name", n.Name)
	if n.Name == UnknownID {
		c.fail("name", n.Name, "is reserved for callers outside the mesh")
	}
	c.listeners(n.Listeners, true)
	if n.ServiceDiscovery != nil {
		c.discovery(*n.ServiceDiscovery)
	} else if len(n.Listeners) > 0 {
		c.fail("serviceDiscovery", nil, "is required when there is a listener")
	}
	c.backends(n.Backends)
}

func (c *checker) backends(backends []Backend) {
	if len(backends) > maxBackends {
		c.fail("backends", len(backends), fmt.Sprintf("are at most %d", maxBackends))
		return
	}
	services, ports := make(map[string]bool), make(map[int]bool)
	for i, b := range backends {
		at := fmt.Sprintf("backends[%d].", i)
		c.host(at+"service", b.Service)
		c.optionalPort(at+"localPort", b.LocalPort)
		if services[strings.ToLower(b.Service)] {
			c.fail(at+"service", b.Service, "is listed once")
		}
		if b.LocalPort != 0 && ports[b.LocalPort] {
			c.fail(at+"localPort", b.LocalPort, "is used by one backend")
		}
		services[strings.ToLower(b.Service)], ports[b.LocalPort] = true, true
	}
}

// listeners checks the listeners of a node, or of a gateway.
func (c *checker) listeners(list []Listener, node bool) {
	if len(list) > maxListeners {
		c.fail("listeners", len(list), fmt.Sprintf("are at most %d", maxListeners))
		return
	}
	ports := make(map[int]bool)
	for i, l := range list {
		at := fmt.Sprintf("listeners[%d].", i)
		c.port(at+"port", l.Port)
		if ports[l.Port] {
			c.fail(at+"port", l.Port, "is used by one listener")
		}
		ports[l.Port] = true
		c.protocol(at+"protocol", l.Protocol, node)
		if l.ConnectionPool != nil {
			c.pool(at+"connectionPool.", *l.ConnectionPool, l.Protocol)
		}
		if l.OutlierDetection != nil {
			c.outliers(at+"outlierDetection", *l.OutlierDetection, node)
		}
		if l.HealthCheck != nil {
			c.healthCheck(at+"healthCheck.", *l.HealthCheck, node)
		}
		c.timeout(at+"timeout.", l.Timeout, l.Protocol)
	}
}

func (c *checker) pool(at string, p ConnectionPool, protocol Protocol) {
	fields := []struct {
		name string
		n    *int
		tcp  bool
	}{
		{"maxConnections", p.MaxConnections, true},
		{"maxPendingRequests", p.MaxPendingRequests, false},
		{"maxRequests", p.MaxRequests, false},
		{"maxRetries", p.MaxRetries, false},
	}
	for _, f := range fields {
		switch {
		case f.n == nil:
		case protocol == TCP && !f.tcp:
			c.fail(at+f.name, *f.n, "is left out on a tcp listener, which has connections only")
		default:
			c.between(at+f.name, *f.n, 1, maxPool)
		}
	}
}

func (c *checker) outliers(at string, o OutlierDetection, node bool) {
	if !node {
		c.fail(at, nil, "is left out on a gateway, whose callers are outside the mesh")
		return
	}
	c.between(at+".maxServerErrors", o.MaxServerErrors, 1, maxPool)
	c.span(at+".interval", o.Interval, time.Millisecond, maxInterval)
	c.span(at+".baseEjectionTime", o.BaseEjectionTime, time.Millisecond, maxInterval)
	c.between(at+".maxEjectionPercent", o.MaxEjectionPercent, 0, 100)
}

func (c *checker) healthCheck(at string, h HealthCheck, node bool) {
	c.protocol(at+"protocol", h.Protocol, node)
	switch {
	case h.Protocol == HTTP || h.Protocol == HTTP2:
		c.path(at+"path", h.Path)
	case h.Path != "":
		c.fail(at+"path", h.Path, "is for http and http2 only")
	}
	c.optionalPort(at+"port", h.Port)
	c.span(at+"interval", h.Interval, 5*time.Second, 300*time.Second)
	c.span(at+"timeout", h.Timeout, 2*time.Second, 60*time.Second)
	c.between(at+"healthyThreshold", h.HealthyThreshold, 2, 10)
	c.between(at+"unhealthyThreshold", h.UnhealthyThreshold, 2, 10)
}

func (c *checker) timeout(at string, t *Timeout, protocol Protocol) {
	if t == nil {
		return
	}
	if protocol == TCP && t.PerRequest != nil {
		c.fail(at+"perRequest", *t.PerRequest, "is left out for tcp, which has no requests")
	} else {
		c.limit(at+"perRequest", t.PerRequest)
	}
	c.limit(at+"idle", t.Idle)
}

func (c *checker) discovery(d ServiceDiscovery) {
	ways := 0
	if d.DNS != nil {
		ways++
		c.host("serviceDiscovery.dns.hostname", d.DNS.Hostname)
		if d.DNS.ResponseType != "" {
			c.oneOf("serviceDiscovery.dns.responseType", string(d.DNS.ResponseType), string(LoadBalancer), string(Endpoints))
		}
	}
	if len(d.Endpoints) > 0 {
		ways++
		c.endpoints(d.Endpoints)
	}
	if d.Registration != nil {
		ways++
	}
	if ways != 1 {
		c.fail("serviceDiscovery", nil, "has exactly one of dns, endpoints and registration")
	}
}

func (c *checker) endpoints(list []Endpoint) {
	if len(list) > maxEndpoints {
		c.fail("serviceDiscovery.endpoints", len(list), fmt.Sprintf("are at most %d", maxEndpoints))
		return
	}
	seen := make(map[Endpoint]bool)
	for i, e := range list {
		at := fmt.Sprintf("serviceDiscovery.endpoints[%d].", i)
		c.address(at+"address", e.Address)
		c.optionalPort(at+"port", e.Port)
		if seen[e] {
			c.fail(at+"address", e.Address, "is listed once")
		}
		seen[e] = true
	}
}
