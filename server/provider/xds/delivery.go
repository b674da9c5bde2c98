package xds

import (
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

const (
	// keepDeliveries is how many revisions of a mesh are remembered.
	keepDeliveries = 1000
	// absence is how long a proxy that left without an answer still counts as waiting: it is likely to come back.
	absence = 5 * time.Second
)

// deliveries is how far the revisions of one mesh got.
type deliveries struct {
	byRevision map[int64]*delivery
	order      []int64
	open       []*delivery // those with proxies still to answer, oldest first
}

// delivery is one revision's. While it is open its answers are in answers; then only the report remains.
type delivery struct {
	revision int64
	groups   map[string]struct{} // those that it changed; nil means every one
	answers  map[string]*answer  // by proxy ID
	report   provider.Delivery
}

type answer struct {
	answered bool
	rejected bool
	message  string
	left     time.Time // disconnected since; zero while connected
}

// add begins a revision's delivery to proxies. groups are the groups that it changed, nil for all.
func (d *deliveries) add(revision int64, ids []string, groups map[string]struct{}, now time.Time) {
	if d.byRevision == nil {
		d.byRevision = make(map[int64]*delivery)
	}
	one := &delivery{revision: revision, groups: groups, answers: make(map[string]*answer, len(ids))}
	for _, id := range ids {
		one.answers[id] = &answer{}
	}
	d.byRevision[revision] = one
	d.order = append(d.order, revision)
	d.open = append(d.open, one)
	if len(d.order) > keepDeliveries {
		oldest := d.byRevision[d.order[0]]
		d.open = slices.DeleteFunc(d.open, func(o *delivery) bool { return o == oldest })
		delete(d.byRevision, d.order[0])
		d.order = d.order[1:]
	}
	d.close(now)
}

// acked notes that a proxy runs a revision and so every one before it.
func (d *deliveries) acked(id string, revision int64, now time.Time) {
	d.answer(id, revision, answer{answered: true}, now)
}

// refused notes that a proxy did not take a revision; nor, then, those before it that it had not answered.
func (d *deliveries) refused(id string, revision int64, message string, now time.Time) {
	d.answer(id, revision, answer{answered: true, rejected: true, message: message}, now)
}

func (d *deliveries) answer(id string, revision int64, a answer, now time.Time) {
	for _, one := range d.open {
		if was, ok := one.answers[id]; ok && !was.answered && one.revision <= revision {
			*was = a
			one.report.At = now
		}
	}
	d.close(now)
}

// left notes that a proxy disconnected.
func (d *deliveries) left(id string, now time.Time) {
	for _, one := range d.open {
		if a, ok := one.answers[id]; ok {
			a.left = now
		}
	}
}

// joined notes that a proxy connected: it counts again where it counted before, and in the newest revision if that
// changed its group and is not over.
func (d *deliveries) joined(id, group string) {
	for _, one := range d.open {
		if a, ok := one.answers[id]; ok {
			a.left = time.Time{}
		}
	}
	if len(d.order) == 0 {
		return
	}
	newest := d.byRevision[d.order[len(d.order)-1]]
	if _, ok := newest.groups[group]; !ok && newest.groups != nil {
		return
	}
	if newest.answers == nil && newest.report.Total == 0 {
		newest.answers = make(map[string]*answer)
		d.open = append(d.open, newest)
	}
	if _, ok := newest.answers[id]; !ok && newest.answers != nil {
		newest.answers[id] = &answer{}
	}
}

// expire stops waiting for proxies that left and did not come back.
func (d *deliveries) expire(now time.Time) {
	for _, one := range d.open {
		for id, a := range one.answers {
			if !a.answered && !a.left.IsZero() && now.Sub(a.left) >= absence {
				delete(one.answers, id)
			}
		}
	}
	d.close(now)
}

// close ends the deliveries in which everybody has answered.
func (d *deliveries) close(now time.Time) {
	d.open = slices.DeleteFunc(d.open, func(one *delivery) bool {
		for _, a := range one.answers {
			if !a.answered {
				return false
			}
		}
		one.report = one.current()
		if one.report.At.IsZero() {
			one.report.At = now
		}
		one.answers = nil
		return true
	})
}

// get reports a revision's delivery.
func (d *deliveries) get(revision int64) (provider.Delivery, bool) {
	one, ok := d.byRevision[revision]
	if !ok {
		return provider.Delivery{}, false
	}
	if one.answers == nil {
		out := one.report
		out.Proxies, out.Rejected = slices.Clone(out.Proxies), slices.Clone(out.Rejected)
		return out, true
	}
	out := one.current()
	out.At = time.Time{}
	return out, true
}

// current counts the answers so far.
func (o *delivery) current() provider.Delivery {
	out := provider.Delivery{Revision: o.revision, Total: len(o.answers), At: o.report.At, Proxies: sortedNames(o.answers)}
	for id, a := range o.answers {
		switch {
		case a.rejected:
			out.Rejected = append(out.Rejected, provider.Rejection{Proxy: id, Message: a.message})
		case a.answered:
			out.Acked++
		}
	}
	slices.SortFunc(out.Rejected, func(a, b provider.Rejection) int { return strings.Compare(a.Proxy, b.Proxy) })
	return out
}
