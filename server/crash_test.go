package server

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

const bookshop = `
mesh: bookshop
nodes:
- name: front
  listeners: [{port: 9080, protocol: http}]
  serviceDiscovery: {registration: {}}
  backends: [{service: reviews}]
- name: reviews-v1
  listeners: [{port: 9080, protocol: http}]
  serviceDiscovery: {registration: {}}
- name: reviews-v2
  listeners: [{port: 9080, protocol: http}]
  serviceDiscovery: {registration: {}}
services: [{name: reviews, router: reviews}]
routers:
- name: reviews
  listeners: [{port: 9080, protocol: http}]
routes:
- router: reviews
  name: primary
  protocol: http
  match: {prefix: /}
  targets: [{node: reviews-v1, weight: 50}, {node: reviews-v2, weight: 50}]
`

var bookNodes = []string{"front", "reviews-v1", "reviews-v2"}

// crash is a weir of its own that gets killed, with the proxies and the people that must not notice.
type crash struct {
	t      *testing.T
	data   string
	relays map[string]*relay // by node: the way of its proxy to weir
	weir   *child
	client *client.Client
	people *visitor
}

// TestKilledUnderLoad kills the program while people are served: as soon as the first of them is, after which callers come
// back before those that they call; while changes are made, after which every change that was acknowledged is there; while
// nothing happens, after which proxies get nothing that they have already. At last it stops in order, drained. Nobody notices.
func TestKilledUnderLoad(t *testing.T) {
	apart(t)
	c := &crash{t: t, data: filepath.Join(t.TempDir(), "data"), relays: make(map[string]*relay)}
	c.start()
	if _, err := c.client.Apply(t.Context(), "", []byte(bookshop), client.Ask{}); err != nil {
		t.Fatal(err)
	}
	prefix := network(t)
	for i, node := range bookNodes {
		address := fmt.Sprintf("%s.%d", prefix, 11+i)
		application(t, node, address+":9080", demo.NodeHeader)
		c.relays[node] = startRelay(t)
		launch(t, cli(t, "bootstrap", "--mesh", "bookshop", "--node", node, "--instance", "1", "--xds", c.relays[node].address,
			"--address", address, "--bind", address, "--app-address", address))
	}
	c.admit(bookNodes...)
	at := visit{url: "http://" + prefix + ".11:15001/", host: "reviews"}
	eventually(t, "both versions answer", func() bool { return answers(at)["reviews-v1"] && answers(at)["reviews-v2"] })
	c.weir.kill()
	people, finish := startProbe(t, 100, at)
	c.people = people
	c.outage()
	c.start()
	c.admit("front")
	c.served(100)
	c.admit(bookNodes...)
	c.synced()

	acked := c.killWhileChanging()
	c.outage()
	c.start()
	c.admit(bookNodes...)
	c.checkLedger(acked)
	newest := c.synced()

	running := c.running()
	c.weir.kill()
	c.outage()
	c.sent() // from now on
	c.start()
	c.admit(bookNodes...)
	if again := c.synced(); again != newest {
		t.Errorf("revision %d after a restart, before %d", again, newest)
	}
	if diff := cmp.Diff(running, c.running()); diff != "" {
		t.Errorf("the proxies run something else after a restart: %s", diff)
	}
	c.served(50) // whatever Weir had to send, it would have by now
	if n := c.sent(); n != 0 {
		t.Errorf("Weir sent %d messages to proxies that had everything", n)
	}
	c.move(at)
	if c.sent() == 0 {
		t.Error("the relays count nothing")
	}
	c.weir.interrupt(t) // which drains first, and is as little noticed
	c.outage()
	finish(200)
}

// admit lets the proxies of some nodes find weir.
func (c *crash) admit(nodes ...string) {
	for _, node := range nodes {
		c.relays[node].to.Store(&c.weir.xds)
	}
}

// sent says how many messages weir has sent to proxies since the last time.
func (c *crash) sent() (n int64) {
	for _, r := range c.relays {
		n += r.sent.Swap(0)
	}
	return n
}

