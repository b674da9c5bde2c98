package scrape

import (
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

const (
	// longGap is the silence after which the aggregator begins to count anew; it is also what it allows.
	longGap = 30 * time.Second
	// young is the uptime in seconds up to which everything a proxy counted is of now, as for the aggregator.
	young = 2
)

// feed keeps, of one target's series, those that the live graph uses, as the messages that the same proxy would push.
// They are found by the store's reference and changed in place.
type feed struct {
	points   map[storage.SeriesRef]*point
	families []*dto.MetricFamily
	changed  bool // families must be made again
	round    uint64
	stamp    int64 // of the page, in ms; all metrics point to it
	at       time.Time
	uptime   *point
	age      float64 // the uptime as of the page before
}

// point is one series.
type point struct {
	family  string
	metric  *dto.Metric
	round   uint64 // the page that it was last on
	v       float64
	h       *histogram.Histogram
	fh      *histogram.FloatHistogram
	latency *latency // of histograms
}

// take takes a sample that the store knows as ref.
func (f *feed) take(s *sample, ref storage.SeriesRef, round uint64) {
	p := f.points[s.ref]
	switch {
	case s.ref == 0:
		if p = f.points[ref]; p != nil {
			break // the library reads its labels again, and it is known
		}
		if p = f.learn(s.ls); p == nil {
			return
		}
		f.points[ref] = p
		f.changed = true
	case p == nil:
		return
	case ref != s.ref:
		delete(f.points, s.ref)
		f.points[ref] = p
	}
	p.round, p.v, p.h, p.fh = round, s.v, s.h, s.fh
}

// learn makes the point of a series seen for the first time; nil when the live graph has no use for it.
func (f *feed) learn(ls labels.Labels) *point {
	family, ok := metrics.ScrapedName(ls.Get(model.MetricNameLabel))
	if !ok {
		return nil
	}
	p := &point{family: family}
	// The aggregator knows by the name which of the two it is.
	p.metric = &dto.Metric{TimestampMs: &f.stamp, Counter: &dto.Counter{Value: &p.v}, Gauge: &dto.Gauge{Value: &p.v}}
	ls.Range(func(l labels.Label) {
		if name, ok := metrics.ScrapedLabel(l.Name); ok {
			v := strings.Clone(l.Value)
			p.metric.Label = append(p.metric.Label, &dto.LabelPair{Name: &name, Value: &v})
		}
	})
	if family == "server.uptime" {
		f.uptime = p
	}
	return p
}

// push hands a page that was read to its end to the live graph. Series that were not on it are forgotten.
func (f *feed) push(live Live, src mesh.Source, every time.Duration, now time.Time) {
	base, again := f.base(now)
	for ref, p := range f.points {
		switch {
		case p.round != f.round:
			delete(f.points, ref)
			f.changed = true
			continue
		case p.h == nil && p.fh == nil:
			continue
		case p.latency == nil:
			p.latency = new(latency)
		}
		if again {
			p.latency.reset()
		}
		p.metric.Histogram = p.latency.step(p.h, p.fh, base)
		p.h, p.fh = nil, nil
	}
	f.at = now
	if len(f.points) == 0 {
		return
	}
	if f.changed {
		f.arrange()
	}
	f.stamp = now.UnixMilli()
	live.Scraped(src, now, every, f.families)
}

// base says whether this page only tells where the counters stand, as the aggregator will judge it, and whether the
// proxy has begun again since the page before.
func (f *feed) base(now time.Time) (base, again bool) {
	first, age := f.at.IsZero(), -1.0
	if f.uptime != nil && f.uptime.round == f.round {
		age = f.uptime.v
	}
	again = age >= 0 && age < f.age
	if age >= 0 {
		f.age = age
	}
	if first {
		return age < 0 || age > young, again
	}
	return now.Sub(f.at) > longGap, again
}

// arrange puts the points into families, as a page has them.
func (f *feed) arrange() {
	f.changed = false
	byName := make(map[string]*dto.MetricFamily)
	for _, p := range f.points {
		m := byName[p.family]
		if m == nil {
			m = &dto.MetricFamily{Name: &p.family}
			byName[p.family] = m
		}
		m.Metric = append(m.Metric, p.metric)
	}
	f.families = f.families[:0]
	for _, m := range byName {
		f.families = append(f.families, m)
	}
	slices.SortFunc(f.families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
}
