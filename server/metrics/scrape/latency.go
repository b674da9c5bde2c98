package scrape

import (
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
)

// exponentialBounds are where native histograms without buckets of their own are cut, in ms: as in the bootstraps that
// Weir writes.
func exponentialBounds() []float64 {
	return []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000}
}

// latency turns a histogram that counts since the proxy started, as pages have it, into what was added since the page
// before, as pushes have it.
type latency struct {
	bounds []float64
	last   []float64 // by bucket, one more than bounds
	now    []float64
	out    dto.Histogram
	counts []uint64 // what out points to
	total  uint64
}

// reset forgets what was counted: the proxy begins at zero.
func (l *latency) reset() { clear(l.last) }

// step takes the histogram's next state. With base it only says where the counting begins.
func (l *latency) step(h *histogram.Histogram, fh *histogram.FloatHistogram, base bool) *dto.Histogram {
	if fh == nil {
		l.begin(h.Schema, h.CustomValues, &base)
		l.now[0] += float64(h.ZeroCount)
		i, n := 0, int64(0)
		spans(h.PositiveSpans, func(index int32) {
			n += h.PositiveBuckets[i]
			i++
			l.add(h.Schema, index, float64(n))
		})
	} else {
		l.begin(fh.Schema, fh.CustomValues, &base)
		l.now[0] += fh.ZeroCount
		i := 0
		spans(fh.PositiveSpans, func(index int32) {
			l.add(fh.Schema, index, fh.PositiveBuckets[i])
			i++
		})
	}
	l.difference(base)
	return &l.out
}

// begin clears the buckets, and makes them when they are not those of the page before.
func (l *latency) begin(schema int32, custom []float64, base *bool) {
	bounds := custom
	if !histogram.IsCustomBucketsSchema(schema) {
		bounds = exponentialBounds()
	}
	if l.last != nil && slices.Equal(l.bounds, bounds) {
		clear(l.now)
		return
	}
	*base = *base || l.last != nil
	n := len(bounds)
	l.bounds = slices.Clone(bounds)
	l.last, l.now, l.counts = make([]float64, n+1), make([]float64, n+1), make([]uint64, n)
	l.out = dto.Histogram{SampleCount: &l.total}
	for i := range bounds {
		l.out.Bucket = append(l.out.Bucket, &dto.Bucket{UpperBound: &l.bounds[i], CumulativeCount: &l.counts[i]})
	}
}

// add puts a bucket of the histogram into the first of ours that holds everything up to its upper bound, so that nothing
// looks faster than it was.
func (l *latency) add(schema, index int32, n float64) {
	i := int(index)
	if !histogram.IsCustomBucketsSchema(schema) {
		upper := math.Exp2(math.Ldexp(float64(index), -int(schema)))
		i, _ = slices.BinarySearch(l.bounds, upper)
	}
	l.now[min(max(i, 0), len(l.bounds))] += n
}

// difference works out what is new.
func (l *latency) difference(base bool) {
	fell := sum(l.now) < sum(l.last)
	cumulative := 0.0
	for i, n := range l.now {
		switch d := n - l.last[i]; {
		case base:
		case fell:
			cumulative += n
		case d > 0:
			cumulative += d
		}
		if i < len(l.counts) {
			l.counts[i] = uint64(cumulative)
		}
	}
	l.total = uint64(cumulative)
	copy(l.last, l.now)
}

func sum(list []float64) float64 {
	total := 0.0
	for _, n := range list {
		total += n
	}
	return total
}

// spans calls f for every bucket that is there, by its index.
func spans(list []histogram.Span, f func(index int32)) {
	index := int32(0)
	for i, s := range list {
		if i == 0 {
			index = s.Offset
		} else {
			index += s.Offset
		}
		for range s.Length {
			f(index)
			index++
		}
	}
}
