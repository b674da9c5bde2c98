package server

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/chaos"
)

// pooled is a mesh of nodes that each have a connection pool.
const pooled = `
mesh: bookshop
nodes:
- {name: front, listeners: [{port: 80, protocol: http, connectionPool: {maxConnections: 1}}], serviceDiscovery: {registration: {}}}
- {name: reviews, listeners: [{port: 80, protocol: http, connectionPool: {maxConnections: 1}}], serviceDiscovery: {registration: {}}}
- {name: ratings, listeners: [{port: 80, protocol: http, connectionPool: {maxConnections: 1}}], serviceDiscovery: {registration: {}}}
`

var pools = []string{"front", "reviews", "ratings"}

// TestFaultHistoriesAreLinearizable has several operators read, write, confirm and undo the same objects while Weir is killed
// again and again: what each was told fits one order of events, so nothing acknowledged is lost and
// nobody overwrites what they have not seen.
func TestFaultHistoriesAreLinearizable(t *testing.T) {
	apart(t)
	data := filepath.Join(t.TempDir(), "data")
	h := &hardship{t: t, start: func() *child { return serve(t, data) }}
	h.endure("kill -9 of Weir on SQLite", chaos.Scaled(4, 40), (*hardship).kill)
}

// hardship is a Weir that people work with while it has a hard time.
type hardship struct {
	t     *testing.T
	start func() *child
	weir  *child
	work  *chronicle
	names int
}

// endure has people work while something happens again and again.
func (h *hardship) endure(fault string, times int, happen func(*hardship)) {
	h.t.Helper()
	if h.weir == nil {
		h.weir = h.start()
	}
	c := h.client()
	defer c.Close()
	h.names++ // every round has nodes of its own, whose versions begin at 1
	names := make([]string, len(pools))
	definition := pooled
	for i, name := range pools {
		names[i] = fmt.Sprintf("%s-%d", name, h.names)
		definition = strings.ReplaceAll(definition, "name: "+name+",", "name: "+names[i]+",")
	}
	if _, err := c.Apply(h.t.Context(), "", []byte(definition), client.Ask{}); err != nil {
		h.t.Fatal(err)
	}
	h.work = staff(h.t, &h.weir.url, names)
	for range times {
		h.work.more(25)
		happen(h)
	}
	h.work.more(25)
	last := h.client()
	defer last.Close()
	operations := h.work.linearizable(func(id string) change.Change {
		_, found, err := last.Change(h.t.Context(), id)
		if err != nil {
			h.t.Errorf("change %s: %v", id, err)
		}
		return found
	})
	if _, v, err := last.Verify(h.t.Context(), ""); err != nil || !v.OK {
		h.t.Errorf("the ledger: %+v, %v", v, err)
	}
	chaos.Figure(h.t, fmt.Sprintf("%s × %d", fault, times), "0 of the acknowledged changes lost, history linearizable",
		"%d operations, %d changes acknowledged, %v", operations, h.work.done.Load(), h.work.counts)
}

// kill ends weir with kill -9 and starts another.
func (h *hardship) kill() {
	h.weir.kill()
	h.weir = h.start()
	h.work.url.Store(&h.weir.url)
}

func (h *hardship) client() *client.Client {
	h.t.Helper()
	c, err := client.New(client.Options{URL: h.weir.url, Author: "ann"})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}
