package xds

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
)

// routeMatch translates a match. The order in which matches are tried is the list's that they stand in.
func routeMatch(m mesh.Match, protocol mesh.Protocol) *routev3.RouteMatch {
	match := &routev3.RouteMatch{}
	switch {
	case m.Path != nil && m.Path.Exact != "":
		match.PathSpecifier = &routev3.RouteMatch_Path{Path: m.Path.Exact}
	case m.Path != nil:
		match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: regex(m.Path.Regex)}
	case m.Service != "" && m.RPC != "":
		match.PathSpecifier = &routev3.RouteMatch_Path{Path: "/" + m.Service + "/" + m.RPC}
	case m.Service != "":
		match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/" + m.Service + "/"}
	case m.Prefix != "":
		match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: m.Prefix}
	default:
		match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/"}
	}
	if protocol == mesh.GRPC {
		match.Grpc = &routev3.RouteMatch_GrpcRouteMatchOptions{}
	}
	if m.Method != "" {
		match.Headers = append(match.Headers, headerMatch(mesh.ValueMatch{Name: ":method", Exact: m.Method}))
	}
	if m.Scheme != "" {
		match.Headers = append(match.Headers, headerMatch(mesh.ValueMatch{Name: ":scheme", Exact: m.Scheme}))
	}
	for _, v := range m.Headers {
		match.Headers = append(match.Headers, headerMatch(v))
	}
	for _, v := range m.QueryParameters {
		match.QueryParameters = append(match.QueryParameters, queryMatch(v))
	}
	return match
}

// headerMatch translates one condition on a header. Without a way to match, the header has to be there. An inverted
// condition on a value does not hold for a request without the header either: App Mesh left that to Envoy, and its users'
// routes rely on it.
func headerMatch(v mesh.ValueMatch) *routev3.HeaderMatcher {
	h := &routev3.HeaderMatcher{Name: strings.ToLower(v.Name), InvertMatch: v.Invert}
	if v.Range != nil {
		h.HeaderMatchSpecifier = &routev3.HeaderMatcher_RangeMatch{RangeMatch: &typev3.Int64Range{Start: v.Range.Start, End: v.Range.End}}
	} else if s := stringMatch(v); s != nil {
		h.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: s}
	} else {
		h.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
	}
	return h
}

func queryMatch(v mesh.ValueMatch) *routev3.QueryParameterMatcher {
	q := &routev3.QueryParameterMatcher{Name: v.Name}
	if s := stringMatch(v); s != nil {
		q.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_StringMatch{StringMatch: s}
	} else {
		q.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true}
	}
	return q
}

// stringMatch is nil when the value does not matter.
func stringMatch(v mesh.ValueMatch) *matcherv3.StringMatcher {
	switch {
	case v.Exact != "":
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: v.Exact}}
	case v.Prefix != "":
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: v.Prefix}}
	case v.Suffix != "":
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: v.Suffix}}
	case v.Regex != "":
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: regex(v.Regex)}}
	}
	return nil
}

// regex is RE2, which is what Envoy runs; it has to match the whole value.
func regex(expression string) *matcherv3.RegexMatcher {
	return &matcherv3.RegexMatcher{Regex: expression}
}

// retryEvent is what one of App Mesh's retry events means to Envoy.
type retryEvent struct {
	conditions []string
	codes      []uint32
}

// retryEvents translates App Mesh's names of events; gRPC's are Envoy's already.
func retryEvents(name string) retryEvent {
	switch name {
	case "server-error":
		return retryEvent{[]string{"reset"}, []uint32{500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511}}
	case "gateway-error":
		return retryEvent{[]string{"reset"}, []uint32{502, 503, 504}}
	case "client-error":
		return retryEvent{nil, []uint32{409}}
	case "stream-error":
		return retryEvent{[]string{"refused-stream"}, nil}
	case "connection-error":
		return retryEvent{[]string{"connect-failure"}, nil}
	default:
		return retryEvent{[]string{name}, nil}
	}
}

// retryPolicy translates a route's retries; nil means App Mesh's default. A second attempt goes to an instance that was
// not tried yet, where there is one.
func (t *translator) retryPolicy(r *mesh.Retry) *routev3.RetryPolicy {
	policy := &routev3.RetryPolicy{
		NumRetries:                    wrapperspb.UInt32(2),
		HostSelectionRetryMaxAttempts: 5,
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: t.any(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}},
	}
	conditions, codes := []string{"unavailable", "connect-failure", "refused-stream"}, []uint32{503}
	if r != nil {
		if r.MaxRetries == 0 {
			return nil
		}
		policy.NumRetries = uint32Of(r.MaxRetries)
		if r.PerRetryTimeout > 0 {
			policy.PerTryTimeout = durationOf(r.PerRetryTimeout)
		}
		conditions, codes = nil, nil
		for _, name := range slices.Concat(r.HTTPEvents, r.TCPEvents, r.GRPCEvents) {
			e := retryEvents(name)
			conditions, codes = append(conditions, e.conditions...), append(codes, e.codes...)
		}
	}
	if len(codes) > 0 {
		conditions = append(conditions, "retriable-status-codes")
		slices.Sort(codes)
		policy.RetriableStatusCodes = slices.Compact(codes)
	}
	policy.RetryOn = strings.Join(dedupe(conditions), ",")
	return policy
}

// dedupe keeps the first of equal strings, in order.
func dedupe(list []string) []string {
	var kept []string
	for _, s := range list {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}
