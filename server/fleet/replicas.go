package fleet

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// Of replicas that went it is remembered for as long as somebody looks for what happened, and of a few.
const (
	rememberFor = 10 * time.Minute
	remembered  = 16
)

// end is a connected proxy, and what it stands for.
type end struct{ id, node, gateway string }

// lost is a replica that went, with the proxies that it had, by mesh.
type lost struct {
	provider.Replica
	had map[string][]end
}

// endsOf lists the connected proxies of each mesh.
func endsOf(s state) map[string][]end {
	all := make(map[string][]end, len(s.Meshes))
	for _, m := range s.Meshes {
		for _, p := range m.Proxies {
			if p.Connected() {
				all[m.Name] = append(all[m.Name], end{p.ID, p.Node, p.Gateway})
			}
		}
	}
	return all
}

// Connected counts the connected proxies of all replicas by virtual node and by virtual gateway, each once. It costs less than
// Proxies: of those at other replicas only names are looked at.
func (f *Fleet) Connected(meshName string) (nodes, gateways map[string]int) {
	nodes, gateways = f.Local.Connected(meshName)
	f.mu.Lock()
	var lists [][]end
	for _, p := range f.peers {
		if list := p.ends[meshName]; len(list) > 0 {
			lists = append(lists, list) // which is not changed
		}
	}
	f.mu.Unlock()
	seen := make(map[string]bool)
	for _, list := range lists {
		for _, e := range list {
			if len(lists) > 1 {
				if seen[e.id] {
					continue
				}
				seen[e.id] = true
			}
			switch {
			case f.Local.IsConnected(meshName, e.id): // it came here, which the other one has not told yet
			case e.gateway != "":
				gateways[e.gateway]++
			default:
				nodes[e.node]++
			}
		}
	}
	return nodes, gateways
}

// Database says when the database that replicas share was last read.
func (f *Fleet) Database() provider.Database {
	if f.Table == nil {
		return provider.Database{Reached: true}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	heard := f.lookedAt
	if heard.IsZero() {
		heard = f.started
	}
	return provider.Database{Shared: true, Reached: f.Now().Sub(heard) < Silent, Heard: heard, Others: len(f.peers)}
}

// Replicas lists this process first, then the others that live, by name, then those that went lately, the newest first. One
// that is there again under its name is not among them.
func (f *Fleet) Replicas() []provider.Replica {
	here := f.Here()
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []provider.Replica{here}
	now := f.Now()
	for _, p := range f.sorted() {
		r := p.replica()
		r.Age = (p.row.Age + now.Sub(f.lookedAt)).Seconds()
		list = append(list, r)
	}
	for _, gone := range slices.Backward(f.lost) {
		known := slices.ContainsFunc(list, func(r provider.Replica) bool { return r.Name == gone.Name })
		if known || now.Sub(gone.Gone) > rememberFor {
			continue
		}
		r := gone.Replica
		r.Age = now.Sub(gone.Gone).Seconds() + gone.Age
		r.Missing = f.missing(gone.had)
		list = append(list, r)
	}
	return list
}

// Here is this process.
func (f *Fleet) Here() provider.Replica {
	here := provider.Replica{Name: f.Replica, ID: f.id, Version: f.Version, Started: f.started, Here: true}
	for _, name := range f.meshes() {
		nodes, gateways := f.Local.Connected(name)
		for _, counts := range []map[string]int{nodes, gateways} {
			for _, n := range counts {
				here.Proxies += n
			}
		}
	}
	return here
}

func (f *Fleet) meshes() []string {
	if f.Meshes == nil {
		return nil
	}
	return f.Meshes()
}

// replica is what is known of a peer, but for its age.
func (p *peer) replica() provider.Replica {
	r := provider.Replica{Name: p.row.Name, ID: p.row.ID, Version: p.row.Version, Started: p.row.Started}
	for _, list := range p.ends {
		r.Proxies += len(list)
	}
	return r
}

// mourn remembers a peer that went. The lock is held.
func (f *Fleet) mourn(p *peer, left bool) {
	r := p.replica()
	r.Gone, r.Left, r.Age = f.Now(), left, p.row.Age.Seconds()
	f.lost = append(f.lost, lost{r, p.ends})
	f.lost = slices.Clone(f.lost[max(0, len(f.lost)-remembered):])
}

// missing are the proxies among some that are connected nowhere. The lock is held.
func (f *Fleet) missing(had map[string][]end) (ids []string) {
	for meshName, list := range had {
		there := make(map[string]bool)
		for _, p := range f.peers {
			for _, e := range p.ends[meshName] {
				there[e.id] = true
			}
		}
		for _, e := range list {
			if !there[e.id] && !f.Local.IsConnected(meshName, e.id) {
				ids = append(ids, e.id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
