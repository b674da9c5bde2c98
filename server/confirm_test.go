package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
)

// TestKilledBeforeTheDeadline makes a change that waits for its confirmation and kills the program with kill -9: whoever made
// it is gone, and so is who would take it back. The proxy keeps what it has while Weir is away; once Weir is back the old
// weights are, by the proxy's own counters, and nobody who calls has noticed.
func TestKilledBeforeTheDeadline(t *testing.T) {
	apart(t)
	c := &crash{t: t, data: filepath.Join(t.TempDir(), "data"), relays: make(map[string]*relay)}
	c.start()
	if _, err := c.client.Apply(t.Context(), "", []byte(bookshop), client.Ask{}); err != nil {
		t.Fatal(err)
	}
	prefix, admin := network(t), filepath.Join(t.TempDir(), "a.sock")
	for i, node := range bookNodes {
		address := fmt.Sprintf("%s.%d", prefix, 11+i)
		application(t, node, address+":9080", demo.NodeHeader)
		c.relays[node] = startRelay(t)
		args := []string{
			"bootstrap", "--mesh", "bookshop", "--node", node, "--instance", "1", "--xds", c.relays[node].address,
			"--address", address, "--bind", address, "--app-address", address,
		}
		if node == "front" {
			args = append(args, "--admin-path", admin)
		}
		launch(t, cli(t, args...))
	}
	c.admit(bookNodes...)
	at := visit{url: "http://" + prefix + ".11:15001/", host: "reviews"}
	eventually(t, "both versions answer", func() bool { return answers(at)["reviews-v1"] && answers(at)["reviews-v2"] })
	people, finish := startProbe(t, 100, at)
	c.people = people

	all := map[string]int{"reviews-v1": 0, "reviews-v2": 100}
	made, err := c.client.Weights(t.Context(), "bookshop", "reviews/primary", all, client.Ask{ConfirmWithin: 12 * time.Second})
	if err != nil || made.Change.State != change.Pending {
		t.Fatal(made, err)
	}
	if _, err := c.client.Await(t.Context(), made.Change.ID, "programmed", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	c.weir.kill()
	eventually(t, "the proxy sends everything to the new version", func() bool { return c.grown(admin)["reviews-v1"] == 0 })
	if left := time.Until(made.Change.ConfirmBy.Add(time.Second)); left > 0 {
		time.Sleep(left)
	}
	if grown := c.grown(admin); grown["reviews-v1"] != 0 || grown["reviews-v2"] == 0 {
		t.Errorf("while Weir is away the proxy sends %v", grown)
	}
	c.start()
	back := time.Now()
	c.admit(bookNodes...)
	eventually(t, "the old version is called again", func() bool { return c.grown(admin)["reviews-v1"] > 0 })
	t.Logf("the old weights are back %v after Weir is ready", time.Since(back))
	by := c.reverted(made.Change.ID)
	if late := by.At.Sub(back); late > revertWithin {
		t.Errorf("it was taken back %v after Weir was ready", late)
	}
	t.Logf("it was taken back %v after Weir began", by.At.Sub(c.weir.began))
	c.served(200)
	if grown := c.grown(admin); grown["reviews-v1"] == 0 || grown["reviews-v2"] == 0 {
		t.Errorf("with the old weights the proxy sends %v", grown)
	}
	// With Weir there, the deadline itself counts, by what the ledger says of both.
	if made, err = c.client.Weights(t.Context(), "bookshop", "reviews/primary", all, client.Ask{ConfirmWithin: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if late := c.reverted(made.Change.ID).At.Sub(*made.Change.ConfirmBy); late < 0 || late > revertWithin {
		t.Errorf("it was taken back %v after its deadline", late)
	}
	finish(300)
	if _, v, err := c.client.Verify(t.Context(), ""); err != nil || !v.OK {
		t.Errorf("the ledger: %+v, %v", v, err)
	}
	c.weir.interrupt(t)
}

// revertWithin is how long after its deadline, or after Weir's return if that is later, a change that nobody confirmed is
// taken back at the latest.
const revertWithin = 2 * time.Second

// reverted waits until Weir has taken a change back, and gives the entry that did.
func (c *crash) reverted(id string) change.Change {
	c.t.Helper()
	var entry change.Change
	eventually(c.t, "change "+id+" is taken back", func() bool {
		var err error
		if _, entry, err = c.client.Change(c.t.Context(), id); err != nil {
			c.t.Fatal(err)
		}
		return entry.State == change.Reverted
	})
	_, by, err := c.client.Change(c.t.Context(), entry.UndoneBy)
	if err != nil || by.Author != "weir" {
		c.t.Fatalf("by %+v, %v", by, err)
	}
	return by
}

// grown says how many requests a proxy sent to each version while people were served some times, by its own counters.
func (c *crash) grown(admin string) map[string]int {
	c.t.Helper()
	before := sentBy(c.t, admin)
	c.served(60)
	after := sentBy(c.t, admin)
	for node := range after {
		after[node] -= before[node]
	}
	return after
}

// sentBy reads how many requests a proxy completed at each version.
func sentBy(t *testing.T, admin string) map[string]int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", admin)
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://envoy/clusters", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := make(map[string]int)
	for _, found := range regexp.MustCompile(`(?m)^(.*)::[0-9.]+:[0-9]+::rq_total::([0-9]+)`).FindAllStringSubmatch(string(data), -1) {
		for _, node := range bookNodes[1:] {
			if n, err := strconv.Atoi(found[2]); err == nil && strings.Contains(found[1], node) {
				sum[node] += n
			}
		}
	}
	if len(sum) == 0 {
		t.Fatalf("the proxy counts nothing: %s", data)
	}
	return sum
}
