package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/demo"
)

// visit is a request that somebody makes of the mesh.
type visit struct {
	url  string
	host string // empty: the URL's
}

// visitor makes requests and counts the answers, by the node whose application gave them.
type visitor struct {
	http *http.Client

	mu     sync.Mutex
	calls  int
	nodes  map[string]int
	failed []string
}

func newVisitor() *visitor {
	return &visitor{
		nodes: make(map[string]int),
		http:  &http.Client{Timeout: 90 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
}

// ask makes one request.
func (v *visitor) ask(to visit) (status int, node string, err error) {
	// A request that was begun is finished when the test ends, so that its end fails none.
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, to.url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	if to.host != "" {
		req.Host = to.host
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get(demo.NodeHeader), err
}

// visit makes one request and takes note of the answer.
func (v *visitor) visit(to visit) {
	begin := time.Now()
	status, node, err := v.ask(to)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls++
	v.nodes[node]++
	if err != nil || status != http.StatusOK {
		v.failed = append(v.failed, fmt.Sprintf("%s after %v: %s by %q: %d (%v)",
			begin.Format("05.000"), time.Since(begin).Round(time.Millisecond), to.url, node, status, err))
	}
}

func (v *visitor) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
}

// startProbe makes visits, one after the other, at a rate (a second) that four workers can hold at most. finish ends it
// and fails the test if one visit failed or fewer were made than it takes to say so.
func startProbe(t *testing.T, rate int, visits ...visit) (v *visitor, finish func(atLeast int)) {
	t.Helper()
	const workers = 4
	v = newVisitor()
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	for w := range workers {
		open.Go(func() {
			tick := time.NewTicker(time.Second * workers / time.Duration(rate))
			defer tick.Stop()
			for i := w; ; i++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					v.visit(visits[i%len(visits)])
				}
			}
		})
	}
	stop := sync.OnceFunc(func() {
		cancel()
		open.Wait()
		v.http.CloseIdleConnections()
	})
	t.Cleanup(stop)
	return v, func(atLeast int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d visits are made", atLeast), func() bool { return v.count() >= atLeast })
		stop()
		if len(v.failed) > 0 {
			t.Errorf("%d of %d visits failed, the first: %q", len(v.failed), v.calls, v.failed[:min(5, len(v.failed))])
		}
		t.Logf("%d visits, answered by %v", v.calls, v.nodes)
	}
}

// share makes visits, several at a time, and gives the part of them that a node's application answered.
func share(t *testing.T, to visit, node string, visits int) float64 {
	t.Helper()
	const workers = 4
	v := newVisitor()
	defer v.http.CloseIdleConnections()
	var open sync.WaitGroup
	for range workers {
		open.Go(func() {
			for range visits / workers {
				v.visit(to)
			}
		})
	}
	open.Wait()
	if len(v.failed) > 0 {
		t.Errorf("%d of %d visits failed, the first: %q", len(v.failed), v.calls, v.failed[0])
	}
	return float64(v.nodes[node]) / float64(v.calls)
}
