package web

import (
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// calm is how long a box or a call must have been well for its trouble to be over: what is ill again before that is the
// same trouble, which at night is what somebody wants to know the beginning of.
const calm = 15 * time.Second

// troubles remembers since when what is ill has been so.
type troubles struct {
	mu     sync.RWMutex
	meshes map[string]map[string]*trouble // by mesh, then by edge or box
	began  map[string]time.Time           // when the remembering did, by mesh
}

// trouble is one of them.
type trouble struct {
	since, seen time.Time
	atLeast     bool // it was so when the remembering began, or so soon after it that it may have been
	asked       bool // the history was
}

func newTroubles() *troubles {
	return &troubles{meshes: make(map[string]map[string]*trouble), began: make(map[string]time.Time)}
}

// settling is how long after the remembering began what turns ill may have been so before: the numbers of a process that
// has just started do not fill a window yet.
const settling = 30 * time.Second

// edgeKey tells edges apart, as addresses do.
func edgeKey(from, to string) string { return from + " " + to }

// add takes one picture.
func (t *troubles) add(g graph.Graph, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, begun := t.meshes[g.Mesh]
	if !begun {
		known = make(map[string]*trouble)
		t.meshes[g.Mesh], t.began[g.Mesh] = known, now
	}
	note := func(key string, h mesh.Health) {
		if !ill(h) {
			return
		}
		if known[key] == nil {
			known[key] = &trouble{since: now, atLeast: now.Sub(t.began[g.Mesh]) < settling}
		}
		known[key].seen = now
	}
	for _, e := range g.Edges {
		note(edgeKey(e.From, e.To), e.Health)
	}
	for _, n := range g.Nodes {
		note(n.ID, n.Health)
	}
	for key, each := range known {
		if now.Sub(each.seen) > calm {
			delete(known, key)
		}
	}
}

// keep forgets meshes that are no longer there.
func (t *troubles) keep(names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.meshes {
		if !slices.Contains(names, name) {
			delete(t.meshes, name)
			delete(t.began, name)
		}
	}
}

// of gives since when an edge or a box has been ill; atLeast says that it may be longer. The zero time: it is not known.
func (t *troubles) of(mesh, key string) (since time.Time, atLeast bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if each := t.meshes[mesh][key]; each != nil {
		return each.since, each.atLeast
	}
	return time.Time{}, false
}
