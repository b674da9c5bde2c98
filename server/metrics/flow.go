package metrics

import (
	"math"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// The columns that a flow counts in its ring; the latency buckets follow them.
const (
	colClass = words + iota // 0 to 5
	_
	_
	_
	_
	_
	colOpened // TCP connections
	colTimeout
	colRetry
	colExhausted
	colOverflow
	colFail
	colNoHost
	colNoRoute
	colReset
	columns
)

// maxBuckets bounds the latency buckets; Envoy's own default has 20.
const maxBuckets = 64

// maxStep is more than one flush of one proxy can add; a counter that claims to is broken.
const maxStep = 1 << 30

// flow is what several proxies say about one thing: an edge, or what arrives at a node.
type flow struct {
	// What every reading needs comes first, so that it is near.
	from, to string
	protocol mesh.Protocol
	ties     []tie           // to the proxies, one per link
	bounds   []float64       // of the latency buckets, in ms, as the first proxy had them
	gauges   [gauges]float64 // sums; healthy is the lowest, members and ejected the highest
	ring     ring
	links    []*link
	totals   sums    // since the proxies started, not only since they were first seen
	took     float64 // the latencies' sum, in ms
	own      *spread // of what was reported to this process; nil: nothing, or nobody asks
}

// sums are counters that never wrap.
type sums struct {
	requests, errors float64
}

// count adds to a column of the window's counters.
func (f *flow) count(col int, d float64) {
	f.ring.add(col, uint32(d))
}

// gather recomputes the gauges that are not sums.
func (f *flow) gather() {
	low, high, out := math.Inf(1), 0.0, 0.0
	for _, k := range f.links {
		if k.has(members) || k.has(healthy) {
			low = min(low, k.gauge(healthy))
			high = max(high, k.gauge(members))
		}
		out = max(out, k.gauge(ejected))
	}
	if math.IsInf(low, 1) {
		low = 0
	}
	f.gauges[healthy-active], f.gauges[members-active], f.gauges[ejected-active] = low, high, out
}

// drop ends a link's part in the flow.
func (f *flow) drop(k *link) {
	i := k.index
	f.links = slices.Delete(f.links, i, i+1)
	f.ties = slices.Delete(f.ties, i, i+1)
	for j := i; j < len(f.links); j++ {
		f.links[j].index = j
	}
}

// setBounds gives the flow its latency buckets; the slice is not changed afterwards.
func (f *flow) setBounds(bounds []float64) {
	f.bounds = bounds
	f.ring.widen(columns + len(bounds) + 1)
}

// bucket finds the first bucket that holds everything up to the bound, so that merging other buckets never makes an
// answer look faster than it was.
func (f *flow) bucket(bound float64) int {
	i, _ := slices.BinarySearch(f.bounds, bound)
	return i
}

// tie is the little of a link that every reading needs, side by side for all links of a flow.
type tie struct {
	at   int64 // of the newest report, in ms
	slot int32 // of the proxy, see meshState.slots
	kind kind
}

// sight is what the connected proxies that report a flow have in common.
type sight struct {
	at        int64 // of the oldest among their newest reports, in ms
	proxies   int   // that have a link of the kind asked for
	abandoned bool  // there is none
}

// look sums up a flow's proxies. One that is gone, or no longer has the cluster, holds nothing back unless there is no
// other. A proxy with several listeners counts once.
func (f *flow) look(kd kind, w *watch) sight {
	w.stamp++
	oldest, newest := int64(math.MaxInt64), f.ring.since
	v := sight{abandoned: true}
	for _, k := range f.ties {
		newest = max(newest, k.at)
		s := &w.slots[k.slot]
		if k.at < s.late {
			continue
		}
		v.abandoned = false
		oldest = min(oldest, k.at)
		if k.kind == kd && s.stamp != w.stamp {
			s.stamp = w.stamp
			v.proxies++
		}
	}
	v.at = oldest
	if v.abandoned {
		v.at = newest
	}
	return v
}

// hasKind says whether a proxy reports, or lately reported, this side of the flow.
func (f *flow) hasKind(kd kind) bool {
	return slices.ContainsFunc(f.ties, func(k tie) bool { return k.kind == kd })
}
