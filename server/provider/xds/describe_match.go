package xds

import (
	"fmt"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/weirmesh/weir/server/provider"
)

// describeMatch lists what a call has to have.
func describeMatch(m *routev3.RouteMatch) []provider.Condition {
	list := []provider.Condition{}
	path := func(how, value string) { list = append(list, provider.Condition{On: "path", How: how, Value: value}) }
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		path("prefix", p.Prefix)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		path("prefix", p.PathSeparatedPrefix)
	case *routev3.RouteMatch_Path:
		path("exact", p.Path)
	case *routev3.RouteMatch_SafeRegex:
		path("regex", p.SafeRegex.GetRegex())
	}
	if m.GetGrpc() != nil {
		list = append(list, provider.Condition{On: "grpc", How: "present"})
	}
	for _, h := range m.GetHeaders() {
		list = append(list, describeHeader(h))
	}
	for _, q := range m.GetQueryParameters() {
		c := provider.Condition{On: "query", Name: q.GetName(), How: "present"}
		if s := q.GetStringMatch(); s != nil {
			c.How, c.Value = describeString(s)
		}
		list = append(list, c)
	}
	return list
}

// describeHeader says what a header has to be; the method and the scheme are headers to Envoy.
func describeHeader(h *routev3.HeaderMatcher) provider.Condition {
	c := provider.Condition{On: "header", Name: h.GetName(), How: "present", Not: h.GetInvertMatch()}
	switch h.GetName() {
	case ":method":
		c.On, c.Name = "method", ""
	case ":scheme":
		c.On, c.Name = "scheme", ""
	}
	switch m := h.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_StringMatch:
		c.How, c.Value = describeString(m.StringMatch)
	case *routev3.HeaderMatcher_RangeMatch:
		c.How, c.Value = "range", fmt.Sprintf("%d … %d", m.RangeMatch.GetStart(), m.RangeMatch.GetEnd()-1)
	}
	return c
}

func describeString(s *matcherv3.StringMatcher) (how, value string) {
	switch p := s.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return "exact", p.Exact
	case *matcherv3.StringMatcher_Prefix:
		return "prefix", p.Prefix
	case *matcherv3.StringMatcher_Suffix:
		return "suffix", p.Suffix
	case *matcherv3.StringMatcher_SafeRegex:
		return "regex", p.SafeRegex.GetRegex()
	case *matcherv3.StringMatcher_Contains:
		return "contains", p.Contains
	}
	return "present", ""
}
