package mesh

import (
	"fmt"
	"slices"
	"strings"
)

func (c *checker) router(r VirtualRouter) {
	c.name("name", r.Name)
	switch n := len(r.Listeners); {
	case n == 0:
		c.fail("listeners", nil, "are at least one")
	case n > maxListeners:
		c.fail("listeners", n, fmt.Sprintf("are at most %d", maxListeners))
		return
	}
	ports := make(map[int]bool)
	for i, l := range r.Listeners {
		at := fmt.Sprintf("listeners[%d].", i)
		c.port(at+"port", l.Port)
		c.protocol(at+"protocol", l.Protocol, true)
		if ports[l.Port] {
			c.fail(at+"port", l.Port, "is used by one listener")
		}
		ports[l.Port] = true
	}
}

func (c *checker) route(r Route) {
	c.name("router", r.Router)
	c.name("name", r.Name)
	c.protocol("protocol", r.Protocol, true)
	c.between("priority", r.Priority, 0, maxPriority)
	c.match(r.Match, r.Protocol)
	if r.Match.Hostname != nil {
		c.fail("match.hostname", nil, "is for gateway routes only")
	}
	if r.Split != "" {
		c.name("split", r.Split)
	}
	if r.Split == "" || len(r.Targets) > 0 { // without them, With fills in the split's
		c.targets(r.Targets)
	}
	c.timeout("timeout.", r.Timeout, r.Protocol)
	if r.Retry != nil {
		c.retry(*r.Retry, r.Protocol)
	}
	c.health(r.Health, false)
	c.guard(r.Guard)
}

func (c *checker) targets(list []WeightedTarget) {
	if len(list) == 0 || len(list) > maxTargets {
		c.fail("targets", len(list), fmt.Sprintf("are 1 to %d", maxTargets))
		return
	}
	seen, sum, sound := make(map[string]bool), 0, true
	for i, t := range list {
		at := fmt.Sprintf("targets[%d].", i)
		c.name(at+"node", t.Node)
		c.optionalPort(at+"port", t.Port)
		c.between(at+"weight", t.Weight, 0, maxWeight)
		if seen[t.Node] {
			c.fail(at+"node", t.Node, "is listed once")
		}
		seen[t.Node] = true
		sound = sound && t.Weight >= 0 && t.Weight <= maxWeight
		sum += t.Weight
	}
	if sound && sum == 0 {
		c.fail("targets", nil, "have weights that sum to more than 0: as they are, nothing would receive the traffic")
	}
}

func (c *checker) retry(r Retry, protocol Protocol) {
	if protocol == TCP {
		c.fail("retry", nil, "is left out for tcp, which has no requests to repeat")
		return
	}
	c.between("retry.maxRetries", r.MaxRetries, 0, 100)
	c.limit("retry.perRetryTimeout", &r.PerRetryTimeout)
	c.events("retry.httpRetryEvents", r.HTTPEvents, "server-error", "gateway-error", "client-error", "stream-error")
	c.events("retry.tcpRetryEvents", r.TCPEvents, "connection-error")
	c.events("retry.grpcRetryEvents", r.GRPCEvents, "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
	if protocol != GRPC && len(r.GRPCEvents) > 0 {
		c.fail("retry.grpcRetryEvents", nil, "are for grpc routes only")
	}
	if len(r.HTTPEvents)+len(r.TCPEvents)+len(r.GRPCEvents) == 0 {
		c.fail("retry", nil, "names at least one event to retry on")
	}
}

func (c *checker) events(field string, list []string, known ...string) {
	if len(list) > len(known) {
		c.fail(field, len(list), fmt.Sprintf("are at most %d, each listed once", len(known)))
		return
	}
	seen := make(map[string]bool)
	for i, e := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.oneOf(at, e, known...)
		if seen[e] {
			c.fail(at, e, "is listed once")
		}
		seen[e] = true
	}
}

