// Package xdstest plays Envoy: a small delta ADS client that asks, acknowledges, refuses, warms clusters and reconnects
// as Envoy 1.40 does, and that notices when it is made to break something: a route to a cluster that it does not have,
// or the loss of a cluster that a route still names. It carries no traffic.
package xdstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

// Options say which Envoy to play.
type Options struct {
	Addr string       // of the ADS server
	Node *corev3.Node // sent in the first message of each stream
	// Refuse gives Envoy's words for a resource that it does not take; empty takes it. Nil takes everything.
	Refuse func(typeURL, name string, body *anypb.Any) string
	// Mute never answers anything: an Envoy that hangs.
	Mute bool
	// Deaf stops reading after its first requests: its receive window fills up.
	Deaf bool
	// Dial are further options for the connection.
	Dial []grpc.DialOption
}

// Response is one message from the server.
type Response struct {
	At      time.Time
	Type    string
	Names   []string // sorted
	Removed []string
	Refused string // what was answered; empty: an ACK
}

// Envoy is a running client. What it runs survives Stop and Connect, as in an Envoy that loses its control plane.
type Envoy struct {
	t       testing.TB
	options Options

	mu        sync.Mutex
	types     map[string]*held
	responses []Response
	broken    []string
	err       error // why the last stream ended
	cancel    context.CancelFunc
	done      chan struct{}
	changed   chan struct{} // closed and replaced whenever anything changed
}

// held is what the client runs of one type.
type held struct {
	asked    bool
	names    map[string]bool // subscribed by name
	versions map[string]string
	bodies   map[string]*anypb.Any
}

// Start connects an Envoy that is stopped when the test ends.
func Start(t testing.TB, o Options) *Envoy {
	t.Helper()
	e := &Envoy{t: t, options: o, types: make(map[string]*held), changed: make(chan struct{})}
	for _, url := range []string{cluster, endpoint, listener, route} {
		e.types[url] = &held{names: make(map[string]bool), versions: make(map[string]string), bodies: make(map[string]*anypb.Any)}
	}
	e.Connect()
	t.Cleanup(e.Stop)
	return e
}

// Connect opens a stream, with the versions of what runs, if there is none.
func (e *Envoy) Connect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		return
	}
	for _, h := range e.types {
		h.asked = false
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel, e.done, e.err = cancel, make(chan struct{}), nil
	go e.run(ctx, e.done)
}

// Stop closes the stream. What runs stays.
func (e *Envoy) Stop() {
	e.mu.Lock()
	cancel, done := e.cancel, e.done
	e.cancel = nil
	e.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// Running lists the names and versions of what runs of a type.
func (e *Envoy) Running(typeURL string) map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.types[typeURL].versions)
}

// Body gives a resource as it runs; nil if it does not.
func (e *Envoy) Body(typeURL, name string) *anypb.Any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.types[typeURL].bodies[name]
}

// Responses lists what the server sent so far.
func (e *Envoy) Responses() []Response {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.responses)
}

// Forget drops the list of responses.
func (e *Envoy) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.responses = nil
}

// Broken lists what would have failed requests.
func (e *Envoy) Broken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.broken)
}

// Err is why the last stream ended; nil while it lasts and after Stop.
func (e *Envoy) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Wait waits until ok holds, and fails the test if it does not within ten seconds.
func (e *Envoy) Wait(what string, ok func() bool) {
	e.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond): // ok may look at more than this client.
		case <-deadline:
			e.t.Fatalf("%s: not within 10 s; stream error %v; received %+v", what, e.Err(), e.Responses())
		}
	}
}

func (e *Envoy) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	err := e.stream(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
	if ctx.Err() != nil {
		e.err = nil
	} else {
		e.cancel()
		e.cancel = nil
	}
	e.touch()
}