// answers says which nodes answer a few visits.
func answers(to visit) map[string]bool {
	v := newVisitor()
	defer v.http.CloseIdleConnections()
	all := make(map[string]bool)
	for range 8 {
		if status, node, err := v.ask(to); err == nil && status == 200 {
			all[node] = true
		}
	}
	return all
}

// start starts weir on the data that there is. No proxy finds it yet.
func (c *crash) start() {
	c.t.Helper()
	c.weir = serve(c.t, c.data)
	for _, r := range c.relays {
		r.to.Store(nil)
	}
	if c.client != nil {
		c.client.Close()
	}
	var err error
	if c.client, err = client.New(client.Options{URL: c.weir.url, Author: "ann"}); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.client.Close)
}

// served waits until people were served so many times more.
func (c *crash) served(more int) {
	c.t.Helper()
	until := c.people.count() + more
	eventually(c.t, fmt.Sprintf("%d more calls are answered", more), func() bool { return c.people.count() >= until })
}

// outage lets people do without weir for two seconds and for many calls.
func (c *crash) outage() {
	c.t.Helper()
	begin := time.Now()
	c.served(100)
	time.Sleep(2*time.Second - time.Since(begin))
	c.t.Logf("weir was gone for %v", time.Since(begin))
}

// synced waits until every proxy is connected and runs the newest revision, and gives that.
func (c *crash) synced() (revision int64) {
	c.t.Helper()
	var seen []provider.Proxy
	begin := time.Now()
	eventually(c.t, "every proxy runs the newest revision", func() bool {
		_, changes, err := c.client.Changes(c.t.Context(), change.Query{Limit: 1})
		if err != nil || len(changes) == 0 {
			c.t.Fatal(err, "no changes")
		}
		revision = changes[0].Accepted.Revision
		if seen, err = c.client.Proxies(c.t.Context(), "bookshop"); err != nil {
			c.t.Fatal(err)
		}
		there := 0
		for _, p := range seen {
			if p.State == provider.Synced && p.Revision == revision {
				there++
			}
		}
		return there == len(bookNodes) && len(seen) == there
	})
	c.t.Logf("every proxy runs revision %d after %v", revision, time.Since(begin))
	return revision
}

// running is what each proxy runs.
func (c *crash) running() map[string]map[string]string {
	c.t.Helper()
	list, err := c.client.Proxies(c.t.Context(), "bookshop")
	if err != nil {
		c.t.Fatal(err)
	}
	all := make(map[string]map[string]string)
	for _, p := range list {
		all[p.ID] = versions(p)
	}
	return all
}

// killWhileChanging kills weir while two people change the mesh as fast as it lets them, and gives the changes that
// were acknowledged.
func (c *crash) killWhileChanging() map[string]change.Change {
	c.t.Helper()
	var mu sync.Mutex
	acked := make(map[string]change.Change)
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	note := func(a client.Answer, err error) bool {
		if err != nil {
			return false // weir is dead
		}
		mu.Lock()
		defer mu.Unlock()
		acked[a.Change.ID] = a.Change
		return true
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ; i++ {
			weights := map[string]int{"reviews-v1": 1 + i%99, "reviews-v2": 99 - i%99}
			if !note(c.client.Weights(c.t.Context(), "bookshop", "reviews/primary", weights, client.Ask{})) {
				return
			}
		}
	})
	writers.Go(func() {
		for i := 0; ; i++ {
			limit := 500 + i
			pool := client.Pool{Limits: map[string]*int{"maxConnections": &limit}}
			if !note(c.client.Pool(c.t.Context(), "bookshop", "reviews-v2", pool, client.Ask{})) {
				return
			}
		}
	})
	eventually(c.t, "60 changes are made", func() bool { return count() >= 60 })
	c.weir.kill()
	writers.Wait()
	c.t.Logf("weir was killed after %d changes", len(acked))
	return acked
}

