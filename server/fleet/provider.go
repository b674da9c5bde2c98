package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

var (
	_ provider.Provider  = (*Fleet)(nil)
	_ provider.Previewer = (*Fleet)(nil)
)

// keepApplied is how many revisions of a mesh the others are told about.
const keepApplied = 32

// Apply makes a mesh's desired state known to the proxies of this process. The other replicas apply it to theirs.
func (f *Fleet) Apply(ctx context.Context, d provider.Desired) error {
	if err := f.Local.Apply(ctx, d); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.applied[d.Mesh.Name]
	if len(list) == 0 || list[len(list)-1] < d.Revision {
		list = append(list, d.Revision)
		f.applied[d.Mesh.Name] = list[max(0, len(list)-keepApplied):]
	}
	f.wake()
	return nil
}

// Name is the local provider's.
func (f *Fleet) Name() string { return f.Local.Name() }

// Delivery says how far a revision got with the proxies of all replicas. While one that has proxies of the mesh has not heard
// of it, those wait. Ok is false when no replica saw it.
func (f *Fleet) Delivery(meshName string, revision int64) (provider.Delivery, bool) {
	views := f.views(meshName)
	if len(views) == 0 {
		return f.Local.Delivery(meshName, revision)
	}
	here := f.here(meshName)
	if d, ok := f.Local.Delivery(meshName, revision); ok {
		here.deliveries = []provider.Delivery{d}
	} else if here.applied > revision {
		here.deliveries = f.deliveries(meshName)
	}
	return deliver(append([]view{here}, views...), revision)
}

// Proxies lists the proxies of all replicas, each once: where it connected last.
func (f *Fleet) Proxies(meshName string) []provider.Proxy {
	views := f.views(meshName)
	local := f.Local.Proxies(meshName)
	if len(views) == 0 {
		return local
	}
	return join(append([]view{{proxies: local}}, views...))
}

// Watch gives a channel that receives whenever a Delivery or a Proxy changed, here or at another replica, and a function that
// ends it.
func (f *Fleet) Watch() (changed <-chan struct{}, stop func()) {
	if f.Table == nil {
		return f.Local.Watch()
	}
	ch := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers[ch] = struct{}{}
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, ch)
	}
}

// Dump gives what one proxy runs and should run. Errors: the local provider's, and mesh.Unavailable for a proxy that is
// connected to another replica.
func (f *Fleet) Dump(meshName, id string, ask provider.Ask) (provider.Dump, error) {
	for _, p := range f.Proxies(meshName) {
		if p.ID == id && p.Replica != "" {
			return provider.Dump{}, mesh.Errorf(mesh.Unavailable,
				"proxy %s is connected to replica %s, and only that one knows its configuration in detail: ask there", id, p.Replica)
		}
	}
	return f.Local.Dump(meshName, id, ask)
}

// Preview compares what the proxies of this process run with what they would run. Of proxies at other replicas, those change
// whose node or gateway has a proxy here that does.
func (f *Fleet) Preview(ctx context.Context, m mesh.Mesh, drafts int) (provider.Preview, error) {
	out, err := f.Local.Preview(ctx, m, drafts)
	views := f.views(m.Name)
	if err != nil || len(views) == 0 {
		return out, err
	}
	type end struct{ node, gateway string }
	changes := make(map[end]bool)
	all := f.Proxies(m.Name)
	for _, p := range all {
		if _, found := slices.BinarySearch(out.Changed, p.ID); found {
			changes[end{p.Node, p.Gateway}] = true
		}
	}
	for _, p := range all {
		if p.Replica == "" || !p.Connected() {
			continue
		}
		out.Connected++
		if changes[end{p.Node, p.Gateway}] {
			out.Changed = append(out.Changed, p.ID)
		}
	}
	slices.Sort(out.Changed)
	out.Changed = slices.Compact(out.Changed)
	return out, nil
}

// here is this process' own view of a mesh, without its deliveries.
func (f *Fleet) here(meshName string) view {
	v := view{proxies: f.Local.Proxies(meshName)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if list := f.applied[meshName]; len(list) > 0 {
		v.applied = list[len(list)-1]
	}
	return v
}

// deliveries gives the newest revisions' deliveries here, ascending.
func (f *Fleet) deliveries(meshName string) []provider.Delivery {
	f.mu.Lock()
	revisions := slices.Clone(f.applied[meshName])
	f.mu.Unlock()
	var list []provider.Delivery
	for _, revision := range revisions {
		if d, ok := f.Local.Delivery(meshName, revision); ok {
			list = append(list, d)
		}
	}
	return list
}

// views gives what the other replicas know of a mesh.
func (f *Fleet) views(meshName string) []view {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []view
	for _, p := range f.sorted() {
		v := view{replica: p.row.Name}
		if i := slices.IndexFunc(p.state.Meshes, func(m meshState) bool { return m.Name == meshName }); i >= 0 {
			m := p.state.Meshes[i]
			v.applied, v.deliveries, v.proxies = m.Applied, m.Deliveries, m.Proxies
		}
		list = append(list, v)
	}
	return list
}

// sorted lists the peers by name. The lock is held.
func (f *Fleet) sorted() []*peer {
	return slices.SortedFunc(maps.Values(f.peers), func(a, b *peer) int {
		return cmp.Or(cmp.Compare(a.row.Name, b.row.Name), cmp.Compare(a.row.ID, b.row.ID))
	})
}

// notify tells the watchers. The lock is held.
func (f *Fleet) notify() {
	for ch := range f.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// wake has the others told soon.
func (f *Fleet) wake() {
	select {
	case f.tell <- struct{}{}:
	default:
	}
}
