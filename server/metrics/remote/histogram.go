package remote

import (
	"math"
	"slices"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/histogram"

	"github.com/weirmesh/weir/server/metrics/query"
)

// bucket is one of a histogram in an answer: between two bounds, with the observations that fell there.
type bucket struct{ lower, upper, count float64 }

// closed is the sort of bucket that includes both bounds: the one around zero of an exponential histogram.
const closed = 3

// readHistogramPoint reads [seconds, {"count": "1", "sum": "2", "buckets": [[sort, "lower", "upper", "count"] …]}].
func readHistogramPoint(iter *jsoniter.Iterator) query.Point {
	var p query.Point
	p.T = readPair(iter, func() { p.H = readHistogram(iter) })
	return p
}

func readHistogram(iter *jsoniter.Iterator) *histogram.FloatHistogram {
	var count, sum float64
	var buckets []bucket
	var zero *bucket
	iter.ReadObjectCB(func(iter *jsoniter.Iterator, field string) bool {
		switch field {
		case "count":
			count = readFloat(iter)
		case "sum":
			sum = readFloat(iter)
		case "buckets":
			each(iter, func() {
				sort, b := readBucket(iter)
				if sort == closed && b.lower == -b.upper && zero == nil {
					zero = &b
					return
				}
				buckets = append(buckets, b)
			})
		default:
			iter.Skip()
		}
		return iter.Error == nil
	})
	if iter.Error != nil {
		return nil
	}
	if !ascending(buckets, zero) {
		iter.ReportError("read histogram", "the buckets of a histogram overlap, are out of order, or have no number")
		return nil
	}
	h, ok := exponential(buckets, zero)
	if !ok {
		h = custom(buckets, zero)
	}
	h.Count, h.Sum = count, sum
	return h
}

// readBucket reads [sort, "lower", "upper", "count"].
func readBucket(iter *jsoniter.Iterator) (sort int, b bucket) {
	i := 0
	each(iter, func() {
		switch i++; i {
		case 1:
			sort = iter.ReadInt()
		case 2:
			b.lower = readFloat(iter)
		case 3:
			b.upper = readFloat(iter)
		case 4:
			b.count = readFloat(iter)
		default:
			iter.Skip()
		}
	})
	if i != 4 && iter.Error == nil {
		iter.ReportError("read histogram", "a bucket is not [bounds, lower, upper, count]")
	}
	return sort, b
}

// ascending tells whether buckets are apart and in order; comparisons with NaN are false, so that none passes.
func ascending(buckets []bucket, zero *bucket) bool {
	last := math.Inf(-1)
	for i, b := range buckets {
		if !(b.lower < b.upper) || !(b.lower >= last) || !(b.count >= 0) || i > 0 && math.IsInf(b.lower, -1) {
			return false
		}
		if zero != nil && b.lower < zero.upper && b.upper > zero.lower {
			return false
		}
		last = b.upper
	}
	return zero == nil || zero.upper >= 0 && zero.count >= 0 && !math.IsInf(zero.upper, 1)
}

// exponential finds the native histogram whose buckets these are: every upper bound is 2^(i/2^schema) for a whole i, and
// the lower bound is that of i-1; below zero it is the other way round. False when there is none. An answer does not tell
// custom bounds that happen to be such from exponential ones; counts and bounds are the same then.
func exponential(buckets []bucket, zero *bucket) (*histogram.FloatHistogram, bool) {
	h := &histogram.FloatHistogram{}
	if zero != nil {
		h.ZeroThreshold, h.ZeroCount = zero.upper, zero.count
	}
	if len(buckets) == 0 {
		return h, true
	}
	for _, b := range buckets {
		if b.lower < 0 && b.upper > 0 || math.IsInf(b.lower, 0) || math.IsInf(b.upper, 0) {
			return nil, false
		}
	}
	near, far := buckets[0].lower, buckets[0].upper
	if far <= 0 {
		near, far = -far, -near
	}
	schema := math.Round(-math.Log2(math.Log2(far / near)))
	if !(schema >= float64(histogram.ExponentialSchemaMin) && schema <= float64(histogram.ExponentialSchemaMax)) {
		return nil, false
	}
	h.Schema = int32(schema)
	var negative, positive []indexed
	for _, b := range buckets {
		if b.lower >= 0 {
			positive = append(positive, indexed{exponent(b.lower, b.upper, h.Schema), b.count})
		} else {
			negative = append(negative, indexed{exponent(-b.upper, -b.lower, h.Schema), b.count})
		}
	}
	slices.Reverse(negative) // away from zero
	var fine bool
	if h.PositiveSpans, h.PositiveBuckets, fine = spans(positive); !fine {
		return nil, false
	}
	h.NegativeSpans, h.NegativeBuckets, fine = spans(negative)
	return h, fine
}

type indexed struct {
	index int32
	count float64
}

// noIndex stands for bounds that no bucket of a schema has.
const noIndex = math.MinInt32

// exponent gives the index of the bucket from near to far in a schema.
func exponent(near, far float64, schema int32) int32 {
	const tolerance = 1e-9
	scale := math.Ldexp(1, int(schema))
	index := math.Round(math.Log2(far) * scale)
	for step, bound := range []float64{far, near} {
		if want := math.Exp2((index - float64(step)) / scale); !(math.Abs(bound-want) <= tolerance*want) {
			return noIndex
		}
	}
	return int32(index)
}

// spans writes buckets in order as spans; false when one has no index or they are out of order.
func spans(buckets []indexed) (all []histogram.Span, counts []float64, ok bool) {
	var next int32
	for i, b := range buckets {
		switch gap := b.index - next; {
		case b.index == noIndex || i > 0 && gap < 0:
			return nil, nil, false
		case i == 0 || gap > 0:
			all = append(all, histogram.Span{Offset: gap, Length: 1})
		default:
			all[len(all)-1].Length++
		}
		counts, next = append(counts, b.count), b.index+1
	}
	return all, counts, true
}

// custom writes any buckets as a histogram with custom bounds; what lies between two buckets is an empty one.
func custom(buckets []bucket, zero *bucket) *histogram.FloatHistogram {
	if zero != nil {
		at := slices.IndexFunc(buckets, func(b bucket) bool { return b.lower >= zero.upper })
		if at < 0 {
			at = len(buckets)
		}
		buckets = slices.Insert(slices.Clone(buckets), at, *zero)
	}
	h := &histogram.FloatHistogram{Schema: histogram.CustomBucketsSchema}
	add := func(upper, count float64) {
		if !math.IsInf(upper, 1) {
			h.CustomValues = append(h.CustomValues, upper)
		}
		h.PositiveBuckets = append(h.PositiveBuckets, count)
	}
	last := math.Inf(-1)
	for _, b := range buckets {
		if b.lower > last {
			add(b.lower, 0)
			last = b.lower
		}
		if b.upper == last { // zero itself
			h.PositiveBuckets[len(h.PositiveBuckets)-1] += b.count
			continue
		}
		add(b.upper, b.count)
		last = b.upper
	}
	h.PositiveSpans = []histogram.Span{{Length: uint32(len(h.PositiveBuckets))}}
	return h
}