// checkLedger checks that every change that was acknowledged is in the ledger as it was, that no revision is missing, and
// that the mesh is what the newest changes made it.
func (c *crash) checkLedger(acked map[string]change.Change) {
	c.t.Helper()
	_, ledger, err := c.client.Changes(c.t.Context(), change.Query{Mesh: "bookshop", Limit: 500})
	if err != nil {
		c.t.Fatal(err)
	}
	found, newest := 0, make(map[string]change.Change)
	for i, kept := range ledger {
		if want := int64(len(ledger) - i); kept.Accepted.Revision != want {
			c.t.Errorf("change %s is revision %d, want %d", kept.ID, kept.Accepted.Revision, want)
		}
		if _, ok := newest[kept.Name]; !ok {
			newest[kept.Name] = kept
		}
		was, ok := acked[kept.ID]
		if !ok {
			continue
		}
		found++
		if *kept.Accepted != *was.Accepted || kept.Diff != was.Diff || kept.Summary != was.Summary || kept.Author != was.Author {
			c.t.Errorf("the ledger has %+v, acknowledged was %+v", kept, was)
		}
	}
	if found != len(acked) {
		c.t.Errorf("%d of %d acknowledged changes are in the ledger", found, len(acked))
	}
	// Each of the two may have had one more recorded whose answer never came, and the mesh itself is the first.
	if extra := len(ledger) - found; extra < 1 || extra > 3 {
		c.t.Errorf("the ledger has %d changes that were not acknowledged", extra)
	}
	for name, ref := range map[string]mesh.Ref{"reviews/primary": primary, "reviews-v2": {Kind: mesh.KindNode, Name: "reviews-v2"}} {
		made := newest[name]
		raw, err := c.client.Object(c.t.Context(), "bookshop", ref)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, line := range regexp.MustCompile(`(?m)^\+ +(?:weight|maxConnections): (\d+)$`).FindAllStringSubmatch(made.Diff, -1) {
			if !regexp.MustCompile(`:` + line[1] + `\b`).Match(raw) {
				c.t.Errorf("%s is %s, without what its newest change did: %s", name, raw, made.Diff)
			}
		}
	}
}

// move makes a change after all that, and waits until people are served by it.
func (c *crash) move(at visit) {
	c.t.Helper()
	all := map[string]int{"reviews-v1": 0, "reviews-v2": 100}
	answer, err := c.client.Weights(c.t.Context(), "bookshop", "reviews/primary", all, client.Ask{})
	if err != nil {
		c.t.Fatal(err)
	}
	moved, err := c.client.Await(c.t.Context(), answer.Change.ID, "programmed", time.Minute)
	if err != nil {
		c.t.Fatal(err)
	}
	if p := moved.Programmed; p == nil || p.Acked != 1 || p.Total != 1 {
		c.t.Errorf("the new change is programmed %+v, want 1 of 1", p)
	}
	if got := share(c.t, at, "reviews-v2", 80); got != 1 {
		c.t.Errorf("reviews-v2 answers %.2f of the calls, want all", got)
	}
}

// TestInterruptedDemo presses Ctrl-C in a demo: it ends soon, with exit code 0, and leaves neither processes nor files.
func TestInterruptedDemo(t *testing.T) {
	envoy, err := demo.FindEnvoy()
	if err != nil {
		t.Fatalf("%v: run `make envoy`", err)
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("ENVOY", envoy)
	weir := startChild(t, "demo", "--rate", "40", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0")
	weir.says(t, regexp.MustCompile(`ready +mesh sample_app`))
	t.Logf("the demo is ready after %v", time.Since(weir.began))
	envoys := envoysOf(t, weir.cmd.Process.Pid)
	if len(envoys) != 12 {
		t.Errorf("the demo has %d processes, want 12 Envoys", len(envoys))
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
		t.Errorf("the demo has no files (%v)", err)
	}
	weir.interrupt(t)
	if said := weir.err.String(); said != "" {
		t.Errorf("stderr %q", said)
	}
	if anyRuns(envoys) {
		t.Error("Envoys are left")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v (%v)", files, err)
	}
}
