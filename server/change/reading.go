package change

import (
	"math"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// readFor is how long the traffic before a change and after it is looked at: as long as the aggregator is exact to the
// second.
const readFor = 30 * time.Second

// Around says what traffic was like; the live aggregator is one.
type Around interface {
	// Sum gives what the edges for which matters holds carried together in the window that ends at now.
	Sum(mesh string, window time.Duration, now time.Time, matters func(from, to string) bool) mesh.Traffic
}

// readBefore reads what the traffic was before each change that is new. Run does it as soon as the change is recorded,
// before the first proxy has it for as long as matters.
func (d *Door) readBefore(now time.Time) {
	if d.around == nil {
		return
	}
	for _, e := range d.open(func(e *entry) bool { return !e.looked && !e.restored }) {
		e.looked = true
		if plan := expect(e.edits, d.current(e.mesh).Mesh); !plan.empty() {
			e.before = d.reading(e.mesh, plan, now)
		}
	}
}

// readAfter reads it again once proxies have had the change for as long.
func (d *Door) readAfter(e *entry, since, now time.Time) {
	if d.around == nil || e.after != nil || e.before == nil || e.meter.plan.empty() || now.Sub(since) < readFor+time.Second {
		return
	}
	e.after = d.reading(e.mesh, e.meter.plan, now)
}

// reading is what an expectation's edges carried lately; nil when that was nothing.
func (d *Door) reading(name string, plan expectation, now time.Time) *Reading {
	t := d.around.Sum(name, readFor, now, plan.matters)
	return &Reading{
		Window: strconv.Itoa(int(readFor/time.Second)) + "s", Requests: int64(math.Round(t.Requests)), ErrorRatio: t.ErrorRatio,
		P50: t.P50.Seconds(), P95: t.P95.Seconds(),
	}
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
