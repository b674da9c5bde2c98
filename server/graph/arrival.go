package graph

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// arrival is what a node's callers say about it, taken together.
type arrival struct {
	mesh.Traffic
	attempts float64   // requests and their retries in the window
	failed   float64   // requests
	at       time.Time // of the newest of their reports
}

// send adds up what callers sent.
func (a *arrival) send(t *mesh.Edge) {
	a.Requests += t.Requests
	a.RequestRate += t.RequestRate
	a.attempts += t.Requests
	if t.RequestRate > 0 {
		a.attempts += t.Retries * t.Requests / t.RequestRate
	}
	a.failed += t.ErrorRatio * t.Requests
	if a.Requests > 0 {
		a.ErrorRatio = a.failed / a.Requests
	}
	for c := range a.Classes {
		a.Classes[c] += t.Classes[c]
	}
}

// reach adds up how callers fare in reaching the node. Quantiles cannot be added: the slowest caller's stand for all.
func (a *arrival) reach(t *mesh.Edge) {
	a.BytesRate += t.BytesRate
	a.Active += t.Active
	a.NoHost += t.NoHost
	a.FailRate += t.FailRate
	a.Timeouts += t.Timeouts
	a.Exhausted += t.Exhausted
	a.Resets += t.Resets
	a.P50, a.P95, a.P99 = max(a.P50, t.P50), max(a.P95, t.P95), max(a.P99, t.P99)
	a.Ejected = max(a.Ejected, t.Ejected)
	if t.Members > 0 {
		if a.Members == 0 || t.Healthy < a.Healthy {
			a.Healthy = t.Healthy
		}
		a.Members = max(a.Members, t.Members)
	}
	if t.At.After(a.at) {
		a.at = t.At
	}
}

// explains says whether so many requests may all be of callers in the mesh.
func (a *arrival) explains(arrived float64) bool {
	return a.attempts > 0 && arrived-a.attempts <= outsideShare*arrived
}

// remainder is the part of what arrived that no caller in the mesh accounts for, and what share of it all that is. It
// compares requests and not rates: a proxy that began a moment ago divides by less time than its callers.
func (a *arrival) remainder(in mesh.Traffic) (rest mesh.Traffic, part float64) {
	if in.Requests == 0 {
		return in, 0
	}
	part = max(0, in.Requests-a.attempts) / in.Requests
	excess := in.RequestRate * part
	in.Requests *= part
	in.BytesRate *= part
	in.RequestRate = excess
	for c := range in.Classes {
		in.Classes[c] = max(0, in.Classes[c]-a.Classes[c])
	}
	in.ErrorRatio = 0
	if excess > 0 {
		in.ErrorRatio = min(1, (in.Classes[0]+in.Classes[5])/excess)
	}
	in.Active = 0
	return in, part
}
