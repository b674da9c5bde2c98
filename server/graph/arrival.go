package graph

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// arrival is what a node's callers say about it, taken together.
type arrival struct {
	mesh.Traffic
	attempts float64   // per second: requests and their retries
	failed   float64   // requests
	at       time.Time // of the newest of their reports
}

// send adds up what callers sent.
func (a *arrival) send(t *mesh.Edge) {
	a.Requests += t.Requests
	a.RequestRate += t.RequestRate
	a.attempts += t.RequestRate + t.Retries
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

// remainder is the part of what arrived that no caller in the mesh accounts for.
func (a *arrival) remainder(in mesh.Traffic, excess float64) mesh.Traffic {
	in.Requests *= excess / in.RequestRate
	in.BytesRate *= excess / in.RequestRate
	in.RequestRate = excess
	for c := range in.Classes {
		in.Classes[c] = max(0, in.Classes[c]-a.Classes[c])
	}
	in.ErrorRatio = min(1, (in.Classes[0]+in.Classes[5])/excess)
	in.Active = 0
	return in
}
