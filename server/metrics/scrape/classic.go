package scrape

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/convertnhcb"
)

// partRef marks the references of the series that a classic histogram consists of. The store never sees them: what it
// gets is one native histogram with custom buckets. The library converts too, and then reads the labels of every line of
// a text page again, which makes its cache of series useless; here a line costs a look into a slice.
const partRef storage.SeriesRef = 1 << 62

// The parts of a classic histogram that are not buckets.
const (
	partSum   = -1
	partCount = -2
)

// part is what one series is to its histogram.
type part struct {
	of   *classic
	slot int // of the bucket, partSum or partCount
}

// classic is one histogram that comes as series.
type classic struct {
	key    string
	labels labels.Labels // of the native histogram
	ref    storage.SeriesRef
	point  *point // of the live graph; nil: it has no use for it
	parts  []int  // in histograms.parts
	bounds []float64
	sorted []int // slots by their bounds
	counts []float64
	seen   []uint64 // the page that each bucket was last on
	sum    float64
	count  float64
	round  uint64 // the page that it was last on
	total  uint64 // the page that its count was last on
	ended  uint64 // the page that ended it
}

// histograms are the classic histograms of one target.
type histograms struct {
	parts []part
	free  []int
	byKey map[string]*classic
	on    []*classic // the page that is read
	temp  convertnhcb.TempHistogram
}

// find gives the histogram that a new series is a part of, and which: the page must have said that it is one. It is nil
// for all other series.
func (g *histograms) find(ls labels.Labels, typeOf func(family string) model.MetricType) (c *classic, slot int) {
	name := ls.Get(model.MetricNameLabel)
	suffix, base := convertnhcb.GetHistogramMetricBaseName(name)
	if suffix == convertnhcb.SuffixNone || typeOf(base) != model.MetricTypeHistogram {
		return nil, 0
	}
	bound := 0.0
	switch suffix {
	case convertnhcb.SuffixBucket:
		var err error
		if bound, err = strconv.ParseFloat(ls.Get(labels.BucketLabel), 64); err != nil || math.IsNaN(bound) {
			return nil, 0
		}
	case convertnhcb.SuffixSum:
		slot = partSum
	default:
		slot = partCount
	}
	set := convertnhcb.GetHistogramMetricBase(ls, base)
	key := string(set.Bytes(nil))
	if c = g.byKey[key]; c == nil {
		c = &classic{key: key, labels: set}
		g.byKey[key] = c
	}
	if slot == 0 {
		slot = c.bucket(bound)
	}
	return c, slot
}

// bucket makes room for a bucket, and gives its slot.
func (c *classic) bucket(bound float64) int {
	if i := slices.Index(c.bounds, bound); i >= 0 {
		return i
	}
	slot := len(c.bounds)
	c.bounds, c.counts, c.seen = append(c.bounds, bound), append(c.counts, 0), append(c.seen, 0)
	at, _ := slices.BinarySearchFunc(c.sorted, bound, func(slot int, b float64) int {
		return cmp.Compare(c.bounds[slot], b)
	})
	c.sorted = slices.Insert(c.sorted, at, slot)
	return slot
}

// add gives a series of a histogram its reference.
func (g *histograms) add(c *classic, slot int) storage.SeriesRef {
	i := len(g.parts)
	if n := len(g.free); n > 0 {
		i, g.free = g.free[n-1], g.free[:n-1]
		g.parts[i] = part{c, slot}
	} else {
		g.parts = append(g.parts, part{c, slot})
	}
	c.parts = append(c.parts, i)
	return partRef | storage.SeriesRef(i)
}

// set takes the value of a part, and says whether it is the histogram's first on this page.
func (g *histograms) set(ref storage.SeriesRef, v float64, round uint64) (first bool) {
	p := g.parts[ref&^partRef]
	c := p.of
	if first = c.round != round; first {
		c.round = round
		g.on = append(g.on, c)
	}
	switch p.slot {
	case partSum:
		c.sum = v
	case partCount:
		c.count, c.total = v, round
	default:
		c.counts[p.slot], c.seen[p.slot] = v, round
	}
	return first
}

// native converts what the page has of a histogram.
func (g *histograms) native(c *classic) (*histogram.Histogram, *histogram.FloatHistogram, error) {
	g.temp.Reset()
	for _, slot := range c.sorted {
		if c.seen[slot] == c.round {
			_ = g.temp.SetBucketCount(c.bounds[slot], c.counts[slot]) // Convert gives the first error
		}
	}
	_ = g.temp.SetSum(c.sum)
	if c.total == c.round {
		_ = g.temp.SetCount(c.count)
	}
	h, fh, err := g.temp.Convert()
	switch {
	case err != nil:
	case h != nil:
		err = h.Validate()
	case fh != nil:
		err = fh.Validate()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the histogram %s is broken: %w", brief(c.labels.String()), err)
	}
	return h, fh, nil
}

// end says whether a stale part ends its histogram: none of the others is on the page, and none ended it before.
func (g *histograms) end(ref storage.SeriesRef, round uint64) (*classic, bool) {
	if int(ref&^partRef) >= len(g.parts) {
		return nil, false // of a target that was forgotten
	}
	c := g.parts[ref&^partRef].of
	if c.round == round || c.ended == round || c.round == 0 {
		return c, false
	}
	c.ended = round
	return c, true
}

// sweep forgets the histograms that were not on a page read to its end: the library has forgotten their series too.
func (g *histograms) sweep(round uint64) {
	if len(g.on) < len(g.byKey) {
		for key, c := range g.byKey {
			if c.round != round {
				delete(g.byKey, key)
				g.free = append(g.free, c.parts...)
			}
		}
	}
}
