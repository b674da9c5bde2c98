package dialect

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser/posrange"
)

// quantiles reads p50, p95 and p99 from a histogram in one pass, by the rules of PromQL's histogram_quantile: linear within
// a bucket, the lower bound of the last bucket for what lies in it, 0 as the lower bound of the first one. NaN where
// there is nothing. https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
func quantiles(h *histogram.FloatHistogram) [3]float64 {
	q := [3]float64{math.NaN(), math.NaN(), math.NaN()}
	if h == nil || !number(h.Count) || h.Count == 0 {
		return q
	}
	if !h.UsesCustomBuckets() {
		for i, phi := range phis() {
			q[i], _ = promql.HistogramQuantile(phi, h, "", posrange.PositionRange{})
		}
		return q
	}
	count := 0.0
	for _, n := range h.PositiveBuckets {
		count += n
	}
	if !number(count) || count == 0 {
		return q
	}
	next, before, bucket, at := 0, 0.0, 0, 0
	phi := phis()
	for _, span := range h.PositiveSpans {
		at += int(span.Offset)
		for range span.Length {
			if bucket >= len(h.PositiveBuckets) {
				return q
			}
			n := h.PositiveBuckets[bucket]
			for next < len(phi) && n > 0 && before+n >= phi[next]*count {
				q[next] = within(h.CustomValues, at, (phi[next]*count-before)/n)
				next++
			}
			before += n
			bucket++
			at++
		}
	}
	for ; next < len(phi); next++ { // rounding kept the sum below the rank
		q[next] = within(h.CustomValues, at-1, 1)
	}
	return q
}

// within interpolates in a bucket of a histogram with these upper bounds.
func within(bounds []float64, bucket int, part float64) float64 {
	switch {
	case bucket < 0 || len(bounds) == 0:
		return math.NaN()
	case bucket >= len(bounds):
		return bounds[len(bounds)-1]
	case bucket == 0:
		if bounds[0] <= 0 {
			return bounds[0]
		}
		return bounds[0] * part
	}
	return bounds[bucket-1] + (bounds[bucket]-bounds[bucket-1])*part
}
