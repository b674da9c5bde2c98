package metrics

import (
	"math"
	"math/bits"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// kind says what a link's series mean to its flow.
type kind uint8

const (
	toNode   kind = iota // a cluster that leads to another node
	ownPool              // the cluster between a proxy and its application
	arriving             // a proxy's listeners for the mesh
	leaving              // a proxy's listeners for its application: only calls without a route are of interest
)

// link is one proxy's part in a flow. What it last said is kept to tell what is new.
type link struct {
	src    *source
	flow   *flow
	kind   kind
	tcp    bool
	quiet  bool   // its part in the gauges was withdrawn
	seen   uint32 // bit per slot: the series was reported
	life   int    // of the proxy when last was set
	index  int    // in the flow's links and ties
	last   [counters]float64
	past   *[counters]float64 // how far the counters came in the proxy's lives before this one; nil: it had none
	gauges [gauges]float64
	histAt int64     // the flush of the newest histogram
	bounds []float64 // of the proxy's own buckets
	to     []uint8   // the flow's bucket for each of them
}

func (k *link) has(s slot) bool      { return k.seen&(1<<s) != 0 }
func (k *link) at() int64            { return k.flow.ties[k.index].at }
func (k *link) size() int            { return bits.OnesCount32(k.seen) }
func (k *link) gauge(s slot) float64 { return k.gauges[s-active] }

// touch notes that the link was reported.
func (k *link) touch(now int64) {
	t := &k.flow.ties[k.index]
	t.at = max(t.at, now)
	k.quiet = false
	k.flow.ring.advance(now)
}

// silent says that the link's proxy is gone or reports without it.
func (k *link) silent() bool {
	return k.src.gone || k.at() < k.src.late()
}

// admit makes room for a series seen for the first time, if the proxy still has room.
func (k *link) admit(s slot) bool {
	if k.has(s) {
		return true
	}
	if k.src.series >= k.src.mesh.opts.SeriesLimit {
		k.src.over++
		return false
	}
	k.src.series++
	k.seen |= 1 << s
	return true
}

// setCounter takes a counter's new value. The first value of a proxy's first flush is where counting begins for the
// window; a series that appears later began at zero, and so did one that is lower than before, or whose proxy restarted.
func (k *link) setCounter(s slot, v float64) {
	if !k.admit(s) {
		return
	}
	k.renew()
	if v < k.last[s] {
		k.reset(s)
	}
	d := v - k.last[s]
	k.last[s] = v
	k.advance(s, d)
}

// advance counts what a counter counted.
func (k *link) advance(s slot, d float64) {
	if d == 0 {
		return
	}
	k.addTotal(s, d)
	if !k.src.baseline && d < maxStep {
		k.add(s, d)
	}
}

// renew begins all counters again if the proxy did.
func (k *link) renew() {
	if k.life == k.src.life {
		return
	}
	k.life = k.src.life
	for s := range counters {
		k.reset(s)
	}
}

// reset begins a counter again at zero. Of a proxy elsewhere its teller keeps how far it came.
func (k *link) reset(s slot) {
	if k.src.teller == "" && k.last[s] != 0 {
		k.setBefore(s, k.before(s)+k.last[s])
	}
	k.last[s] = 0
}

// before is how far a counter came in the lives before this one.
func (k *link) before(s slot) float64 {
	if k.past == nil {
		return 0
	}
	return k.past[s]
}

func (k *link) setBefore(s slot, v float64) {
	if k.past == nil {
		k.past = new([counters]float64)
	}
	k.past[s] = v
}

// addTotal counts for those who compare counts over any time.
func (k *link) addTotal(s slot, d float64) {
	t := &k.flow.totals
	switch {
	case k.kind != toNode:
	case s < total:
		t.requests += d
		if s == byClass+5 {
			t.errors += d
		}
	case k.tcp && s == total:
		t.requests += d
	case k.tcp && (s == overConnections || s == connectFail || s == noneHealthy):
		t.requests += d
		t.errors += d
	}
}

// add counts for the window.
func (k *link) add(s slot, d float64) {
	f := k.flow
	switch {
	case s == bytesIn || s == bytesOut:
		f.ring.addBytes(uint64(d))
	case s < total:
		f.count(colClass+int(s), d)
	case s == total && k.tcp:
		f.count(colOpened, d)
	case s == timedOut || s == timedOutTry:
		f.count(colTimeout, d)
	case s == retried:
		f.count(colRetry, d)
	case s == exhausted:
		f.count(colExhausted, d)
	case s == overPending || s == overActive:
		f.count(colOverflow, d)
	case s == noRoute:
		f.count(colNoRoute, d)
	case s == resetStream || s == cutOff:
		f.count(colReset, d)
	case s == overConnections && k.tcp:
		f.count(colOverflow, d)
		k.refused(d)
	case s == connectFail:
		f.count(colFail, d)
		k.refused(d)
	case s == noneHealthy:
		f.count(colNoHost, d)
		k.refused(d)
	}
}

// refused counts TCP connections that came to nothing; HTTP has an answer, and its class, for each of them.
func (k *link) refused(d float64) {
	if k.tcp && k.kind == toNode {
		k.flow.count(colClass, d)
	}
}

// wants says whether a series means anything for this kind of link.
func (k *link) wants(s slot) bool {
	switch k.kind {
	case ownPool: // everything else about what arrives is known from the listeners
		return s >= overPending && s <= noneHealthy || s == inFlight || s == pending || s == connections ||
			s == resetStream || s == cutOff && !k.tcp
	case leaving:
		return s == noRoute
	case toNode:
		return (s != total || k.tcp) && (s != cutOff || !k.tcp)
	default:
		return true
	}
}

// setGauge takes a gauge's new value.
func (k *link) setGauge(s slot, v float64) {
	if !k.admit(s) {
		return
	}
	i := s - active
	d := v - k.gauges[i]
	k.gauges[i] = v
	switch s {
	case healthy, members, ejected:
		// A first value of zero is news too: there is a cluster, and it has no instance.
		k.flow.gather()
	default:
		k.flow.gauges[i] += d
	}
}

// withdraw ends the link's part in the gauges. Its next report restores it.
func (k *link) withdraw() {
	if k.quiet {
		return
	}
	k.quiet = true
	for s := active; s < healthy; s++ {
		k.flow.gauges[s-active] -= k.gauges[s-active]
	}
	k.gauges = [gauges]float64{}
	gone := uint32(1<<healthy | 1<<members | 1<<ejected)
	k.src.series -= bits.OnesCount32(k.seen & gone)
	k.seen &^= gone
	k.flow.gather()
}

// observe takes a histogram: what was added since the proxy's flush before.
func (k *link) observe(h *dto.Histogram, flush int64) {
	if flush == k.histAt {
		return // a repetition: unlike a counter it would count twice
	}
	k.histAt = flush
	n := h.GetSampleCount()
	if n == 0 || n > maxStep || len(h.GetBucket()) == 0 || !k.admit(latency) {
		return
	}
	if len(h.GetBucket()) > maxBuckets {
		k.src.over++
		return
	}
	if !k.sameBounds(h) {
		k.learnBounds(h)
	}
	var before uint64
	f := k.flow
	own := f.ownSpread(k.src.mesh)
	count := func(bucket int, d uint64) {
		f.ring.add(columns+bucket, uint32(d))
		if own != nil {
			own.buckets[bucket] += float64(d)
		}
	}
	for i, b := range h.GetBucket() {
		if c := min(b.GetCumulativeCount(), n); c > before {
			count(int(k.to[i]), c-before)
			before = c
		}
	}
	if n > before {
		count(len(f.bounds), n-before)
	}
	sum := sumOf(h)
	f.took += sum
	if own != nil {
		own.took += sum
	}
}

// maxTook is longer than a request can take, in ms; a sum that needs longer ones is broken.
const maxTook = 24 * 3600 * 1000

// sumOf is the sum of a histogram's latencies in ms: as the proxy summed them, else as if each were in the middle of its
// bucket, or at the last bound.
func sumOf(h *dto.Histogram) float64 {
	n := h.GetSampleCount()
	if s := h.GetSampleSum(); h.SampleSum != nil && s >= 0 && s <= float64(n)*maxTook {
		return s
	}
	sum, low, before := 0.0, 0.0, uint64(0)
	for _, b := range h.GetBucket() {
		c, bound := min(b.GetCumulativeCount(), n), b.GetUpperBound()
		if !(bound > low && bound <= maxTook) {
			continue
		}
		if c > before {
			sum += float64(c-before) * (low + bound) / 2
			before = c
		}
		low = bound
	}
	return sum + float64(n-before)*low
}

func (k *link) sameBounds(h *dto.Histogram) bool {
	if len(k.bounds) != len(h.GetBucket()) || k.to == nil {
		return false
	}
	for i, b := range h.GetBucket() {
		if k.bounds[i] != b.GetUpperBound() {
			return false
		}
	}
	return true
}

// learnBounds finds out where the proxy's buckets go in the flow's.
func (k *link) learnBounds(h *dto.Histogram) {
	k.bounds = make([]float64, 0, len(h.GetBucket()))
	for _, b := range h.GetBucket() {
		k.bounds = append(k.bounds, b.GetUpperBound())
	}
	if k.flow.bounds == nil {
		finite := slices.DeleteFunc(slices.Clone(k.bounds), func(b float64) bool { return math.IsInf(b, 0) || math.IsNaN(b) })
		slices.Sort(finite)
		k.flow.setBounds(k.src.mesh.share(slices.Compact(finite)))
	}
	k.to = make([]uint8, len(k.bounds))
	for i, b := range k.bounds {
		k.to[i] = uint8(k.flow.bucket(b))
	}
	k.bounds, k.to = k.src.mesh.shareBuckets(k.bounds, k.to)
}
