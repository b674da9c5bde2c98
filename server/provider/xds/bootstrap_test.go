package xds

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

func TestBootstrapLoadsInEnvoy(t *testing.T) {
	for name, o := range map[string]BootstrapOptions{
		"least": {Mesh: "m", Node: "cart", XDS: "127.0.0.1:18000"},
		"all": {
			Mesh: "m", Node: "cart", Instance: "1", XDS: "weir.internal:18000", Address: "127.0.1.5", Bind: "127.0.1.5", AppAddress: "127.0.2.5",
			EgressPort: 16001, IngressPorts: map[int]int{8080: 16000}, AdminPath: "/tmp/weir/cart.sock",
		},
		"gateway": {Mesh: "m", Gateway: "edge", XDS: "[::1]:18000", AdminPort: 9901},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := Bootstrap(o)
			if err != nil {
				t.Fatal(err)
			}
			envoyValidates(t, text)
			b := mustBootstrap(t, text)
			got, err := ParseIdentity(b.GetNode())
			want := Identity{
				Mesh: o.Mesh, Node: o.Node, Gateway: o.Gateway, Instance: o.Instance, NodeID: b.GetNode().GetId(),
				Address: o.Address, Bind: orElse(o.Bind, "0.0.0.0"), AppAddress: orElse(o.AppAddress, "127.0.0.1"),
				EgressPort: orElse(o.EgressPort, 15001), IngressPort: o.IngressPorts,
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Weir reads the bootstrap's node as another proxy: %v\n%s", err, diff)
			}
			again, err := Bootstrap(o)
			if err != nil || string(again) != string(text) {
				t.Errorf("a second time it is different: %v\n%s", err, cmp.Diff(string(text), string(again)))
			}
		})
	}
}

func orElse[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}

func TestBootstrapRefuses(t *testing.T) {
	good := BootstrapOptions{Mesh: "m", Node: "cart", XDS: "127.0.0.1:18000"}
	for want, change := range map[string]func(*BootstrapOptions){
		"either a virtual node or a virtual gateway": func(o *BootstrapOptions) { o.Gateway = "edge" },
		"name either a virtual node":                 func(o *BootstrapOptions) { o.Node = "" },
		"a name that is empty":                       func(o *BootstrapOptions) { o.Mesh = "" },
		"other characters":                           func(o *BootstrapOptions) { o.Node = "a b" },
		"is not understood":                          func(o *BootstrapOptions) { o.Instance = "a/b" },
		`xDS address "127.0.0.1" is not host:port`:   func(o *BootstrapOptions) { o.XDS = "127.0.0.1" },
		`xDS address ":18000" is not host:port`:      func(o *BootstrapOptions) { o.XDS = ":18000" },
		`xDS address "h:http" is not host:port`:      func(o *BootstrapOptions) { o.XDS = "h:http" },
		`xDS address "h:65536" is not host:port`:     func(o *BootstrapOptions) { o.XDS = "h:65536" },
		`address "cart.local" is not an IP address`:  func(o *BootstrapOptions) { o.Address = "cart.local" },
		"egress_port is not a port":                  func(o *BootstrapOptions) { o.EgressPort = -1 },
		"ingress_ports 80 is not a port":             func(o *BootstrapOptions) { o.IngressPorts = map[int]int{80: 0} },
		"admin port 70000 is not from 1 to 65535":    func(o *BootstrapOptions) { o.AdminPort = 70000 },
		"is longer than 107 characters":              func(o *BootstrapOptions) { o.AdminPath = "/" + strings.Repeat("x", 107) },
		"a path or a port, not both":                 func(o *BootstrapOptions) { o.AdminPort, o.AdminPath = 1, "/x" },
	} {
		o := good
		change(&o)
		if text, err := Bootstrap(o); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%s", want, err, text)
		}
	}
}

