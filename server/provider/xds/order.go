package xds

import (
	"slices"
	"strconv"
	"strings"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// settle is how long a resource waits for something that the proxy ought to ask for but does not: clients other than
// Envoy need not ask for clusters at all.
const settle = time.Second

// feed is what one delta stream has been sent and what it answered. It is a plain state machine without locks, clocks
// or wires: request takes what the proxy says, next gives what to send.
//
// Make before break is not a sequence of steps here but two rules that hold for every message. A listener or route goes
// out only when each cluster it names is running, endpoints included (Envoy withholds a cluster's ACK until it is warm).
// And nothing is taken away while something that runs, or is on its way, names it.
type feed struct {
	tracks [kinds]track
	opened time.Time
	nonce  uint64
	// whole is the version of clusters and of listeners of which the proxy has asked for everything they name.
	whole [2]string
}

// track is one kind's part of a feed.
type track struct {
	subscribed bool // the proxy has asked for this kind
	wildcard   bool // … for all of it
	names      map[string]struct{}
	known      map[string]held     // what the proxy runs
	force      map[string]struct{} // to be sent even if the proxy runs it
	parked     map[string]parked   // refused: not sent again until it changes
	batches    [][]string          // after a refusal of several at once: to be tried apart, in this order
	flight     *flight             // sent and not answered; at most one
	owed       bool                // asked for all and has nothing: is told so even if that is all there is, or it waits

	synced   string // version of the set that the proxy is known to run completely; empty if that has to be looked at
	acked    string // the same, but the last one while something is under way
	ackedAt  time.Time
	rejected string // version of the set that was refused last
	refused  time.Time
	message  string
}

// held is a resource that a proxy runs. res is nil if only its version is known, from before the stream.
type held struct {
	version string
	res     *resource
	at      time.Time
}

// parked is a refusal. A listener or route is tried again when the clusters change, since it may have lacked one.
type parked struct {
	version, clusters, message string
}

type flight struct {
	nonce    string
	version  string // of the set
	clusters string // version of the clusters' set
	sent     map[string]*resource
	at       time.Time
}

// standing is what a feed has come to when there is nothing to send.
type standing struct {
	state   standingState
	message string // refused: the proxy's words
	culprit poolKey
}

type standingState int

const (
	waiting  standingState = iota // for the proxy
	accepted                      // runs all of it
	refused                       // runs what it accepted; the rest is parked
)

// newFeed starts a feed at the opening of a stream.
func newFeed(now time.Time) *feed {
	f := &feed{opened: now}
	for k := range f.tracks {
		f.tracks[k] = track{
			names: make(map[string]struct{}), known: make(map[string]held),
			force: make(map[string]struct{}), parked: make(map[string]parked),
		}
	}
	return f
}

// request takes one message from the proxy: a subscription, an ACK or a NACK, or both at once.
func (f *feed) request(k kind, req *discoveryv3.DeltaDiscoveryRequest, now time.Time) {
	t := &f.tracks[k]
	first := !t.subscribed
	if first {
		t.subscribed = true
		for name, version := range req.GetInitialResourceVersions() {
			t.known[name] = held{version: version, at: now}
		}
		// The older way to say "all": the first message names nothing.
		if len(req.GetResourceNamesSubscribe()) == 0 && (k == clusters || k == listeners) {
			t.wildcard = true
		}
		t.owed = len(t.known) == 0 && (t.wildcard || slices.Contains(req.GetResourceNamesSubscribe(), "*"))
	}
	if fl := t.flight; fl != nil && req.GetResponseNonce() == fl.nonce {
		t.flight = nil
		if req.GetErrorDetail() != nil {
			t.refused = now
			t.nack(k, fl, strings.TrimSpace(req.GetErrorDetail().GetMessage()))
		} else {
			t.ack(fl, now)
		}
	}
	for _, name := range req.GetResourceNamesSubscribe() {
		t.subscribe(name, first)
	}
	for _, name := range req.GetResourceNamesUnsubscribe() {
		t.unsubscribe(name)
	}
}

// subscribe adds a name. The proxy is owed an answer even if it is known to run the resource, since it may have dropped
// it in the meantime; only the first message of a stream says for certain what it holds.
func (t *track) subscribe(name string, first bool) {
	t.synced = ""
	if name == "*" {
		t.wildcard = true
		return
	}
	t.names[name] = struct{}{}
	if _, has := t.known[name]; !first || !has {
		t.force[name] = struct{}{}
	}
}

// unsubscribe takes a name back. While everything is subscribed by wildcard, the resource is still owed.
func (t *track) unsubscribe(name string) {
	t.synced = ""
	if name == "*" {
		t.wildcard = false
		for known := range t.known {
			if _, named := t.names[known]; !named {
				delete(t.known, known)
				delete(t.parked, known)
			}
		}
		return
	}
	delete(t.names, name)
	delete(t.known, name)
	delete(t.parked, name)
	delete(t.force, name)
	if t.wildcard {
		t.force[name] = struct{}{}
	}
}

func (t *track) wants(name string) bool {
	_, named := t.names[name]
	return named || t.wildcard
}

func (t *track) ack(fl *flight, now time.Time) {
	t.ackedAt = now
	for name, res := range fl.sent {
		delete(t.parked, name)
		switch {
		case res == nil:
			delete(t.known, name)
		case t.wants(name):
			t.known[name] = held{version: res.version, res: res, at: now}
		}
	}
}

// nack parks what was refused. A refusal of several does not say reliably which are bad, and Envoy may have taken the
// others: those it names are tried alone, the others together, or halves if it names none.
func (t *track) nack(k kind, fl *flight, message string) {
	t.rejected, t.message = fl.version, message
	if len(fl.sent) == 1 {
		for name, res := range fl.sent {
			t.park(k, name, res, fl, message)
		}
		return
	}
	var blamed, others []string
	for _, name := range sortedNames(fl.sent) {
		if blames(message, name) {
			blamed = append(blamed, name)
		} else {
			others = append(others, name)
		}
	}
	var again [][]string
	switch {
	case len(blamed) > 0 && strings.Contains(message, "Error adding/updating"):
		// Envoy's words after it tried each one by itself: the blamed need no second try.
		for _, name := range blamed {
			t.park(k, name, fl.sent[name], fl, message)
		}
		again = append(again, others)
	case len(blamed) > 0:
		again = append(again, others)
		for _, name := range blamed {
			again = append(again, []string{name})
		}
	default:
		again = append(again, others[:len(others)/2], others[len(others)/2:])
	}
	t.batches = append(again, t.batches...)
}

func (t *track) park(k kind, name string, res *resource, fl *flight, message string) {
	p := parked{message: message}
	if res != nil {
		p.version = res.version
	}
	if k == listeners || k == routes {
		p.clusters = fl.clusters
	}
	t.parked[name] = p
}

// blames says whether Envoy's message speaks of the resource by name.
func blames(message, name string) bool {
	for from := 0; name != ""; {
		i := strings.Index(message[from:], name)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(name)
		if (start == 0 || strings.IndexByte(" \n\t,'\"(", message[start-1]) >= 0) &&
			(end == len(message) || strings.IndexByte(" :\n\t,'\")", message[end]) >= 0) {
			return true
		}
		from = end
	}
	return false
}

// isParked says whether this version of a resource was refused; res is nil for a removal.
func (f *feed) isParked(k kind, name string, res *resource, p *prepared) (parked, bool) {
	was, ok := f.tracks[k].parked[name]
	if !ok {
		return parked{}, false
	}
	version := ""
	if res != nil {
		version = res.version
	}
	retry := (k == listeners || k == routes) && was.clusters != p.sets[clusters].version
	return was, was.version == version && !retry
}

// next gives the next message to send so that the proxy comes to run p, or nil and where the feed stands. With nil for p
// there is nothing to send.
func (f *feed) next(p *prepared, now time.Time) (*discoveryv3.DeltaDiscoveryResponse, standing) {
	var result standing
	if p == nil {
		return nil, result
	}
	settled := true
	for k := range kind(kinds) {
		t := &f.tracks[k]
		if !t.subscribed {
			settled = settled && (k == endpoints || k == routes)
			continue
		}
		if t.flight != nil {
			settled = false
			continue
		}
		d := f.compare(k, p, now)
		if len(d.send) > 0 || t.owed && d.empty() {
			resp := f.respond(k, d.send, p)
			t.flight.at = now
			return resp, standing{}
		}
		if d.refusal != nil && result.state != refused {
			result = standing{state: refused, message: d.refusal.message, culprit: poolKey{ref{k, d.refused}, d.refusal.version}}
		}
		settled = settled && !d.held
		if d.empty() && t.synced != p.sets[k].version {
			t.synced, t.acked = p.sets[k].version, p.sets[k].version
			if t.ackedAt.IsZero() {
				t.ackedAt = now // It came with what it should run.
			}
		}
	}
	switch {
	case result.state == refused && f.inFlight():
		return nil, standing{}
	case result.state == refused:
		return nil, result
	case settled && f.complete(p, now):
		return nil, standing{state: accepted}
	}
	return nil, standing{}
}

func (f *feed) inFlight() bool {
	for k := range f.tracks {
		if f.tracks[k].flight != nil {
			return true
		}
	}
	return false
}

// respond notes what is sent. A cluster that the proxy has already is replaced by this, and Envoy then waits for its
// endpoints to come again: they must follow although they did not change (or it waits 15 s).
func (f *feed) respond(k kind, send map[string]*resource, p *prepared) *discoveryv3.DeltaDiscoveryResponse {
	t := &f.tracks[k]
	f.nonce++
	t.flight = &flight{
		nonce: strconv.FormatUint(f.nonce, 10), version: p.sets[k].version, clusters: p.sets[clusters].version, sent: send,
	}
	t.synced, t.owed = "", false
	resp := &discoveryv3.DeltaDiscoveryResponse{
		TypeUrl: k.url(), Nonce: t.flight.nonce, SystemVersionInfo: p.sets[k].version,
	}
	for _, name := range sortedNames(send) {
		delete(t.force, name)
		res := send[name]
		if res == nil {
			resp.RemovedResources = append(resp.RemovedResources, name)
			continue
		}
		resp.Resources = append(resp.Resources, res.wire)
		if k != clusters {
			continue
		}
		for _, need := range res.needs {
			if eds := &f.tracks[need.kind]; eds.wants(need.name) {
				eds.force[need.name] = struct{}{}
			}
		}
	}
	return resp
}
