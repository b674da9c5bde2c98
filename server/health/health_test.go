package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

// flow is the traffic of a 10 s window with that many requests, of which some failed.
func flow(requests, failed float64, more ...func(*mesh.Traffic)) Evidence {
	t := mesh.Traffic{Requests: requests, RequestRate: requests / 10, Members: 2, Healthy: 2}
	t.Classes[2], t.Classes[5] = (requests-failed)/10, failed/10
	if requests > 0 {
		t.ErrorRatio = failed / requests
	}
	for _, m := range more {
		m(&t)
	}
	return Evidence{Traffic: t}
}

func pooled10(p Pool, protocol mesh.Protocol) Evidence {
	e := flow(100, 0)
	e.Pool, e.Protocol = p, protocol
	return e
}

// TestJudge has a row per rule.
func TestJudge(t *testing.T) {
	type T = mesh.Traffic
	for _, c := range []struct {
		name string
		e    Evidence
		want mesh.Health
		why  []string
	}{
		{"nobody reports", Evidence{Missing: true}, mesh.Unknown, []string{"no proxy reports about it"}},
		{"old numbers are not judged", Evidence{Traffic: flow(100, 100).Traffic, Age: 12 * time.Second}, mesh.Unknown, []string{"its proxies last reported 12 s ago"}},
		{"nothing flows", flow(0, 0), mesh.Idle, nil},
		{"a request that is still running", flow(0, 0, func(t *T) { t.Active = 1 }), mesh.Healthy, nil},
		{"an open connection", flow(0, 0, func(t *T) { t.Connections = 1 }), mesh.Healthy, nil},
		{"all is well", flow(200, 0), mesh.Healthy, nil},
		{"a few errors", flow(1000, 9), mesh.Healthy, nil},
		{"errors above the lower limit", flow(1000, 12), mesh.Degraded, []string{"1.2 % of requests fail (12 of 1000); the limit is 1 %"}},
		{"errors at the upper limit", flow(100, 5), mesh.Unhealthy, []string{"5 % of requests fail (5 of 100); the limit is 5 %"}},
		{"one of three proves nothing", flow(3, 1), mesh.Healthy, nil},
		{"two of two prove nothing", flow(2, 2), mesh.Healthy, nil},
		{"three of three do", flow(3, 3), mesh.Unhealthy, []string{"100 % of requests fail (3 of 3); the limit is 5 %"}},
		{
			"no instances", flow(50, 50, func(t *T) { t.NoHost, t.Members, t.Healthy = 5, 0, 0 }), mesh.Unhealthy,
			[]string{"it has no instances: 5.0 requests a second are refused", "100 % of requests fail (50 of 50); the limit is 5 %"},
		},
		{"instances, none healthy", flow(0, 0, func(t *T) { t.Healthy = 0 }), mesh.Unhealthy, []string{"none of its 2 instances is healthy"}},
		{
			"none healthy for a moment", flow(1000, 20, func(t *T) { t.NoHost = 2 }), mesh.Degraded,
			[]string{"no healthy instance (of 2) for 2.0 requests a second", "2 % of requests fail (20 of 1000); the limit is 1 %"},
		},
		{"ejected", flow(100, 0, func(t *T) { t.Ejected, t.Healthy = 1, 1 }), mesh.Degraded, []string{"1 of 2 instances are ejected by outlier detection"}},
		{"refused connections", flow(100, 0, func(t *T) { t.FailRate = 1 }), mesh.Unhealthy, []string{"1.0 connections a second cannot be opened"}},
		{"one refused connection", flow(1000, 0, func(t *T) { t.FailRate = 0.1 }), mesh.Healthy, nil},
		{
			"cut off", flow(100, 6, func(t *T) { t.Resets = 0.6 }), mesh.Unhealthy,
			[]string{"the destination cuts off 0.6 requests a second", "6 % of requests fail (6 of 100); the limit is 5 %"},
		},
		{
			"timeouts", flow(100, 4, func(t *T) { t.Timeouts = 0.4 }), mesh.Degraded,
			[]string{"0.4 attempts a second run into the timeout", "4 % of requests fail (4 of 100); the limit is 1 %"},
		},
		{
			"retries used up", flow(100, 10, func(t *T) { t.Exhausted = 1 }), mesh.Unhealthy,
			[]string{"1.0 requests a second fail after every retry", "10 % of requests fail (10 of 100); the limit is 5 %"},
		},
		{"a pool overflows a little", pooled10(Pool{OverflowRate: 0.1}, mesh.HTTP), mesh.Degraded, []string{"the connection pool is full: 0.1 requests a second are refused"}},
		{"a pool overflows much", pooled10(Pool{OverflowRate: 4}, mesh.HTTP), mesh.Unhealthy, []string{"the connection pool is full: 4.0 requests a second are refused"}},
		{
			"a pool nearly full of requests", pooled10(Pool{InFlight: 83, MaxConnections: 100}, mesh.HTTP), mesh.Degraded,
			[]string{"the connection pool is nearly full: 83 of 100 connections (83 %)"},
		},
		{"idle connections of HTTP/1.1 fill no pool", pooled10(Pool{Connections: 100, InFlight: 3, MaxConnections: 100}, mesh.HTTP), mesh.Healthy, nil},
		{"HTTP/2 needs few connections", pooled10(Pool{Connections: 1, InFlight: 50, MaxConnections: 1}, mesh.HTTP2), mesh.Healthy, nil},
		{
			"requests in flight", pooled10(Pool{InFlight: 9, MaxInFlight: 10, MaxConnections: 1}, mesh.GRPC), mesh.Degraded,
			[]string{"the connection pool is nearly full: 9 of 10 requests in flight (90 %)"},
		},
		{
			"TCP connections", pooled10(Pool{Connections: 10, MaxConnections: 10}, mesh.TCP), mesh.Degraded,
			[]string{"the connection pool is nearly full: 10 of 10 connections (100 %)"},
		},
		{
			"pending requests", pooled10(Pool{Pending: 45, MaxPending: 50, InFlight: 1, MaxConnections: 10}, mesh.HTTP), mesh.Degraded,
			[]string{"the connection pool is nearly full: 45 of 50 pending requests (90 %)"},
		},
		{"calls without a route", Evidence{Unrouted: 0.2}, mesh.Degraded, []string{"its proxies have no route for 0.2 calls a second"}},
		{"slow", flow(100, 0, func(t *T) { t.P95 = 1500 * time.Millisecond }), mesh.Degraded, []string{"one request in twenty takes longer than 1.5 s; the limit is 1.0 s"}},
		{"slow, but too few to say", flow(19, 0, func(t *T) { t.P95 = 9 * time.Second }), mesh.Healthy, nil},
		{
			"the worst comes first", flow(100, 10, func(t *T) { t.Ejected, t.Healthy = 1, 1 }), mesh.Unhealthy,
			[]string{"10 % of requests fail (10 of 100); the limit is 5 %", "1 of 2 instances are ejected by outlier detection"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, causes := Judge(&c.e, ptr(Default()))
			var why []string
			for _, cause := range causes {
				why = append(why, Text(cause))
				if cause.Knob == "" {
					t.Errorf("%s has no knob", cause.Code)
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if d := cmp.Diff(c.why, why); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOff says that a limit of zero is no limit.
func TestOff(t *testing.T) {
	e := flow(100, 100, func(t *mesh.Traffic) { t.P95 = time.Hour })
	e.Age = time.Hour
	e.Pool = Pool{InFlight: 10, MaxConnections: 10}
	if got, causes := Judge(&e, &Thresholds{}); got != mesh.Healthy || causes != nil {
		t.Errorf("%s %v", got, causes)
	}
	limits := Default()
	limits.FailingP95 = 2 * time.Second
	if got, causes := Judge(ptr(flow(100, 0, func(t *mesh.Traffic) { t.P95 = 2 * time.Second })), &limits); got != mesh.Unhealthy || causes[0].Values["limit"] != "2.0 s" {
		t.Errorf("%s %v", got, causes)
	}
}

// TestText says that every code has a sentence, and that a version's name stands before it.
func TestText(t *testing.T) {
	for _, code := range Codes() {
		c := Cause{Code: code, Values: map[string]string{"node": "reviews-v2"}}
		if s := Text(c); !strings.HasPrefix(s, "reviews-v2: ") || strings.Contains(s, code+":") || strings.HasSuffix(s, code) {
			t.Errorf("%s: %q", code, s)
		}
	}
	if codes := Codes(); len(slices.Compact(slices.Sorted(slices.Values(codes)))) != len(codes) {
		t.Error("a code is listed twice")
	}
}

// TestRank says that the verdicts are in order.
func TestRank(t *testing.T) {
	list := []mesh.Health{mesh.Unhealthy, mesh.Unknown, mesh.Degraded, mesh.Idle, mesh.Healthy}
	slices.SortFunc(list, func(a, b mesh.Health) int { return Rank(a) - Rank(b) })
	want := []mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy}
	if d := cmp.Diff(want, list); d != "" {
		t.Error(d)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{percent(0.052), "5.2 %"},
		{percent(0.05), "5 %"},
		{percent(0.004), "0.4 %"},
		{percent(1), "100 %"},
		{percent(0.123), "12 %"},
		{rate(74.8), "75"},
		{rate(3.42), "3.4"},
		{rate(0.04), "0.04"},
		{rate(0), "0"},
		{seconds(21 * time.Millisecond), "21 ms"},
		{seconds(1500 * time.Millisecond), "1.5 s"},
		{seconds(72 * time.Second), "72 s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
