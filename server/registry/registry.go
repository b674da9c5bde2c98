// Package registry knows where the instances of virtual nodes are that register by connecting: a proxy that holds a
// connection to Weir is an instance. It forgets slowly on purpose: an outage of Weir, or of the network between it and
// the proxies, must not look like the death of every instance.
//
// It does not check health; the callers' proxies do. It decides nothing about configuration and knows no protocol.
package registry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// The registry's patience.
const (
	// Grace is how long an instance stays after its proxy disconnected, if others of its node are connected.
	Grace = 5 * time.Second
	// RestoreGrace is the same for instances known from before a restart, whose proxies have yet to come back.
	RestoreGrace = 30 * time.Second

	saveEvery = 100 * time.Millisecond
	// restOfSaves is how many times as long as a save took there is none after it: each is of every instance, and thousands
	// that come at once must not be saved a hundred times.
	restOfSaves = 4
	retryEvery  = time.Second // after a save that failed
)

// Instance is one place where a virtual node can be reached.
type Instance struct {
	ID      string      `json:"id"`      // unique within the node
	Address string      `json:"address"` // an IP address
	Ports   map[int]int `json:"ports"`   // mesh listener port → port at Address
}

// Record is an instance with the node it belongs to, as it is kept across restarts.
type Record struct {
	Mesh     string   `json:"mesh"`
	Node     string   `json:"node"`
	Instance Instance `json:"instance"`
}

// Saver keeps the records across restarts.
type Saver interface {
	// SaveInstances replaces what was saved before by all, sorted by mesh, node and instance ID.
	SaveInstances(ctx context.Context, all []Record) error
}

// Options are what a Registry needs. Every field may be left out.
type Options struct {
	Saver  Saver // none: nothing is kept across restarts
	Logger *slog.Logger
	Now    func() time.Time
}

// Registry holds the instances. Its methods may be called at once from anywhere.
type Registry struct {
	saver Saver
	log   *slog.Logger
	now   func() time.Time

	mu       sync.Mutex
	nodes    map[nodeKey]map[string]*entry
	others   map[string]map[instanceKey]struct{} // what each of the other replicas listed
	watchers map[chan struct{}]struct{}
	kick     chan struct{} // wakes Run: the next deadline may have moved
	unsaved  bool
}

type nodeKey struct{ mesh, node string }

// entry is one instance. While nobody is connected to it, here or elsewhere, it may be dropped at expires.
type entry struct {
	instance    Instance
	listed      *Instance // as Instances gives it; nil until it is saved
	connections int
	elsewhere   int // other replicas that it is connected to
	expires     time.Time
}

// New makes an empty registry.
func New(o Options) *Registry {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Registry{
		saver: o.Saver, log: o.Logger, now: o.Now,
		nodes:    make(map[nodeKey]map[string]*entry),
		others:   make(map[string]map[instanceKey]struct{}),
		watchers: make(map[chan struct{}]struct{}),
		kick:     make(chan struct{}, 1),
	}
}

// Restore adds instances known from before a restart. Those that do not connect within RestoreGrace are dropped, by the
// same rules as those that disconnect.
func (r *Registry) Restore(known []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range known {
		node := r.node(nodeKey{k.Mesh, k.Node})
		if _, ok := node[k.Instance.ID]; !ok {
			node[k.Instance.ID] = &entry{instance: k.Instance, listed: &k.Instance, expires: r.now().Add(RestoreGrace)}
		}
	}
	if len(known) > 0 {
		r.changed(false)
	}
}

// Connected adds an instance, or says that it is back. An ID may be connected more than once, as when a proxy comes
// back before the loss of its old connection is noticed; the newest address and ports count. Where a Saver keeps the
// records, Instances gives what is new once it is saved: a proxy that has been told of an instance is told of it after a
// crash too, and never to forget it.
func (r *Registry) Connected(meshName, node string, i Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := nodeKey{meshName, node}
	entries := r.node(key)
	r.firstBack(entries)
	e, ok := entries[i.ID]
	if !ok {
		e = &entry{}
		entries[i.ID] = e
	}
	e.connections++
	if !ok || !same(e.instance, i) || e.elsewhere > 0 {
		e.instance = i
		r.unsaved = true
		if r.saver == nil {
			r.list()
		}
	}
	r.wake()
}

// Disconnected takes one connection of an instance back. The instance stays for Grace, and for as long as no other
// instance of its node is connected.
func (r *Registry) Disconnected(meshName, node, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.nodes[nodeKey{meshName, node}][id]
	if !ok || e.connections == 0 {
		return
	}
	e.connections--
	r.left(e, Grace)
	r.wake()
}