// match checks the shape that a protocol's matches have.
func (c *checker) match(m Match, protocol Protocol) {
	c.optionalPort("match.port", m.Port)
	http, grpc := protocol == HTTP || protocol == HTTP2, protocol == GRPC
	c.suited(m, protocol)
	if http {
		c.httpMatch(m)
	}
	if grpc {
		c.grpcMatch(m)
	}
	if http || grpc {
		c.conditions("match.headers", m.Headers, true)
		c.conditions("match.queryParameters", m.QueryParameters, false)
	}
}

// suited refuses the fields that mean nothing to a protocol.
func (c *checker) suited(m Match, protocol Protocol) {
	http, grpc := protocol == HTTP || protocol == HTTP2, protocol == GRPC
	fields := []struct {
		name  string
		set   bool
		right bool
		rule  string
	}{
		{"prefix", m.Prefix != "", http, "is for http and http2 only"},
		{"path", m.Path != nil, http, "is for http and http2 only"},
		{"method", m.Method != "", http, "is for http and http2 only"},
		{"scheme", m.Scheme != "", http, "is for http and http2 only"},
		{"queryParameters", len(m.QueryParameters) > 0, http, "are for http and http2 only"},
		{"headers", len(m.Headers) > 0, http || grpc, "are not for tcp, which matches on the port only"},
		{"service", m.Service != "", grpc, "is for grpc only"},
		{"rpc", m.RPC != "", grpc, "is for grpc only"},
	}
	for _, f := range fields {
		if f.set && !f.right {
			c.fail("match."+f.name, nil, f.rule)
		}
	}
}

