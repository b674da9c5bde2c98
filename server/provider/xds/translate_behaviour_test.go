package xds

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestEnvoyRetries counts the attempts that reach the upstream.
func TestEnvoyRetries(t *testing.T) {
	c, _ := startClient(t, `
name: m
nodes:
- {name: client, backends: [{service: web}, {service: direct}]}
`+httpNodes("v1")+`
services: [{name: direct, node: v1}, {name: web, router: web}]
routers: [{name: web, listeners: [{port: 80, protocol: http}]}]
routes:
- {router: web, name: default, protocol: http, match: {prefix: /default}, targets: [{node: v1, weight: 1}]}
- {router: web, name: server, protocol: http, match: {prefix: /server}, targets: [{node: v1, weight: 1}], retry: {maxRetries: 4, perRetryTimeout: 15s, httpRetryEvents: [server-error]}}
- {router: web, name: gateway, protocol: http, match: {prefix: /gateway}, targets: [{node: v1, weight: 1}], retry: {maxRetries: 4, perRetryTimeout: 15s, httpRetryEvents: [gateway-error]}}
- {router: web, name: client, protocol: http, match: {prefix: /client}, targets: [{node: v1, weight: 1}], retry: {maxRetries: 4, perRetryTimeout: 15s, httpRetryEvents: [client-error]}}
- {router: web, name: never, protocol: http, match: {prefix: /never}, targets: [{node: v1, weight: 1}], retry: {maxRetries: 0, perRetryTimeout: 15s, httpRetryEvents: [server-error]}}
- {router: web, name: slow, protocol: http, match: {prefix: /slow}, targets: [{node: v1, weight: 1}], timeout: {perRequest: 0s}, retry: {maxRetries: 2, perRetryTimeout: 100ms, httpRetryEvents: [gateway-error]}}
`, []string{"v1"})
	for _, tc := range []struct {
		host, path, fails, status string
		want, attempts            int
	}{
		{"web", "/default", "2", "503", 200, 3},
		{"direct", "/", "2", "503", 200, 3},
		{"web", "/default", "3", "503", 503, 3},
		{"web", "/default", "1", "500", 500, 1},
		{"web", "/server", "4", "511", 200, 5},
		{"web", "/server", "1", "500", 200, 2},
		{"web", "/server", "1", "409", 409, 1},
		{"web", "/gateway", "1", "504", 200, 2},
		{"web", "/gateway", "1", "500", 500, 1},
		{"web", "/client", "1", "409", 200, 2},
		{"web", "/client", "1", "503", 503, 1},
		{"web", "/never", "1", "503", 503, 1},
	} {
		t.Run(fmt.Sprintf("%s%s/%s/%s", tc.host, tc.path, tc.status, tc.fails), func(t *testing.T) {
			got := call{host: tc.host, path: tc.path, header: []string{"x-fail-times: " + tc.fails, "x-fail-status: " + tc.status}}.do(t, c.egress)
			attempts := got.echoed.Attempts
			if got.status != 200 {
				_, _ = fmt.Sscan(got.reply.Get("x-attempts"), &attempts)
			}
			if got.status != tc.want || attempts != tc.attempts {
				t.Errorf("status %d after %d attempts, want %d after %d", got.status, attempts, tc.want, tc.attempts)
			}
		})
	}
	t.Run("per try", func(t *testing.T) {
		start := time.Now()
		call{host: "web", path: "/slow", header: []string{"x-wait: 1m"}}.do(t, c.egress).expect(t, "504")
		if took := time.Since(start); took < 300*time.Millisecond || took > 20*time.Second {
			t.Errorf("three attempts of 100 ms took %s", took)
		}
	})
}

// TestEnvoyRetriesElsewhere has one good instance among bad ones: a retry goes to another instance than the first try.
func TestEnvoyRetriesElsewhere(t *testing.T) {
	c, _ := startClient(t, `
name: m
nodes:
- {name: client, backends: [{service: web}]}
- {name: web, listeners: [{port: 80, protocol: http}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {good}}, {address: 127.0.0.1, port: {closed}}]}}
services: [{name: web, node: web}]
`, []string{"good"}, "closed")
	for range 20 {
		call{host: "web", path: "/"}.do(t, c.egress).expect(t, "good")
	}
}

// TestEnvoyTimeouts compares a request's limit on the route with one that is switched off.
func TestEnvoyTimeouts(t *testing.T) {
	c, _ := startClient(t, `
name: m
nodes:
- {name: client, backends: [{service: web}]}
`+httpNodes("v1")+`
services: [{name: web, router: web}]
routers: [{name: web, listeners: [{port: 80, protocol: http}]}]
routes:
- {router: web, name: short, protocol: http, match: {prefix: /short}, targets: [{node: v1, weight: 1}], timeout: {perRequest: 100ms}}
- {router: web, name: idle, protocol: http, match: {prefix: /idle}, targets: [{node: v1, weight: 1}], timeout: {perRequest: 0s, idle: 100ms}}
- {router: web, name: none, protocol: http, match: {prefix: /none}, targets: [{node: v1, weight: 1}], timeout: {perRequest: 0s, idle: 0s}}
`, []string{"v1"})
	call{host: "web", path: "/short", header: []string{"x-wait: 1m"}}.do(t, c.egress).expect(t, "504")
	call{host: "web", path: "/idle", header: []string{"x-wait: 1m"}}.do(t, c.egress).expect(t, "504")
	call{host: "web", path: "/none", header: []string{"x-wait: 300ms"}}.do(t, c.egress).expect(t, "v1")
}