// Instances gives a mesh's instances by virtual node, sorted by ID. The caller may keep the result but not change it.
func (r *Registry) Instances(meshName string) map[string][]Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string][]Instance)
	for key, entries := range r.nodes {
		if key.mesh != meshName || len(entries) == 0 {
			continue
		}
		list := make([]Instance, 0, len(entries))
		for _, e := range entries {
			if e.listed != nil {
				list = append(list, *e.listed)
			}
		}
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
		out[key.node] = list
	}
	return out
}

// Watch gives a channel that receives (coalesced, capacity one) whenever Instances would answer differently, and a
// function that ends it.
func (r *Registry) Watch() (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[ch] = struct{}{}
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, ch)
	}
}

// Run drops what has expired and saves what changed, soon but many at a time, until ctx ends; then it saves a last time.
func (r *Registry) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	saveAt := time.Time{}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			r.save(last)
			return nil
		case <-r.kick:
		case <-timer.C:
		}
		now := r.now()
		next := r.Expire(now)
		if !now.Before(saveAt) {
			saveAt = now.Add(r.save(ctx))
		}
		if r.dirty() && (next.IsZero() || saveAt.Before(next)) {
			next = saveAt
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(next.Sub(now))
		}
	}
}

// Expire drops the instances whose time is over and gives the next moment at which there may be something to drop; zero
// when there is none. Run calls it; tests may.
func (r *Registry) Expire(now time.Time) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dropped := false
	for key, entries := range r.nodes {
		if !anyConnected(entries) {
			continue // The last ones of a node stay until somebody replaces them.
		}
		for id, e := range entries {
			switch {
			case e.connected():
			case !now.Before(e.expires):
				delete(entries, id)
				dropped = true
				r.log.Info("instance dropped", "mesh", key.mesh, "node", key.node, "instance", id)
			case next.IsZero() || e.expires.Before(next):
				next = e.expires
			}
		}
	}
	if dropped {
		r.changed(true)
	}
	return next
}

func (r *Registry) node(key nodeKey) map[string]*entry {
	entries, ok := r.nodes[key]
	if !ok {
		entries = make(map[string]*entry)
		r.nodes[key] = entries
	}
	return entries
}

// changed tells the watchers; save says whether what is saved is now out of date. The lock is held.
func (r *Registry) changed(save bool) {
	r.unsaved = r.unsaved || save
	for ch := range r.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// wake makes Run look again. The lock is held.
func (r *Registry) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

func (r *Registry) dirty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unsaved && r.saver != nil
}

// save writes every record if something changed since the last time, lists what it wrote, and says how long the next save
// has to wait. After a failure the new instances are listed all the same: they are needed now, a crash may never come.
func (r *Registry) save(ctx context.Context) (wait time.Duration) {
	r.mu.Lock()
	if !r.unsaved || r.saver == nil {
		r.mu.Unlock()
		return 0
	}
	all := r.records()
	r.unsaved = false
	r.mu.Unlock()

	begin := r.now()
	err := r.saver.SaveInstances(ctx, all)
	took := r.now().Sub(begin)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.log.Warn("instances were not saved", "error", fmt.Errorf("save %d instances: %w", len(all), err))
		r.unsaved = true
		r.list()
		return retryEvery
	}
	r.listSaved(all)
	return max(saveEvery, restOfSaves*took)
}

// list lists every instance as it is. The lock is held.
func (r *Registry) list() { r.listSaved(r.records()) }

// listSaved lists instances as they were saved, those that were dropped meanwhile excepted. The lock is held.
func (r *Registry) listSaved(all []Record) {
	moved := false
	for _, k := range all {
		e, ok := r.nodes[nodeKey{k.Mesh, k.Node}][k.Instance.ID]
		if ok && (e.listed == nil || !same(*e.listed, k.Instance)) {
			e.listed = &k.Instance
			moved = true
		}
	}
	if moved {
		r.changed(false)
	}
}

// records lists what is to be saved here, sorted: everything but what other replicas keep. The lock is held.
func (r *Registry) records() []Record {
	var all []Record
	for key, entries := range r.nodes {
		for _, e := range entries {
			if e.connections == 0 && e.elsewhere > 0 {
				continue
			}
			all = append(all, Record{Mesh: key.mesh, Node: key.node, Instance: e.instance})
		}
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Mesh, b.Mesh), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Instance.ID, b.Instance.ID))
	})
	return all
}

func (e *entry) connected() bool { return e.connections > 0 || e.elsewhere > 0 }

func anyConnected(entries map[string]*entry) bool {
	for _, e := range entries {
		if e.connected() {
			return true
		}
	}
	return false
}

func same(a, b Instance) bool {
	return a.ID == b.ID && a.Address == b.Address && maps.Equal(a.Ports, b.Ports)
}
