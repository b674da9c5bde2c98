package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// view is what one replica knows of one mesh. What is in it is not changed.
type view struct {
	replica    string              // empty: this one
	applied    int64               // newest revision that it was given
	deliveries []provider.Delivery // ascending
	proxies    []provider.Proxy
}

// join lists the proxies of all views, each once, sorted by ID: one that is connected rather than one that is not, then where
// it came last, then the first view's.
func join(views []view) []provider.Proxy {
	best := make(map[string]int)
	var out []provider.Proxy
	for _, v := range views {
		for _, p := range v.proxies {
			p.Replica = v.replica
			i, known := best[p.ID]
			switch {
			case !known:
				best[p.ID] = len(out)
				out = append(out, p)
			case p.Connected() != out[i].Connected():
				if p.Connected() {
					out[i] = p
				}
			case p.Since.After(out[i].Since):
				out[i] = p
			}
		}
	}
	slices.SortFunc(out, func(a, b provider.Proxy) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// deliver sums up how far a revision is; ok is false when no view has it. A proxy that several replicas count, since it went
// from one to the other, counts where it is connected. The proxies of a replica that has not been given the revision wait.
func deliver(views []view, revision int64) (sum provider.Delivery, ok bool) {
	sum.Revision = revision
	parts := make([]provider.Delivery, len(views))
	counts := make(map[string]int) // which part counts a proxy
	for i, v := range views {
		var exact bool
		parts[i], exact = v.delivery(revision)
		ok = ok || exact
		for _, id := range parts[i].Proxies {
			if _, taken := counts[id]; !taken {
				counts[id] = i
			}
		}
	}
	for id, i := range homes(views) {
		if slices.Contains(parts[i].Proxies, id) {
			counts[id] = i
		}
	}
	waiting := false
	for i, part := range parts {
		for _, id := range parts[i].Proxies {
			if counts[id] != i {
				part = without(part, id)
			}
		}
		waiting = waiting || part.At.IsZero() && part.Total > 0
		sum.Acked += part.Acked
		sum.Total += part.Total
		sum.Proxies = append(sum.Proxies, part.Proxies...)
		sum.Rejected = append(sum.Rejected, part.Rejected...)
		if part.At.After(sum.At) {
			sum.At = part.At
		}
	}
	if waiting {
		sum.At = time.Time{}
	}
	slices.Sort(sum.Proxies)
	slices.SortFunc(sum.Rejected, func(a, b provider.Rejection) int { return strings.Compare(a.Proxy, b.Proxy) })
	return sum, ok
}

// delivery is how far a revision is in one view; exact is false when it was never given it. One that was left out, since a
// later one was given at once, is as far as that one.
func (v view) delivery(revision int64) (d provider.Delivery, exact bool) {
	i, exact := slices.BinarySearchFunc(v.deliveries, revision, func(d provider.Delivery, r int64) int { return cmp.Compare(d.Revision, r) })
	if i < len(v.deliveries) {
		d = v.deliveries[i]
		if !exact { // what was refused may be what came later
			d.Rejected = slices.Clone(d.Rejected)
			for j := range d.Rejected {
				d.Rejected[j].Caused = false
			}
		}
		return d, exact
	}
	if v.applied >= revision {
		return provider.Delivery{}, false // so long ago that nobody remembers
	}
	for _, p := range v.proxies {
		if p.Connected() {
			d.Proxies = append(d.Proxies, p.ID)
		}
	}
	d.Total = len(d.Proxies)
	return d, false
}

// homes says in which view each proxy is connected, the newest connection where there are several.
func homes(views []view) map[string]int {
	at := make(map[string]int)
	since := make(map[string]time.Time)
	for i, v := range views {
		for _, p := range v.proxies {
			if _, known := at[p.ID]; p.Connected() && (!known || p.Since.After(since[p.ID])) {
				at[p.ID], since[p.ID] = i, p.Since
			}
		}
	}
	return at
}

// without leaves a proxy out. Which proxies acknowledged is not told: where somebody has not answered yet, it is taken to be
// the one that left.
func without(d provider.Delivery, id string) provider.Delivery {
	refused := slices.ContainsFunc(d.Rejected, func(r provider.Rejection) bool { return r.Proxy == id })
	switch {
	case refused:
		d.Rejected = slices.DeleteFunc(slices.Clone(d.Rejected), func(r provider.Rejection) bool { return r.Proxy == id })
	case d.Done():
		d.Acked--
	}
	d.Proxies = slices.DeleteFunc(slices.Clone(d.Proxies), func(p string) bool { return p == id })
	d.Total--
	return d
}