// TestEnvoyPool fills the pool in front of the application one by one (Envoy counts a request as pending while its
// connection opens): two requests run, one waits, and what exceeds that is turned away at once.
func TestEnvoyPool(t *testing.T) {
	c, ports := startClient(t, `
name: m
nodes:
- name: client
  listeners: [{port: {app}, protocol: http, connectionPool: {maxConnections: 2, maxPendingRequests: 1}, timeout: {perRequest: 0s}}]
  serviceDiscovery: {registration: {}}
`, []string{"app"}, "ingress")
	app := c.echoes["app"]
	release := app.pause()
	defer release()
	statuses := make(chan call, 8)
	send := func() {
		statuses <- call{host: "any", path: "/"}.do(t, ports["ingress"])
	}
	deadline := time.Now().Add(time.Minute)
	for running := 1; running <= 2; running++ {
		go send()
		for app.seen() < running {
			if time.Now().After(deadline) {
				t.Fatalf("request %d does not reach the application", running)
			}
			time.Sleep(time.Millisecond)
		}
	}
	for range 6 {
		go send()
	}
	for range 5 {
		if got := <-statuses; got.status != 503 || got.reply.Get("x-envoy-overloaded") != "true" {
			t.Errorf("the first five answers include %d %q, want those that were turned away", got.status, got.text)
		}
	}
	release()
	for range 3 {
		(<-statuses).expect(t, "app")
	}
}

// TestEnvoyIngressTimeout cuts a request at the listener's limit.
func TestEnvoyIngressTimeout(t *testing.T) {
	_, ports := startClient(t, `
name: m
nodes:
- {name: client, listeners: [{port: {app}, protocol: http, timeout: {perRequest: 100ms}}], serviceDiscovery: {registration: {}}}
`, []string{"app"}, "ingress")
	call{host: "any", path: "/", header: []string{"x-wait: 1m"}}.do(t, ports["ingress"]).expect(t, "504")
	call{host: "any", path: "/a//b", header: []string{"x-wait: 1ms"}}.do(t, ports["ingress"]).expect(t, "app")
}

// TestEnvoyAllowAll calls a host that no object of the mesh names.
func TestEnvoyAllowAll(t *testing.T) {
	text := `
name: m
egressFilter: %s
nodes:
- {name: client, backends: [{service: web}]}
` + httpNodes("v1") + `
services: [{name: web, node: v1}]
`
	outside := startEcho(t, "outside")
	host := loopbackPort(outside.port(t))
	allow, _ := startClient(t, fmt.Sprintf(text, "ALLOW_ALL"), []string{"v1"})
	call{host: host, path: "/"}.do(t, allow.egress).expect(t, "outside")
	call{host: "web", path: "/"}.do(t, allow.egress).expect(t, "v1")
	drop, _ := startClient(t, fmt.Sprintf(text, "DROP_ALL"), []string{"v1"})
	got := call{host: host, path: "/"}.do(t, drop.egress)
	got.expect(t, "404")
	if want := "weir: node client has no backend for this host, or its service no route for this request\n"; got.text != want {
		t.Errorf("the 404 says %q, want %q", got.text, want)
	}
}

// TestEnvoyTCP counts connections to a TCP service's versions.
func TestEnvoyTCP(t *testing.T) {
	v1, v2 := startTCP(t, "v1"), startTCP(t, "v2")
	_, ports := startClient(t, fmt.Sprintf(`
name: m
nodes:
- {name: client, backends: [{service: db, localPort: {local}}]}
- {name: db-v1, listeners: [{port: 5432, protocol: tcp}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: %d}]}}
- {name: db-v2, listeners: [{port: 5432, protocol: tcp}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: %d}]}}
services: [{name: db, router: db}]
routers: [{name: db, listeners: [{port: 5432, protocol: tcp}]}]
routes:
- {router: db, name: all, protocol: tcp, targets: [{node: db-v1, weight: 1}, {node: db-v2, weight: 1}]}
`, v1, v2), nil, "local")
	counts := map[string]int{}
	for range 100 {
		counts[readTCP(t, ports["local"])]++
	}
	if counts["v1"] < 20 || counts["v2"] < 20 || counts["v1"]+counts["v2"] != 100 {
		t.Errorf("100 connections went to %v", counts)
	}
}

// startTCP listens and says its name to every connection.
func startTCP(t *testing.T, name string) (port int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, name)
			_ = c.Close()
		}
	}()
	return portOf(t, l.Addr())
}

func readTCP(t *testing.T, port int) string {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", loopbackPort(port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