// touch wakes whoever waits. The lock is held.
func (e *Envoy) touch() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Envoy) stream(ctx context.Context) error {
	dial := append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, e.options.Dial...)
	conn, err := grpc.NewClient(e.options.Addr, dial...)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	ads, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	s := &stream{envoy: e, ads: ads}
	e.mu.Lock()
	s.begin()
	e.mu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	if e.options.Deaf {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		resp, err := ads.Recv()
		if err != nil {
			return err
		}
		e.mu.Lock()
		s.receive(resp)
		e.touch()
		e.mu.Unlock()
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// stream is one connection's state. Envoy.mu guards it.
type stream struct {
	envoy   *Envoy
	ads     discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	queue   []*discoveryv3.DeltaDiscoveryRequest
	warming map[string]bool // endpoint sets that clusters wait for
	held    *discoveryv3.DeltaDiscoveryRequest
	sent    bool
}

func (s *stream) flush() error {
	s.envoy.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.envoy.mu.Unlock()
	for _, req := range queue {
		if !s.sent {
			req.Node, s.sent = s.envoy.options.Node, true
		}
		if err := s.ads.Send(req); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// begin asks for clusters; a reconnecting Envoy then asks for all that it had, with the versions.
func (s *stream) begin() {
	s.warming = make(map[string]bool)
	s.ask(cluster)
	if len(s.envoy.types[cluster].versions) == 0 {
		return
	}
	for _, url := range []string{listener, endpoint, route} {
		if h := s.envoy.types[url]; len(h.names) > 0 || url == listener {
			s.ask(url)
		}
	}
}

// ask sends the first request for a type on this stream.
func (s *stream) ask(url string) {
	h := s.envoy.types[url]
	h.asked = true
	s.queue = append(s.queue, &discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: url, ResourceNamesSubscribe: slices.Sorted(maps.Keys(h.names)), InitialResourceVersions: maps.Clone(h.versions),
	})
}

// want changes the names subscribed of a type and sends the difference.
func (s *stream) want(url string, names map[string]bool) {
	h := s.envoy.types[url]
	var more, less []string
	for name := range names {
		if !h.names[name] {
			more = append(more, name)
		}
	}
	for name := range h.names {
		if !names[name] {
			less = append(less, name)
			delete(h.versions, name)
			delete(h.bodies, name)
		}
	}
	h.names = names
	if len(more)+len(less) == 0 {
		return
	}
	slices.Sort(more)
	slices.Sort(less)
	if !h.asked {
		s.ask(url)
		return
	}
	s.queue = append(s.queue, &discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: url, ResourceNamesSubscribe: more, ResourceNamesUnsubscribe: less,
	})
}

// receive applies one response and queues the answer.
func (s *stream) receive(resp *discoveryv3.DeltaDiscoveryResponse) {
	e := s.envoy
	record := Response{At: time.Now(), Type: resp.GetTypeUrl(), Removed: resp.GetRemovedResources()}
	refused := ""
	for _, r := range resp.GetResources() {
		record.Names = append(record.Names, r.GetName())
		if e.options.Refuse != nil && refused == "" {
			refused = e.options.Refuse(resp.GetTypeUrl(), r.GetName(), r.GetResource())
		}
	}
	if refused == "" {
		refused = s.check(resp)
	}
	slices.Sort(record.Names)
	record.Refused = refused
	e.responses = append(e.responses, record)
	answer := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce()}
	if refused != "" {
		answer.ErrorDetail = &statuspb.Status{Code: int32(codes.Internal), Message: refused}
	} else {
		s.take(resp)
	}
	if e.options.Mute {
		return
	}
	if resp.GetTypeUrl() == cluster && len(s.warming) > 0 && refused == "" {
		s.held = answer // As Envoy does: no ACK before the clusters are warm.
		return
	}
	s.queue = append(s.queue, answer)
	if s.held != nil && len(s.warming) == 0 {
		s.queue = append(s.queue, s.held)
		s.held = nil
	}
	if !e.types[listener].asked && e.types[cluster].asked && s.held == nil {
		s.ask(listener)
	}
}
