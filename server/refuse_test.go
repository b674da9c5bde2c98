package server

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/api"
	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds"
)

// facts is all that a refused wish must not move.
type facts struct {
	Revision int64
	Mesh     mesh.Mesh
	Ledger   []string
	Running  map[string]string // by connected proxy: what it runs
}

func (s *shop) facts(t *testing.T) facts {
	t.Helper()
	current := s.current(t)
	f := facts{Revision: current.Revision, Mesh: current.Mesh, Running: make(map[string]string)}
	_, changes, err := s.client.Changes(t.Context(), change.Query{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		f.Ledger = append(f.Ledger, c.ID+" "+string(c.State))
	}
	for id, p := range s.proxies(t) {
		if p.Connected() {
			f.Running[id] = fmt.Sprint(p.State, versions(p))
		}
	}
	return f
}

// versions is what a proxy runs, by type.
func versions(p provider.Proxy) map[string]string {
	all := make(map[string]string)
	for _, r := range p.Resources {
		all[r.Type] = r.Acked
	}
	return all
}

// manyNodes is a definition that is sound but for its size.
func manyNodes(size int) string {
	var b strings.Builder
	b.WriteString("mesh: " + sample + "\nnodes:\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "- {name: node-%06d, listeners: [{port: 9080, protocol: http}], serviceDiscovery: {registration: {}}}\n", i)
	}
	return b.String()
}

// TestBadInput sends what people get wrong to the running product: each is one clear error, and nothing is changed.
func TestBadInput(t *testing.T) {
	s := openShop(t)
	inMesh := "/api/v1/meshes/" + sample
	const route = `{"protocol":"http","match":%s,"targets":[{"node":"reviews-v1","weight":1}]%s}`
	cases := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     []string
	}{
		{name: "weights sum to zero", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":0,"reviews-v2":0}}`, status: 422, says: []string{"reviews/primary", "sum to more than 0"}},
		{name: "weight of an unknown node", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":50,"reviews-v9":50}}`, status: 422, says: []string{"reviews-v9", "name every target once"}},
		{name: "negative weight", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":-1,"reviews-v2":5}}`, status: 422, says: []string{"weight", "-1", "from 0 to"}},
		{name: "fractional weight", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":0.5,"reviews-v2":0.5}}`, status: 422, says: []string{"integer"}},
		{name: "unknown route", method: "PUT", path: inMesh + "/routers/reviews/routes/nowhere/weights", body: `{"weights":{"reviews-v1":1}}`, status: 404, says: []string{"nowhere"}},
		{name: "pool of 0", method: "PUT", path: inMesh + "/nodes/ratings/connection-pool", body: `{"maxConnections":0}`, status: 422, says: []string{"maxConnections", "0", "from 1 to"}},
		{name: "pool of a node that is none", method: "PUT", path: inMesh + "/nodes/ghost/connection-pool", body: `{"maxConnections":1}`, status: 404, says: []string{"ghost"}},
		{name: "unknown field beside weights", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":1,"reviews-v2":1},"colour":"red"}`, status: 422, says: []string{"colour"}},
		{name: "unknown field in a pool", method: "PUT", path: inMesh + "/nodes/ratings/connection-pool", body: `{"maxConection":5}`, status: 422, says: []string{"maxConection"}},
		{name: "unknown field in a route", method: "PUT", path: inMesh + "/routes/reviews/primary", body: fmt.Sprintf(route, `{"prefix":"/"}`, `,"colour":"red"`), status: 422, says: []string{"colour"}},
		{name: "stale ETag of a route", method: "PUT", path: weightsPath, body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, headers: []string{"If-Match", `"999"`}, status: 412, says: []string{"reviews/primary"}},
		{name: "stale ETag of a node", method: "PUT", path: inMesh + "/nodes/ratings/connection-pool", body: `{"maxConnections":5}`, headers: []string{"If-Match", `"999"`}, status: 412, says: []string{"ratings"}},
		{name: "stale ETag of a deletion", method: "DELETE", path: inMesh + "/routes/reviews/primary", headers: []string{"If-Match", `"999"`}, status: 412, says: []string{"reviews/primary"}},
		{name: "broken regular expression", method: "PUT", path: inMesh + "/routes/reviews/primary", body: fmt.Sprintf(route, `{"path":{"regex":"(["}}`, ""), status: 422, says: []string{"match.path.regex", "(["}},
		{name: "a regular expression that only others know", method: "PUT", path: inMesh + "/routes/reviews/primary", body: fmt.Sprintf(route, `{"path":{"regex":"/(?=x).*"}}`, ""), status: 422, says: []string{"match.path.regex"}},
		{name: "deleting what is used", method: "DELETE", path: inMesh + "/nodes/ratings", status: 409, says: []string{"ratings"}},
		{name: "half a definition is wrong", method: "POST", path: "/api/v1/apply", body: "mesh: " + sample + "\nnodes:\n- {name: fine}\n- {name: wrong, listeners: [{port: 0, protocol: http}]}\n", status: 422, says: []string{"node wrong", "port"}},
		{name: "a mesh file of 5 MB", method: "POST", path: "/api/v1/apply", body: manyNodes(5 << 20), status: 413, says: []string{"1 MiB", "split it"}},
		{name: "an object of 5 MB", method: "PUT", path: inMesh + "/nodes/ratings", body: `{"name":"` + strings.Repeat("x", 5<<20) + `"}`, status: 413, says: []string{"1 MiB", "split it"}},
		{name: "not JSON", method: "PUT", path: weightsPath, body: `{"weights":`, status: 400},
		{name: "undo of nothing", method: "POST", path: "/api/v1/changes/nonesuch/undo", status: 404, says: []string{"nonesuch"}},
		{name: "another mesh", method: "PUT", path: "/api/v1/meshes/elsewhere/routers/reviews/routes/primary/weights", body: `{"weights":{"reviews-v1":1}}`, status: 404, says: []string{"elsewhere", sample}},
	}
	before := s.facts(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kind := "application/json"
			if strings.HasSuffix(c.path, "/apply") {
				kind = "application/yaml"
			}
			r := s.ask(t, c.method, c.path, c.body, append([]string{"Content-Type", kind}, c.headers...)...)
			p := read[api.Problem](t, r, c.status)
			if kind := r.header.Get("Content-Type"); kind != "application/problem+json" || p.Status != c.status || p.Code == "" || p.Detail == "" {
				t.Errorf("%s: %s", kind, r.body)
			}
			if strings.Contains(p.Detail, "\n") || len(p.Detail) > 1000 {
				t.Errorf("not one line for a person: %q", p.Detail)
			}
			for _, words := range c.says {
				if !strings.Contains(p.Detail, words) {
					t.Errorf("%q does not say %q", p.Detail, words)
				}
			}
			if diff := cmp.Diff(before, s.facts(t)); diff != "" {
				t.Errorf("something moved: %s", diff)
			}
		})
	}
}

// A stale ETag comes with what was changed, by whom and when.
func TestStaleETagSaysWhoWasFirst(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	etag := s.ask(t, "GET", "/api/v1/meshes/"+sample+"/routes/reviews/primary", "").header.Get("ETag")
	first, err := s.client.Weights(t.Context(), sample, "reviews/primary", map[string]int{"reviews-v1": 70, "reviews-v2": 30}, client.Ask{Reason: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	p := read[api.Problem](t, s.ask(t, "PUT", weightsPath, `{"weights":{"reviews-v1":1,"reviews-v2":1}}`,
		"Content-Type", "application/json", "If-Match", etag), http.StatusPreconditionFailed)
	if p.Changed == nil || p.Changed.ID != first.Change.ID || p.Changed.Author != "ann" || p.Changed.Diff == "" || !strings.Contains(p.Detail, "ann") {
		t.Errorf("got %+v", p)
	}
	s.undo(t, first.Change.ID, callersOfReviews)
}

// Envoys that do not belong here are not let in, and the list of proxies says why.
func TestStrangers(t *testing.T) {
	s := openShop(t)
	before := s.graph(t)
	strangers := map[string]struct{ mesh, node, says string }{
		"mesh/bookshop/virtualNode/front/1":       {"bookshop", "front", `there is no mesh "bookshop" here`},
		"mesh/" + sample + "/virtualNode/ghost/1": {sample, "ghost", `mesh ` + sample + ` has no virtual node "ghost"`},
	}
	for _, o := range strangers {
		startEnvoy(t, xds.BootstrapOptions{Mesh: o.mesh, Node: o.node, Instance: "1", XDS: s.server.XDSAddr(), Bind: "127.0.0.1"})
	}
	for id, want := range strangers {
		eventually(t, id+" is listed as refused", func() bool {
			for _, p := range s.proxies(t) {
				if p.State == provider.Refused && p.NodeID == id {
					return strings.Contains(p.Message, want.says)
				}
			}
			return false
		})
	}
	listed := read[struct{ Items []provider.Proxy }](t, s.ask(t, "GET", "/api/v1/meshes/"+sample+"/proxies", ""), http.StatusOK)
	if want := len(s.demo.Proxies()) + len(strangers); len(listed.Items) != want {
		t.Errorf("%d proxies are listed, want %d", len(listed.Items), want)
	}
	if after := s.graph(t); len(after.Nodes) != len(before.Nodes) {
		t.Errorf("%d boxes, before %d", len(after.Nodes), len(before.Nodes))
	}
}

// startEnvoy runs an Envoy until the test ends.
func startEnvoy(t *testing.T, o xds.BootstrapOptions) {
	t.Helper()
	config, err := xds.Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	launch(t, config)
}

// launch runs an Envoy with a configuration until the test ends.
func launch(t *testing.T, config []byte) {
	t.Helper()
	envoy, err := demo.FindEnvoy()
	if err != nil {
		t.Fatalf("%v: run `make envoy`", err)
	}
	dir := t.TempDir()
	file, log := filepath.Join(dir, "envoy.yaml"), &output{}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(envoy, "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Envoy said:\n%s", log)
		}
	})
}

// A change that is sound, but not where it is to run: the port that front's application would call ledger on is the one
// that the application itself listens on. Envoy refuses it in its own words, front goes on as before, and within ten seconds
// the change is taken back everywhere.
func TestEnvoyRefuses(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	finish := s.undisturbed(t)
	const definition = `
mesh: sample_app
nodes:
- name: ledger
  listeners: [{port: 5432, protocol: tcp}]
  serviceDiscovery: {endpoints: [{address: 127.0.0.1}]}
- name: front
  listeners: [{port: 9080, protocol: http}]
  serviceDiscovery: {registration: {}}
  backends: [{service: catalog}, {service: reviews}, {service: ledger, localPort: 9080}]
services:
- {name: ledger, node: ledger}
`
	answer, err := s.client.Apply(t.Context(), "", []byte(definition), client.Ask{Reason: "front gets a ledger"})
	if err != nil {
		t.Fatal(err)
	}
	var c change.Change
	eventually(t, "the change is taken back", func() bool {
		if _, c, err = s.client.Change(t.Context(), answer.Change.ID); err != nil {
			t.Fatal(err)
		}
		return c.UndoneBy != ""
	})
	if p := c.Programmed; p == nil || len(p.Rejected) != 1 || p.Rejected[0].Proxy != "front-1" || !p.Rejected[0].Caused ||
		!strings.Contains(p.Rejected[0].Message, ":9080") || !strings.Contains(p.Rejected[0].Message, "ddress already in use") {
		t.Fatalf("the change is programmed %+v, want front-1's refusal in its own words", p)
	}
	_, back, err := s.client.Change(t.Context(), c.UndoneBy)
	if err != nil {
		t.Fatal(err)
	}
	if c.State != change.Undone || back.Author != "weir" || !strings.Contains(back.Reason, "proxy front-1 refused it") {
		t.Errorf("the change is %s, taken back by %s: %s", c.State, back.Author, back.Reason)
	}
	var front provider.Proxy
	eventually(t, "front-1 runs the newest configuration", func() bool {
		front = s.proxies(t)["front-1"]
		return front.State == provider.Synced && front.Message == "" && front.Revision == s.current(t).Revision
	})
	took := front.AckedAt.Sub(c.Accepted.At)
	if took > 10*time.Second {
		t.Errorf("every proxy runs what was before %v after the change, want 10 s at most", took)
	}
	chaos.Figure(t, "NACK of a change", "≤ 10 s, 0 requests failed", "front-1 says %q; taken back %v, run as before by all %v after the change",
		c.Programmed.Rejected[0].Message, back.At.Sub(c.Accepted.At), took)
	if text := s.admin(t, "front", "/listeners"); strings.Contains(text, net.JoinHostPort(front.Address, "9080")) {
		t.Errorf("Envoy listens on %s", text)
	}
	moved, err := s.client.Weights(t.Context(), sample, "reviews/primary", map[string]int{"reviews-v1": 50, "reviews-v2": 50}, client.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, moved.Change.ID, callersOfReviews)
	s.undo(t, moved.Change.ID, callersOfReviews)
	finish()
}