func (c *checker) httpMatch(m Match) {
	switch {
	case m.Prefix == "" && m.Path == nil:
		c.fail("match", nil, "has a prefix or a path; prefix / matches everything")
	case m.Prefix != "" && m.Path != nil:
		c.fail("match.path", nil, "is left out when there is a prefix")
	}
	if m.Prefix != "" {
		c.path("match.prefix", m.Prefix)
	}
	if m.Path != nil {
		c.pathMatch(*m.Path)
	}
	if m.Method != "" {
		c.oneOf("match.method", m.Method, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
	}
	if m.Scheme != "" {
		c.oneOf("match.scheme", m.Scheme, "http", "https")
	}
}

func (c *checker) pathMatch(p PathMatch) {
	if (p.Exact == "") == (p.Regex == "") {
		c.fail("match.path", nil, "has exactly one of exact and regex")
	}
	if p.Exact != "" {
		c.path("match.path.exact", p.Exact)
	}
	if p.Regex != "" {
		c.regex("match.path.regex", p.Regex)
	}
}

func (c *checker) grpcMatch(m Match) {
	if m.Service != "" {
		c.text("match.service", m.Service, maxText)
		if !isHost(m.Service) {
			c.fail("match.service", m.Service, "is a gRPC service's full name, as in package.Service")
		}
	}
	if m.RPC == "" {
		return
	}
	c.name("match.rpc", m.RPC)
	if m.Service == "" {
		c.fail("match.rpc", m.RPC, "needs match.service, the service that has the method")
	}
}

// conditions checks header (or metadata) matches, or query parameter matches, which know less.
func (c *checker) conditions(field string, list []ValueMatch, headers bool) {
	if len(list) > maxConditions {
		c.fail(field, len(list), fmt.Sprintf("are at most %d", maxConditions))
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.conditionName(at+".name", v.Name, headers)
		if n := v.ways(); n > 1 {
			c.fail(at, nil, "has one way to match the value at most")
		}
		if !headers && (v.Invert || v.Prefix != "" || v.Suffix != "" || v.Regex != "" || v.Range != nil) {
			c.fail(at, nil, "matches a query parameter, which knows exact only")
			continue
		}
		c.text(at+".exact", v.Exact, maxText)
		c.text(at+".prefix", v.Prefix, maxText)
		c.text(at+".suffix", v.Suffix, maxText)
		if v.Regex != "" {
			c.regex(at+".regex", v.Regex)
		}
		if v.Range != nil && v.Range.End <= v.Range.Start {
			c.fail(at+".range", fmt.Sprintf("%d to %d", v.Range.Start, v.Range.End), "has an end above its start")
		}
	}
}

// ways counts how many ways to match the value are set.
func (v ValueMatch) ways() int {
	n := 0
	for _, set := range []bool{v.Exact != "", v.Prefix != "", v.Suffix != "", v.Regex != "", v.Range != nil} {
		if set {
			n++
		}
	}
	return n
}

// conditionName checks the name of a header (RFC 9110's token) or of a query parameter.
func (c *checker) conditionName(field, s string, header bool) {
	const most = 50
	switch {
	case s == "":
		c.fail(field, nil, "is required")
	case len(s) > most:
		c.fail(field, s, fmt.Sprintf("is at most %d characters", most))
	case header && strings.ContainsFunc(s, func(r rune) bool { return !isNameRune(r) && !strings.ContainsRune("!#$%&'*+.^`|~", r) }):
		c.fail(field, s, "is a header's name")
	default:
		c.text(field, s, most)
	}
}

// route checks a route against its router and its targets' nodes.
func (x index) route(c *checker, r Route) {
	if router, ok := x.routers[r.Router]; ok {
		routerPort(c, r, router)
	} else if r.Router != "" {
		c.fail("router", r.Router, "is a virtual router of the mesh")
	}
	s, ok := x.splits[r.Split]
	switch {
	case r.Split == "":
	case !ok:
		c.fail("split", r.Split, "is a split of the mesh")
		return
	case len(r.Targets) > 0 && !slices.Equal(r.Targets, s.Targets):
		c.fail("targets", nil, "are those of split "+shorten(r.Split)+", or left out")
	}
	for i, t := range r.Targets {
		if n, ok := x.nodes[t.Node]; ok {
			target(c, i, r, n)
		} else if t.Node != "" && r.Split == "" { // of a split's targets, the split speaks
			c.fail(fmt.Sprintf("targets[%d].node", i), t.Node, "is a virtual node of the mesh")
		}
	}
}

// splitTargets checks that a split leads to what exists; whether the protocol suits is known by each route.
func (x index) splitTargets(c *checker, s Split) {
	for i, t := range s.Targets {
		if _, ok := x.nodes[t.Node]; !ok && t.Node != "" {
			c.fail(fmt.Sprintf("targets[%d].node", i), t.Node, "is a virtual node of the mesh")
		}
	}
}

// routerPort checks that the route belongs to a listener of its router.
func routerPort(c *checker, r Route, router VirtualRouter) {
	if r.Match.Port == 0 && len(router.Listeners) > 1 {
		c.fail("match.port", nil, "is required: the router has several listeners")
		return
	}
	var spoken []string
	for _, l := range router.Listeners {
		if r.Match.Port != 0 && l.Port != r.Match.Port {
			continue
		}
		if l.Protocol == r.Protocol {
			return
		}
		spoken = append(spoken, string(l.Protocol))
	}
	switch {
	case len(spoken) > 0:
		c.fail("protocol", r.Protocol, "is its router's listener's, which is "+orList(spoken))
	case r.Match.Port != 0:
		c.fail("match.port", r.Match.Port, "is a port that the router listens on")
	}
}

// target checks that the node of a route's target has a listener that the route can use.
func target(c *checker, i int, r Route, n VirtualNode) {
	t := r.Targets[i]
	at := func(field string) string { return fmt.Sprintf("targets[%d].%s", i, field) }
	if len(n.Listeners) == 0 {
		c.fail(at("node"), t.Node, "is a virtual node with a listener")
		return
	}
	if t.Port == 0 && len(n.Listeners) > 1 {
		c.fail(at("port"), nil, "is required: node "+shorten(n.Name)+" has several listeners")
		return
	}
	for _, l := range n.Listeners {
		if t.Port != 0 && l.Port != t.Port {
			continue
		}
		if !suits(r.Protocol, l.Protocol) {
			c.fail(at("node"), t.Node, fmt.Sprintf("speaks %s there, which a %s route cannot use", l.Protocol, r.Protocol))
		}
		return
	}
	c.fail(at("port"), t.Port, "is a port that node "+shorten(n.Name)+" listens on")
}
