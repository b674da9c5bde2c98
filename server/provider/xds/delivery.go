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
	waiting  int                 // answers that are still to come
	report   provider.Delivery   // so far; At is the last answer's time
}

type answer struct {
	answered bool
	well     bool      // ran all that came before
	left     time.Time // disconnected since; zero while connected
}

// add begins a revision's delivery to proxies, of which some are ill: they do not run all that came before. groups are the
// groups that it changed, nil for all.
func (d *deliveries) add(revision int64, ids []string, ill map[string]bool, groups map[string]struct{}, now time.Time) {
	if d.byRevision == nil {
		d.byRevision = make(map[int64]*delivery)
	}
	one := &delivery{
		revision: revision, groups: groups, answers: make(map[string]*answer, len(ids)),
		report: provider.Delivery{Revision: revision},
	}
	for _, id := range ids {
		one.join(id)
		one.answers[id].well = !ill[id]
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
	d.answer(id, revision, now, func(r *provider.Delivery, _ bool) { r.Acked++ })
}

// refused notes that a proxy did not take a revision; nor, then, those before it that it had not answered. A proxy that ran
// all that came before refuses what is new.
func (d *deliveries) refused(id string, revision int64, message string, now time.Time) {
	d.reject(id, revision, message, true, now)
}

// withheld notes that a proxy was not sent a revision because of what was refused before.
func (d *deliveries) withheld(id string, revision int64, message string, now time.Time) {
	d.reject(id, revision, message, false, now)
}

func (d *deliveries) reject(id string, revision int64, message string, sent bool, now time.Time) {
	d.answer(id, revision, now, func(r *provider.Delivery, well bool) {
		i, _ := slices.BinarySearchFunc(r.Rejected, id, func(a provider.Rejection, id string) int { return strings.Compare(a.Proxy, id) })
		r.Rejected = slices.Insert(r.Rejected, i, provider.Rejection{Proxy: id, Message: message, Caused: sent && well})
	})
}

// answer notes a proxy's answer where it owes one, up to a revision.
func (d *deliveries) answer(id string, revision int64, now time.Time, note func(r *provider.Delivery, well bool)) {
	for _, one := range d.open {
		if a, ok := one.answers[id]; ok && !a.answered && one.revision <= revision {
			a.answered = true
			one.waiting--
			one.report.At = now
			note(&one.report, a.well)
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
	if newest.answers != nil {
		newest.join(id)
	}
}

// join adds a proxy that is to answer, unless it is in already.
func (o *delivery) join(id string) {
	i, ok := slices.BinarySearch(o.report.Proxies, id)
	if ok {
		return
	}
	o.report.Proxies = slices.Insert(o.report.Proxies, i, id)
	o.report.Total++
	o.answers[id] = &answer{}
	o.waiting++
}

// expire stops waiting for proxies that left and did not come back.
func (d *deliveries) expire(now time.Time) {
	for _, one := range d.open {
		for id, a := range one.answers {
			if a.answered || a.left.IsZero() || now.Sub(a.left) < absence {
				continue
			}
			delete(one.answers, id)
			one.waiting--
			one.report.Total--
			one.report.Proxies = slices.DeleteFunc(one.report.Proxies, func(p string) bool { return p == id })
		}
	}
	d.close(now)
}

// close ends the deliveries in which everybody has answered.
func (d *deliveries) close(now time.Time) {
	d.open = slices.DeleteFunc(d.open, func(one *delivery) bool {
		if one.waiting > 0 {
			return false
		}
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
	out := one.report
	out.Proxies, out.Rejected = slices.Clone(out.Proxies), slices.Clone(out.Rejected)
	if one.answers != nil {
		out.At = time.Time{}
	}
	return out, true
}
