package scrape

import (
	"fmt"
	"math"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"

	"github.com/weirmesh/weir/server/metrics/query"
)

// custom makes a histogram with the buckets (…,5], (5,10] and beyond.
func custom(counts ...int64) *histogram.Histogram {
	h := &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, CustomValues: []float64{5, 10},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: uint32(len(counts))}},
	}
	before := int64(0)
	for _, n := range counts {
		h.PositiveBuckets = append(h.PositiveBuckets, n-before)
		h.Count += uint64(n)
		before = n
	}
	return h
}

func show(h *dto.Histogram) string {
	var b strings.Builder
	for _, x := range h.GetBucket() {
		fmt.Fprintf(&b, "%v:%d ", x.GetUpperBound(), x.GetCumulativeCount())
	}
	fmt.Fprintf(&b, "all:%d", h.GetSampleCount())
	return b.String()
}

func TestLatencySteps(t *testing.T) {
	var l latency
	for _, c := range []struct {
		h    *histogram.Histogram
		base bool
		want string
	}{
		{custom(100, 50, 7), true, "5:0 10:0 all:0"},       // where counting begins
		{custom(101, 52, 7), false, "5:1 10:3 all:3"},      // what is new
		{custom(101, 52, 7), false, "5:0 10:0 all:0"},      // nothing
		{custom(101, 52, 9), false, "5:0 10:0 all:2"},      // beyond the last bound
		{custom(4, 1), false, "5:4 10:5 all:5"},            // fell: it began again at zero
		{custom(5, 1, 1), true, "5:0 10:0 all:0"},          // after a long silence
		{custom(5, 1, 2), false, "5:0 10:0 all:1"},         // and on
		{exponential(8, 3), false, strings.Repeat("", 0)},  // other buckets: counting begins anew
		{exponential(8, 5), false, "1:0 2.5:0 5:0 10:2 "},  // what ends at 8 is within 10
		{exponential(11, 9), false, "1:0 2.5:0 5:0 10:0 "}, // what ends at 11.3 is not
	} {
		got := show(l.step(c.h, nil, c.base))
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: got %s, want %s", c.h, got, c.want)
		}
	}
	whole := custom(3, 4, 5)
	var floats latency
	if got := show(floats.step(nil, whole.ToFloat(nil), false)); got != "5:3 10:7 all:12" {
		t.Errorf("of floats: %s", got)
	}
}

// exponential makes a histogram with one bucket that holds the value n times.
func exponential(value float64, n int64) *histogram.Histogram {
	index := int32(math.Ceil(math.Log2(value) * 8))
	return &histogram.Histogram{Schema: 3, Count: uint64(n), PositiveSpans: []histogram.Span{{Offset: index, Length: 1}}, PositiveBuckets: []int64{n}}
}

// TestClassic converts what comes as series, whatever its order, and ends it when it is gone.
func TestClassic(t *testing.T) {
	t.Parallel()
	db := store(t)
	var page string
	change := make(chan string, 1)
	j := quick("classic", pages(t, func() string {
		select {
		case page = <-change:
		default:
		}
		return page
	}))
	j.Path = "/metrics" // where text is expected
	s := begin(t, Options{Jobs: []Job{j}, Appendable: db})
	const name = "istio_request_duration_milliseconds"
	lines := func(list ...string) string {
		return "# TYPE " + name + " histogram\n" + name + strings.Join(list, "\n"+name) + "\n" +
			"# TYPE istio_gauge_count gauge\nistio_gauge_count 4\n"
	}
	newest := func(match string) query.Point {
		_, _, p := series(t, db, named(match))
		return p
	}
	change <- lines(`_count{a="b"} 9`, `_bucket{le="+Inf",a="b"} 9`, `_sum{a="b"} 30`, `_bucket{a="b",le="10"} 7`, `_bucket{a="b",le="5"} 2`)
	eventually(t, "it is one native histogram", func() bool { return newest(name).H != nil })
	h := newest(name).H
	if got := h.String(); h.Count != 9 || h.Sum != 30 || !strings.Contains(got, "5]:2") || !strings.Contains(got, "(5,10]:5") || !strings.Contains(got, "(10,+Inf]:2") {
		t.Errorf("%s", got)
	}
	for _, other := range []string{name + "_bucket", name + "_count", name + "_sum"} {
		if n, _, _ := series(t, db, named(other)); n != 0 {
			t.Errorf("%s is stored too", other)
		}
	}
	if newest("istio_gauge_count").V != 4 {
		t.Error("a gauge whose name ends in count is not stored")
	}
	change <- lines(`_bucket{a="b",le="5"} 3`, `_bucket{a="b",le="20"} 8`, `_bucket{a="b",le="+Inf"} 11`, `_sum{a="b"} 31`, `_count{a="b"} 11`)
	eventually(t, "other buckets are taken over", func() bool {
		h := newest(name).H
		return h != nil && h.Count == 11 && strings.Contains(h.String(), "(5,20]:5")
	})
	change <- lines(`_bucket{a="b",le="5"} 9`, `_bucket{a="b",le="+Inf"} 4`, `_count{a="b"} 4`)
	eventually(t, "a broken one is left out and said", func() bool {
		got := target(s, "classic")
		return got.State == query.Degraded && strings.Contains(got.Error, "is broken") && got.Dropped == 1
	})
	change <- "istio_gauge_count 5\n"
	eventually(t, "it ends when it is gone", func() bool {
		p := newest(name)
		return p.H != nil && math.IsNaN(p.H.Sum) && newest("istio_gauge_count").V == 5
	})
	change <- lines(`_bucket{a="b",le="5"} 1`, `_bucket{a="b",le="+Inf"} 2`, `_sum{a="b"} 31`, `_count{a="b"} 2`)
	eventually(t, "it begins again", func() bool { return newest(name).H != nil && newest(name).H.Count == 2 })
}
