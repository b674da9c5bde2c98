package registry

import (
	"slices"
	"time"
)

// Elsewhere says which instances are connected to another replica of Weir, all of them each time: they are endpoints as those
// are that are connected here. Those that are no longer among them disconnected. The other replica has saved them.
func (r *Registry) Elsewhere(replica string, list []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.elsewhere(replica, list, Grace)
}

// Lost says that another replica has gone. That is no word on its proxies, which come back to others: they are given as long as
// those that are known from before a restart.
func (r *Registry) Lost(replica string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.elsewhere(replica, nil, RestoreGrace)
	delete(r.others, replica)
}

// Own lists the instances that are connected here, as they were saved, sorted by mesh, node and ID.
func (r *Registry) Own() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(r.records(), func(k Record) bool {
		e := r.nodes[nodeKey{k.Mesh, k.Node}][k.Instance.ID]
		return e.connections == 0 || e.listed == nil || !same(*e.listed, k.Instance)
	})
}

// instanceKey is an instance of a node.
type instanceKey struct {
	nodeKey
	id string
}

// elsewhere replaces what a replica listed. The lock is held.
func (r *Registry) elsewhere(replica string, list []Record, grace time.Duration) {
	was, now := r.others[replica], make(map[instanceKey]struct{}, len(list))
	moved := false
	for _, k := range list {
		key := instanceKey{nodeKey{k.Mesh, k.Node}, k.Instance.ID}
		if _, twice := now[key]; twice {
			continue
		}
		now[key] = struct{}{}
		_, known := was[key]
		moved = r.welcome(key, k.Instance, !known) || moved
	}
	for key := range was {
		if _, still := now[key]; still {
			continue
		}
		if e, ok := r.nodes[key.nodeKey][key.id]; ok {
			e.elsewhere--
			r.unsaved = true // nobody else keeps it
			r.left(e, grace)
		}
	}
	r.others[replica] = now
	if moved {
		r.changed(false)
	}
	r.wake()
}

// welcome notes an instance that is connected elsewhere, and says whether Instances would answer differently. What its own
// connection here said counts more. The lock is held.
func (r *Registry) welcome(key instanceKey, i Instance, arrives bool) (moved bool) {
	entries := r.node(key.nodeKey)
	if arrives {
		r.firstBack(entries)
	}
	e, ok := entries[key.id]
	if !ok {
		e = &entry{}
		entries[key.id] = e
	}
	if arrives {
		e.elsewhere++
		r.unsaved = r.unsaved || ok // the other replica keeps it from now on
	}
	if e.connections > 0 || e.listed != nil && same(*e.listed, i) {
		return false
	}
	e.instance, e.listed = i, &i
	return true
}

// left gives an instance some time once nobody is connected to it any more. The lock is held.
func (r *Registry) left(e *entry, grace time.Duration) {
	if e.connections > 0 {
		return
	}
	if e.elsewhere == 0 {
		e.expires = r.now().Add(grace)
		return
	}
	r.unsaved = true // another replica keeps it
}

// firstBack gives the others of a node the usual time again when one comes back after nobody was there: they may be a moment
// behind it. The lock is held.
func (r *Registry) firstBack(entries map[string]*entry) {
	if anyConnected(entries) {
		return
	}
	until := r.now().Add(Grace)
	for _, e := range entries {
		if e.expires.Before(until) {
			e.expires = until
		}
	}
}
