package health

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Source counts what became of requests; stored metrics can.
type Source interface {
	// Outcomes counts, by the graph id of the destination, what became of a mesh's requests.
	Outcomes(ctx context.Context, q Question) (map[string]Outcome, error)
}

// Question asks about the window that ends at a moment. Latency is what Slow is counted by; zero: it is not asked for.
type Question struct {
	Mesh            string
	At              time.Time
	Window, Latency time.Duration
}

// How often a window is counted again (a part of it, within bounds), and for how long what was counted stands.
const (
	countShare = 60
	minRecount = 10 * time.Second
	maxRecount = 5 * time.Minute
	countLasts = 3 // recounts that may fail
)

// Budgets keeps how fast services use up what their objectives leave. It is safe for concurrent use; Refresh is for one
// caller at a time.
type Budgets struct {
	source Source
	mu     sync.Mutex
	meshes map[string]*ledger
}

// ledger is what is known of one mesh.
type ledger struct {
	counted map[Question]tally // At is zero in the keys
	burns   map[string][]mesh.Burn
	until   time.Time // after that burns are not known any more
}

type tally struct {
	at       time.Time
	outcomes map[string]Outcome
}

// NewBudgets makes a keeper that knows nothing yet.
func NewBudgets(source Source) *Budgets {
	return &Budgets{source: source, meshes: make(map[string]*ledger)}
}

// recount is how often a window is counted again.
func recount(window time.Duration) time.Duration {
	return min(max(window/countShare, minRecount), maxRecount)
}

// Refresh counts again what is due and works out every service's burns; call it every ten seconds or so. Meshes without
// objectives ask for nothing. When counting fails it says so, and what was counted before stands for a while.
func (b *Budgets) Refresh(ctx context.Context, m mesh.Mesh, base Thresholds, now time.Time) error {
	promises := objectives(m, base)
	b.mu.Lock()
	if len(promises) == 0 {
		delete(b.meshes, m.Name)
		b.mu.Unlock()
		return nil
	}
	l := b.meshes[m.Name]
	if l == nil {
		l = &ledger{counted: make(map[Question]tally)}
		b.meshes[m.Name] = l
	}
	b.mu.Unlock()

	asked := questions(m.Name, promises)
	err := b.count(ctx, l, asked, now)
	for q, c := range l.counted {
		if now.Sub(c.at) > countLasts*recount(q.Window) || !slices.Contains(asked, q) {
			delete(l.counted, q)
		}
	}
	burns := make(map[string][]mesh.Burn, len(promises))
	for service, limits := range promises {
		if list := Burns(limits, l.of(m.NodesOf(service), m.Name, limits)); len(list) > 0 {
			burns[service] = list
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l.burns, l.until = burns, now.Add(countLasts*minRecount+maxRecount)
	return err
}

// Forget drops the meshes that are gone.
func (b *Budgets) Forget(known func(mesh string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.meshes {
		if !known(name) {
			delete(b.meshes, name)
		}
	}
}

// Burns gives what was worked out last, by service; nothing when that is too long ago. Nobody may change it.
func (b *Budgets) Burns(name string, now time.Time) map[string][]mesh.Burn {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.meshes[name]
	if l == nil || now.After(l.until) {
		return nil
	}
	return l.burns
}

// count asks what is due, the shortest windows first. A source that fails once is not asked on.
func (b *Budgets) count(ctx context.Context, l *ledger, asked []Question, now time.Time) error {
	for _, q := range asked {
		if c, ok := l.counted[q]; ok && now.Sub(c.at) < recount(q.Window) {
			continue
		}
		at := q
		at.At = now
		outcomes, err := b.source.Outcomes(ctx, at)
		if err != nil {
			return mesh.Errorf(mesh.CodeOf(err), "mesh %s: count the requests of the last %s for its objectives: %w", q.Mesh, q.Window, err)
		}
		l.counted[q] = tally{now, outcomes}
	}
	return nil
}

// of adds up, by window, what became of the requests to a service's nodes.
func (l *ledger) of(nodes []string, name string, limits Thresholds) map[time.Duration]Outcome {
	counted := make(map[time.Duration]Outcome)
	for _, w := range Windows(limits.Objective) {
		c, ok := l.counted[Question{Mesh: name, Window: w, Latency: latencyOf(limits.Objective)}]
		if !ok {
			continue
		}
		var sum Outcome
		for _, n := range nodes {
			sum = sum.Add(c.outcomes[n])
		}
		counted[w] = sum
	}
	return counted
}

func latencyOf(o mesh.Objective) time.Duration {
	if o.Latency == nil {
		return 0
	}
	return time.Duration(*o.Latency)
}

// objectives finds what holds for each service that promises something.
func objectives(m mesh.Mesh, base Thresholds) map[string]Thresholds {
	found := make(map[string]Thresholds)
	whole := Resolve(base, Level{m.Settings().Ref(), m.Health})
	for _, s := range m.Services {
		if limits := Resolve(whole, Level{s.Ref(), s.Health}); Promises(limits.Objective) {
			found[s.Name] = limits
		}
	}
	return found
}

// questions lists what is to be counted for objectives, the shortest windows first. One count serves every service.
func questions(name string, promises map[string]Thresholds) []Question {
	var list []Question
	for _, limits := range promises {
		for _, w := range Windows(limits.Objective) {
			list = append(list, Question{Mesh: name, Window: w, Latency: latencyOf(limits.Objective)})
		}
	}
	slices.SortFunc(list, func(a, b Question) int {
		return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Latency, b.Latency))
	})
	return slices.Compact(list)
}
