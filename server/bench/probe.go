package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
)

// The part of the sample mesh that is measured: a calls the service b, whose router splits between b and b-prime.
const (
	caller    = "a"
	service   = "b"
	route     = "b/primary"
	first     = "b"
	second    = "b-prime"
	workers   = 2
	stopAfter = 10 * time.Second // to see what a change did
)

// probe calls the service through the caller's own Envoy without a pause and notes who answered.
type probe struct {
	url    string
	mesh   string
	client *http.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	want   string // the version whose first answer is waited for
	sent   time.Time
	seen   chan time.Time // when the first request that it answered was sent
	calls  int
	failed int
}

func newProbe(d *demo.Demo) (*probe, error) {
	p := &probe{mesh: d.Mesh().Name, client: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true},
	}}
	for _, proxy := range d.Proxies() {
		if proxy.Node == caller {
			p.url = "http://" + net.JoinHostPort(proxy.Address, strconv.Itoa(proxy.EgressPort)) + "/"
		}
	}
	quick := demo.Behaviour{Latency: mesh.Duration(0)}
	if err := errors.Join(d.Knobs(first).Set(quick), d.Knobs(second).Set(quick)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	for range workers {
		p.done.Go(func() { p.run(ctx) })
	}
	return p, nil
}

func (p *probe) close() {
	p.stop()
	p.done.Wait()
	p.client.CloseIdleConnections()
}

// run calls until ctx ends, about 200 times a second.
func (p *probe) run(ctx context.Context) {
	for pause(ctx, 2*time.Millisecond) == nil {
		sent := time.Now()
		node, err := p.call(ctx)
		if ctx.Err() != nil {
			return
		}
		p.note(sent, node, err)
	}
}

// call makes one request and gives the node that answered.
func (p *probe) call(ctx context.Context) (node string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Host = service
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(resp.Status)
	}
	return resp.Header.Get(demo.NodeHeader), nil
}

func (p *probe) note(sent time.Time, node string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if err != nil {
		p.failed++
		return
	}
	if p.seen != nil && node == p.want && sent.After(p.sent) {
		p.seen <- sent
		p.seen = nil
	}
}

// expect begins to wait for the first request that node answers; the channel gives when it was sent.
func (p *probe) expect(node string, from time.Time) <-chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(chan time.Time, 1)
	p.want, p.sent, p.seen = node, from, seen
	return seen
}

// counts gives the calls and the failed ones since the last time.
func (p *probe) counts() (failed, calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed, calls = p.failed, p.calls
	p.failed, p.calls = 0, 0
	return failed, calls
}