// TestBootstrapStatistics holds the statistics that a proxy reports against the names that Envoy gives them.
func TestBootstrapStatistics(t *testing.T) {
	text, err := Bootstrap(BootstrapOptions{Mesh: "m", Node: "cart", XDS: "127.0.0.1:18000"})
	if err != nil {
		t.Fatal(err)
	}
	var patterns []*regexp.Regexp
	for _, p := range mustBootstrap(t, text).GetStatsConfig().GetStatsMatcher().GetInclusionList().GetPatterns() {
		patterns = append(patterns, regexp.MustCompile(p.GetSafeRegex().GetRegex()))
	}
	cluster := "cluster." + mesh.EgressCluster("m", "cart-v2", mesh.HTTP, 80) + "."
	for name, want := range map[string]bool{
		cluster + "upstream_rq_total": true, cluster + "upstream_rq_5xx": true, cluster + "upstream_rq_503": false,
		cluster + "upstream_rq_time": true, cluster + "upstream_cx_rx_bytes_total": true, cluster + "external.upstream_rq_5xx": false,
		cluster + "outlier_detection.ejections_active": true, cluster + "circuit_breakers.default.cx_open": false,
		"cluster." + AllowAllCluster("m") + ".upstream_rq_total": true, "cluster.control_plane.upstream_rq_total": false,
		"http.ingress.downstream_rq_2xx": true, "http.egress.downstream_rq_time": true, "http.admin.downstream_rq_total": false,
		"http.ingress.no_route": true, "tcp.ingress.downstream_cx_total": true, "listener.127.0.0.1_15001.downstream_cx_total": false, "server.live": true,
	} {
		if got := slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) }); got != want {
			t.Errorf("%s: reported is %v, want %v", name, got, want)
		}
	}
}

// TestKey holds Key's promise: equal keys, equal snapshots.
func TestKey(t *testing.T) {
	for name, archive := range goldenCases(t) {
		in := goldenInput(t, archive)
		twin := in
		twin.Proxy.Instance, twin.Proxy.Address, twin.Proxy.NodeID, twin.Proxy.Version = "other", "10.9.9.9", "other", "envoy 1.41.0"
		if in.Key() != twin.Key() {
			t.Errorf("%s: proxies that differ in what does not matter have different keys", name)
		}
		a, errA := Translate(in)
		b, errB := Translate(twin)
		if (errA == nil) != (errB == nil) || errA == nil && cmp.Diff(versions(a), versions(b)) != "" {
			t.Errorf("%s: equal keys, different snapshots", name)
		}
		for what, change := range map[string]func(*Identity){
			"bind":    func(i *Identity) { i.Bind = "127.9.9.9" },
			"app":     func(i *Identity) { i.AppAddress = "127.9.9.9" },
			"egress":  func(i *Identity) { i.EgressPort = 9999 },
			"ingress": func(i *Identity) { i.IngressPort = map[int]int{80: 9999} },
			"node":    func(i *Identity) { i.Node, i.Gateway = i.Node+"x", "" },
		} {
			other := in
			change(&other.Proxy)
			if other.Key() == in.Key() {
				t.Errorf("%s: %s does not show in the key", name, what)
			}
		}
	}
}

func versions(s *Snapshot) map[string]string {
	all := map[string]string{}
	for _, resources := range s.Resources {
		for _, name := range slices.Sorted(maps.Keys(resources)) {
			all[name+" of "+resources[name].Body.GetTypeUrl()] = resources[name].Version
		}
	}
	return all
}

// Of several replicas every proxy prefers another one, and asks each whether it serves.
func TestBootstrapOfReplicas(t *testing.T) {
	o := BootstrapOptions{Mesh: "m", Node: "a", XDS: "10.0.0.1:18000, 10.0.0.2:18000,weir-c.example.com:18000"}
	first := make(map[string]int)
	for i := range 300 {
		o.Instance = fmt.Sprint("i", i)
		list, err := o.servers("mesh/m/virtualNode/a/" + o.Instance)
		if err != nil {
			t.Fatal(err)
		}
		first[list[0].host]++
	}
	for host, n := range first {
		if n < 60 || len(first) != 3 {
			t.Errorf("%d of 300 proxies prefer %s", n, host)
		}
	}
	text, err := Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"STRICT_DNS", "grpc_health_check", "close_connections_on_host_health_failure: true", "priority: 2"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("there is no %s in\n%s", part, text)
		}
	}
	for xds, want := range map[string]string{
		"a:1,a:1": "given twice", "a:1,unix:/run/weir.sock": "a Unix socket leads to one Weir", "a:1,": "not host:port",
		strings.Repeat("a:1,", 9) + "b:1": "more than 9",
	} {
		o.XDS = xds
		if _, err := Bootstrap(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", xds, err)
		}
	}
}
