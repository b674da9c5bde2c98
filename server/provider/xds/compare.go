package xds

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// difference is what keeps a proxy from running a set.
type difference struct {
	send    map[string]*resource // may go now; nil is a removal
	held    bool                 // something has to wait for something else
	refusal *parked              // something was refused: the first by name
	refused string               // its name
}

func (d difference) empty() bool { return len(d.send) == 0 && !d.held && d.refusal == nil }

// compare finds what may be sent of one kind. It costs nothing while the proxy runs the whole set.
func (f *feed) compare(k kind, p *prepared, now time.Time) difference {
	t := &f.tracks[k]
	if t.synced == p.sets[k].version && len(t.force) == 0 {
		return difference{}
	}
	d := difference{send: make(map[string]*resource)}
	if t.wildcard {
		for name, res := range p.sets[k].byName {
			f.consider(&d, name, res, p, now)
		}
	} else {
		for name := range t.names {
			if res, ok := p.sets[k].byName[name]; ok {
				f.consider(&d, name, res, p, now)
			}
		}
	}
	f.removals(&d, k, p, now)
	f.restrict(&d, t)
	return d
}

// consider adds one resource to what is sent, held or refused, unless the proxy runs it.
func (f *feed) consider(d *difference, name string, res *resource, p *prepared, now time.Time) {
	t := &f.tracks[res.kind]
	if _, force := t.force[name]; !force && t.known[name].version == res.version {
		return
	}
	if was, ok := f.isParked(res.kind, name, res, p); ok {
		if d.refusal == nil || name < d.refused {
			d.refusal, d.refused = &was, name
		}
		return
	}
	if !f.ready(res, p, now) {
		d.held = true
		return
	}
	d.send[name] = res
}

// removals adds what the proxy runs, or asked for, and should not or cannot have.
func (f *feed) removals(d *difference, k kind, p *prepared, now time.Time) {
	t := &f.tracks[k]
	var used map[ref]struct{}
	var opaque bool
	for name := range t.known {
		if _, ok := p.sets[k].byName[name]; ok {
			continue
		}
		if was, ok := f.isParked(k, name, nil, p); ok {
			if d.refusal == nil || name < d.refused {
				d.refusal, d.refused = &was, name
			}
			continue
		}
		if used == nil {
			used, opaque = f.used(k, p, now)
		}
		if _, inUse := used[ref{k, name}]; inUse || opaque {
			d.held = true
			continue
		}
		d.send[name] = nil
	}
	for name := range t.force {
		_, exists := p.sets[k].byName[name]
		if _, known := t.known[name]; !exists && !known {
			d.send[name] = nil // It asked for something that does not exist, and is told.
		}
	}
}

// restrict keeps what is to be tried apart apart.
func (f *feed) restrict(d *difference, t *track) {
	for len(t.batches) > 0 {
		only := make(map[string]*resource)
		for _, name := range t.batches[0] {
			if res, ok := d.send[name]; ok {
				only[name] = res
			}
		}
		t.batches = t.batches[1:]
		if len(only) > 0 {
			d.send = only
			return
		}
	}
}

// ready says whether everything that a listener or route needs first is running on the proxy.
func (f *feed) ready(res *resource, p *prepared, now time.Time) bool {
	if res.kind != listeners && res.kind != routes {
		return true
	}
	for _, need := range res.needs {
		cluster, exists := p.sets[need.kind].byName[need.name]
		if need.kind != clusters || !exists {
			continue // Not Weir's, or wrong: the proxy will say so.
		}
		if !f.warm(cluster, p, now) {
			return false
		}
	}
	return true
}

// warm says whether a cluster is running with its endpoints.
func (f *feed) warm(cluster *resource, p *prepared, now time.Time) bool {
	t := &f.tracks[clusters]
	if !t.subscribed {
		return now.Sub(f.opened) >= settle
	}
	running, ok := t.known[cluster.name]
	if !ok {
		return false
	}
	for _, need := range cluster.needs {
		if _, exists := p.sets[need.kind].byName[need.name]; !exists {
			continue
		}
		eds := &f.tracks[need.kind]
		if _, has := eds.known[need.name]; !has && (eds.wants(need.name) || now.Sub(running.at) < settle) {
			return false
		}
	}
	return true
}

// used gathers what is named by anything that the proxy runs or is being sent and that can name a resource of kind k.
// opaque is true if some of that is known by version only, or not at all yet as on a stream just opened by a proxy that
// has long been running, so that anything may be in use.
func (f *feed) used(k kind, p *prepared, now time.Time) (used map[ref]struct{}, opaque bool) {
	users := [kinds][]kind{clusters: {listeners, routes}, endpoints: {clusters}, routes: {listeners}}[k]
	used = make(map[ref]struct{})
	for _, user := range users {
		t := &f.tracks[user]
		opaque = opaque || !t.subscribed && now.Sub(f.opened) < settle
		for name, h := range t.known {
			res := h.res
			if now := p.sets[user].byName[name]; res == nil && now != nil && now.version == h.version {
				res = now
			}
			if res == nil {
				opaque = true
				continue
			}
			for _, need := range res.needs {
				used[need] = struct{}{}
			}
		}
		if t.flight == nil {
			continue
		}
		for _, res := range t.flight.sent {
			if res == nil {
				continue
			}
			for _, need := range res.needs {
				used[need] = struct{}{}
			}
		}
	}
	return used, opaque
}

// complete says whether the proxy has asked for all that its clusters and listeners name.
func (f *feed) complete(p *prepared, now time.Time) bool {
	whole := [2]string{p.sets[clusters].version, p.sets[listeners].version}
	if f.whole == whole {
		return true
	}
	for _, k := range []kind{clusters, listeners} {
		for _, res := range p.sets[k].byName {
			for _, need := range res.needs {
				if _, exists := p.sets[need.kind].byName[need.name]; !exists {
					continue
				}
				if _, has := f.tracks[need.kind].known[need.name]; !has && now.Sub(f.tracks[k].known[res.name].at) < settle {
					return false
				}
			}
		}
	}
	f.whole = whole
	return true
}

// forgive forgets refusals of what is no longer wanted, once the proxy runs all of p.
func (f *feed) forgive(p *prepared) {
	for k := range f.tracks {
		t := &f.tracks[k]
		t.rejected, t.message, t.refused = "", "", time.Time{}
		for name := range t.parked {
			if _, ok := p.sets[k].byName[name]; !ok {
				delete(t.parked, name)
			}
		}
	}
}

// resourceTypes reports the feed as the provider's contract has it. The proxy is given p now; wanted is what it is to run
// in the end, which is something else while it is tried on another proxy, or was refused.
func (f *feed) resourceTypes(p, wanted *prepared) []provider.ResourceType {
	out := make([]provider.ResourceType, 0, kinds)
	for k := range kind(kinds) {
		t := &f.tracks[k]
		r := provider.ResourceType{
			Type: k.String(), Acked: t.acked, AckedAt: t.ackedAt, Rejected: t.rejected, RejectedAt: t.refused, Message: t.message,
		}
		if p != nil {
			r.Count = len(p.sets[k].byName)
		}
		if wanted != nil {
			r.Wanted = wanted.sets[k].version
		}
		if t.flight != nil {
			r.Pending, r.SentAt = t.flight.version, t.flight.at
		}
		out = append(out, r)
	}
	return out
}

// sortedNames lists the keys in order.
func sortedNames[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare)
}
