package metrics

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Sum gives what the edges for which matters holds carried together in the window that ends at now: requests, errors, and
// quantiles over the buckets of all of them. An edge whose buckets differ from the first one's counts towards requests and
// errors, not towards the quantiles.
func (l *Live) Sum(name string, window time.Duration, now time.Time, matters func(from, to string) bool) mesh.Traffic {
	window = min(max(window.Round(time.Second), MinWindow), MaxWindow)
	m := l.find(name)
	if m == nil {
		return mesh.Traffic{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := view{now: now.UnixMilli(), seconds: int64(window / time.Second), watch: m.look()}
	var all mesh.Traffic
	var failed float64
	var hist []uint32
	var bounds []float64
	for _, f := range m.order() {
		if !matters(f.from, f.to) {
			continue
		}
		var t mesh.Traffic
		w.traffic(f, false, &t)
		all.Requests += t.Requests
		all.RequestRate += t.RequestRate
		failed += t.Requests * t.ErrorRatio
		if t.P99 == 0 { // nothing was answered, or there are no buckets
			continue
		}
		own := w.hist[:len(f.ring.now())-columns]
		switch {
		case hist == nil:
			hist, bounds = slices.Clone(own), f.bounds
		case slices.Equal(bounds, f.bounds) && len(own) == len(hist):
			for i, n := range own {
				hist[i] += n
			}
		}
	}
	if all.Requests > 0 {
		all.ErrorRatio = failed / all.Requests
	}
	n := uint32(0)
	for _, c := range hist {
		n += c
	}
	if n > 0 {
		var q [3]time.Duration
		interpolate(&q, [3]float64{0.50 * float64(n), 0.95 * float64(n), 0.99 * float64(n)}, hist, bounds)
		all.P50, all.P95, all.P99 = q[0], q[1], q[2]
	}
	return all
}
