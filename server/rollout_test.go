package server

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
)

const twins = `
mesh: twins
nodes:
- name: front
  listeners: [{port: 9080, protocol: http}]
  serviceDiscovery: {registration: {}}
  backends: [{service: good}, {service: bad}]
- {name: good-v1, listeners: [{port: 9080, protocol: http}], serviceDiscovery: {registration: {}}}
- {name: good-v2, listeners: [{port: 9080, protocol: http}], serviceDiscovery: {registration: {}}}
- {name: bad-v1, listeners: [{port: 9080, protocol: http}], serviceDiscovery: {registration: {}}}
- {name: bad-v2, listeners: [{port: 9080, protocol: http}], serviceDiscovery: {registration: {}}}
services: [{name: good, router: good}, {name: bad, router: bad}]
routers:
- {name: good, listeners: [{port: 9080, protocol: http}]}
- {name: bad, listeners: [{port: 9080, protocol: http}]}
routes:
- {router: good, name: primary, protocol: http, match: {prefix: /}, targets: [{node: good-v1, weight: 1}, {node: good-v2, weight: 0}]}
- {router: bad, name: primary, protocol: http, match: {prefix: /}, targets: [{node: bad-v1, weight: 1}, {node: bad-v2, weight: 0}]}
`

// faulty answers as application does, and fails a share of what it is asked.
func faulty(t *testing.T, name, address string, share float64) {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(demo.NodeHeader, name)
		if rand.Float64() < share {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	var open sync.WaitGroup
	open.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		open.Wait()
	})
}

// startCallers makes calls, some fifty a second to each service, whatever the answers are, until the test ends. failed counts
// the calls that were not answered at all.
func startCallers(t *testing.T, front string, services ...string) (failed *atomic.Int64) {
	t.Helper()
	failed = new(atomic.Int64)
	done := make(chan struct{})
	var open sync.WaitGroup
	v := newVisitor()
	for _, host := range services {
		open.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					if _, _, err := v.ask(visit{url: "http://" + front + ":15001/", host: host}); err != nil {
						failed.Add(1)
					}
				}
			}
		})
	}
	t.Cleanup(func() {
		close(done)
		open.Wait()
		v.http.CloseIdleConnections()
	})
	return failed
}

// TestRolloutsOnEnvoys rolls two versions out at the same time, on real Envoys: the bad one is aborted by evidence, and its
// healthy twin is promoted, although Weir is killed in the middle: it goes on at the same step with what it knew.
func TestRolloutsOnEnvoys(t *testing.T) {
	apart(t)
	c := &crash{t: t, data: filepath.Join(t.TempDir(), "data"), relays: make(map[string]*relay)}
	c.start()
	if _, err := c.client.Apply(t.Context(), "", []byte(twins), client.Ask{}); err != nil {
		t.Fatal(err)
	}
	prefix := network(t)
	nodes := []string{"front", "good-v1", "good-v2", "bad-v1", "bad-v2"}
	for i, node := range nodes {
		address := fmt.Sprintf("%s.%d", prefix, 11+i)
		share := 0.0
		if node == "bad-v2" {
			share = 0.15
		}
		faulty(t, node, address+":9080", share)
		c.relays[node] = startRelay(t)
		launch(t, cli(t, "bootstrap", "--mesh", "twins", "--node", node, "--instance", "1", "--xds", c.relays[node].address,
			"--address", address, "--bind", address, "--app-address", address))
	}
	c.admit(nodes...)
	front := prefix + ".11"
	eventually(t, "both services answer", func() bool {
		return answers(visit{"http://" + front + ":15001/", "good"})["good-v1"] && answers(visit{"http://" + front + ":15001/", "bad"})["bad-v1"]
	})
	failed := startCallers(t, front, "good", "bad")

	good, bad := c.rollOut("good"), c.rollOut("bad")
	var killed canary.Rollout
	eventually(t, "the good one is judged at its second weight", func() bool {
		killed = c.rollout(good)
		return killed.Step == 3 && killed.Analysis.Verdict.Requests > 20
	})
	c.weir.kill()
	c.start()
	c.admit(nodes...)
	// It may have gone on between the last look and its end, but never back, and what it did it did once.
	resumed := c.rollout(good)
	if resumed.Step < killed.Step || resumed.Weight < killed.Weight || !slices.Equal(resumed.Changes[:len(killed.Changes)], killed.Changes) {
		t.Errorf("killed in step %d at %d %% with %v, and then in step %d at %d %% with %v",
			killed.Step, killed.Weight, killed.Changes, resumed.Step, resumed.Weight, resumed.Changes)
	}
	if resumed.Analysis.Verdict.Windows == 0 || resumed.Analysis.Verdict.Metrics[0].Canary.Requests == 0 {
		t.Errorf("the evidence is lost: %+v", resumed.Analysis.Verdict)
	}
	eventually(t, "the bad one is aborted", func() bool {
		r := c.rollout(bad)
		return r.Phase == canary.Aborted && !r.Restoring
	})
	eventually(t, "the good one is promoted", func() bool { return c.rollout(good).Phase == canary.Succeeded })

	r := c.rollout(good)
	if len(r.Changes) != 3 || r.Weight != 100 || r.Attempt != 1 {
		t.Errorf("promoted as %+v", r)
	}
	eventually(t, "all callers reach the good canary", func() bool {
		seen := answers(visit{"http://" + front + ":15001/", "good"})
		return seen["good-v2"] && len(seen) == 1
	})
	r = c.rollout(bad)
	if r.Cause != canary.CauseEvidence || r.Weight != 0 || r.Analysis.Outcome != judge.Failed || r.Analysis.Verdict.Abort < r.Analysis.Verdict.Bound {
		t.Errorf("the bad one was aborted by %s: %s, %+v", r.Cause, r.Why, r.Analysis.Verdict)
	}
	t.Logf("the bad one: %s, after %v", r.Why, r.Ended.Sub(r.At))
	eventually(t, "nobody reaches the bad canary", func() bool {
		seen := answers(visit{"http://" + front + ":15001/", "bad"})
		return seen["bad-v1"] && len(seen) == 1
	})
	if n := failed.Load(); n > 0 {
		t.Errorf("%d calls were not answered", n)
	}
	c.weir.interrupt(t)
}

// rollOut begins a rollout of a service's second version, and gives its ID.
func (c *crash) rollOut(service string) string {
	c.t.Helper()
	low, high := 30, 60
	s := canary.Spec{
		Target: mesh.Ref{Kind: mesh.KindRoute, Name: service + "/primary"},
		Steps:  []canary.Step{{SetWeight: &low}, {Analysis: &struct{}{}}, {SetWeight: &high}, {Analysis: &struct{}{}}},
		Analysis: canary.Analysis{
			Interval: mesh.Duration(time.Second), Warmup: mesh.Duration(200 * time.Millisecond), IgnoreLatency: true,
		},
	}
	s.Analysis.Judge.Tolerance, s.Analysis.Judge.MinRequests = 0.1, 150
	s.Analysis.Judge.Floor.Ratio = 1 // by chance the bad one falls through the floor before there is evidence
	_, r, err := c.client.StartCanary(c.t.Context(), "twins", s, client.RolloutAsk{})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.ID
}

// rollout looks at a rollout.
func (c *crash) rollout(id string) canary.Rollout {
	c.t.Helper()
	_, r, err := c.client.Canary(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}
