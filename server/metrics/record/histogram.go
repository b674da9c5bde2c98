package record

import (
	"math"
	"slices"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
)

// maxBuckets bounds the buckets of a histogram; Envoy's own default has 20.
const maxBuckets = 64

// distribution is a histogram's content since it began.
type distribution struct {
	bounds []float64 // upper, ascending and finite; never changed
	counts []float64 // not cumulative, one more than bounds
	sum    float64
}

// output turns distributions into native histograms with custom buckets. The store keeps the newest one that it took, so
// there are two, by turns. All buckets are written, empty ones too: a bucket that joins makes the store write its chunk
// anew, and a zero takes it one bit.
type output struct {
	list  [2]*histogram.Histogram
	turn  int
	epoch uint32
}

func (o *output) fill(d distribution, epoch uint32) *histogram.Histogram {
	if h := o.list[0]; h == nil || o.epoch != epoch || len(h.PositiveBuckets) != len(d.counts) {
		o.epoch = epoch
		for i := range o.list {
			o.list[i] = &histogram.Histogram{
				Schema:          histogram.CustomBucketsSchema,
				PositiveSpans:   []histogram.Span{{Length: uint32(len(d.counts))}},
				PositiveBuckets: make([]int64, len(d.counts)),
			}
		}
	}
	h := o.list[o.turn]
	h.Count, h.Sum, h.CustomValues = 0, d.sum, d.bounds
	before := int64(0)
	for i, c := range d.counts {
		n := int64(c)
		h.PositiveBuckets[i] = n - before
		h.Count += uint64(n)
		before = n
	}
	return h
}

// taken says that the store has the histogram which fill gave last.
func (o *output) taken() { o.turn = 1 - o.turn }

func zeroOf(h *histogram.Histogram) *histogram.Histogram {
	z := *h
	z.Count, z.Sum, z.PositiveBuckets = 0, 0, make([]int64, len(h.PositiveBuckets))
	return &z
}

// accumulator adds up the histograms of a stream, each of which holds what was added since the one before.
type accumulator struct {
	distribution
	output
	flush int64 // of the newest
}

// add takes a histogram; false when it cannot be one.
func (a *accumulator) add(h *dto.Histogram, flush int64, bounds *shared) bool {
	if a.flush == flush {
		return true // a repetition would count twice
	}
	list, n := h.GetBucket(), h.GetSampleCount()
	if k := len(list); k > 0 && math.IsInf(list[k-1].GetUpperBound(), 1) {
		list = list[:k-1]
	}
	if n > maxStep || !a.fits(list) && !a.begin(list, bounds) {
		return false
	}
	a.flush = flush
	before := uint64(0)
	for i, b := range list {
		if c := min(b.GetCumulativeCount(), n); c > before {
			a.counts[i] += float64(c - before)
			before = c
		}
	}
	a.counts[len(list)] += float64(n - before)
	if s := h.GetSampleSum(); s >= 0 && s <= float64(n)*maxTook {
		a.sum += s
	}
	return true
}

const (
	maxStep = 1 << 30            // more than one flush of one proxy can add
	maxTook = 24 * 3600 * 1000.0 // longer than a request can take, in ms
)

func (a *accumulator) fits(list []*dto.Bucket) bool {
	if a.counts == nil || len(list) != len(a.bounds) {
		return false
	}
	for i, b := range list {
		if a.bounds[i] != b.GetUpperBound() {
			return false
		}
	}
	return true
}

// begin starts at zero with other bounds.
func (a *accumulator) begin(list []*dto.Bucket, known *shared) bool {
	bounds := make([]float64, len(list))
	for i, b := range list {
		bounds[i] = b.GetUpperBound()
	}
	if len(bounds) > maxBuckets || !ascending(bounds) {
		return false
	}
	a.distribution = distribution{bounds: known.share(bounds), counts: make([]float64, len(bounds)+1)}
	return true
}

func ascending(bounds []float64) bool {
	for i, v := range bounds {
		if math.IsNaN(v) || math.IsInf(v, 0) || i > 0 && v <= bounds[i-1] {
			return false
		}
	}
	return true
}

// seconds gives bounds in ms as seconds, nil when they cannot be a histogram's.
func seconds(ms []float64) []float64 {
	s := slices.Clone(ms)
	for i := range s {
		s[i] /= 1000
	}
	if !ascending(s) {
		return nil
	}
	return s
}

// shared keeps one copy of each set of bounds: proxies of one bootstrap have the same.
type shared struct {
	mu   sync.Mutex
	list [][]float64
}

// maxShared bounds the sets that are looked through.
const maxShared = 32

func (s *shared) share(bounds []float64) []float64 {
	if bounds == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.list {
		if slices.Equal(b, bounds) {
			return b
		}
	}
	if len(s.list) < maxShared {
		s.list = append(s.list, bounds)
	}
	return bounds
}
