package record

import (
	"hash/maphash"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// life is how far what reports a flow, or a proxy, has gone. What it said last is written before its series end.
type life uint8

const (
	live life = iota
	ending
	ended
)

type flowKey struct{ from, to string }

// flow is what is written of an edge, or of a node.
type flow struct {
	shape    *shape
	labels   labels.Labels // of all its series
	protocol mesh.Protocol
	turn     int64
	life     life
	fresh    bool   // nothing was written yet
	denied   bool   // for lack of room something is written later than it began
	seen     uint32 // the recorder's turn
	size     int64  // series
	series   [maxColumns]*series
	age      *series
	duration *duration
}

// duration is a flow's histogram.
type duration struct {
	series
	output
	ms, seconds []float64 // the same bounds
}

// writeFlows writes a mesh's edges and nodes.
func (r *Recorder) writeFlows(name string, b *batch) {
	flows := r.flows[name]
	if flows == nil {
		flows = make(map[flowKey]*flow)
		r.flows[name] = flows
	}
	r.opts.Live.Rollups(name, func(u *metrics.Rollup) {
		k := flowKey{u.From, u.To}
		f := flows[k]
		if f == nil {
			f = r.newFlow(name, u)
			flows[k] = f
			r.count.flows.Add(1)
		}
		f.seen = r.turn
		if f.due(u.Abandoned, b) {
			f.fresh = false
			f.write(name, u, b)
		}
	})
}

func (r *Recorder) newFlow(name string, u *metrics.Rollup) *flow {
	f := &flow{shape: &r.edges, fresh: true, protocol: u.Protocol, labels: flowLabels(name, u)}
	if u.From == "" {
		f.shape = &r.nodes
	}
	f.turn = int64((maphash.String(r.seed, u.From) + maphash.String(r.seed, u.To)) % uint64(r.steps))
	return f
}

func flowLabels(name string, u *metrics.Rollup) labels.Labels {
	l := []string{metrics.LabelMesh, name, metrics.LabelProtocol, string(u.Protocol)}
	if u.From == "" {
		l = append(l, metrics.LabelNode, u.To)
	} else {
		l = append(l, metrics.LabelSource, u.From, metrics.LabelDest, u.To)
	}
	return labels.FromStrings(l...).WithoutEmpty()
}

// due says whether to write the flow now, and ends its series in the second after its last proxy went.
func (f *flow) due(abandoned bool, b *batch) bool {
	switch {
	case !abandoned:
		f.life = live
		return f.fresh || b.due(f.turn)
	case f.life == live:
		f.life = ending
		return true
	case f.life == ending:
		f.life = ended
		f.end(b)
	}
	return false
}

// write writes what has begun.
func (f *flow) write(name string, u *metrics.Rollup, b *batch) {
	if u.Protocol != f.protocol {
		f.relabel(name, u, b)
	}
	for i := range f.shape.columns {
		c := &f.shape.columns[i]
		v, s := c.read(u), f.series[i]
		if s == nil {
			if v == 0 && (c.show == nil || !c.show(u)) {
				continue
			}
			if !b.room() {
				f.denied = true
				continue
			}
			s = &series{labels: with(f.labels, c.name, c.label, c.value)}
			f.series[i] = s
			f.size++
		}
		if c.gauge {
			b.gauge(s, v)
		} else {
			b.counter(s, v, !f.denied)
		}
	}
	if u.Bounds != nil {
		f.writeDuration(u, b)
	}
	if u.From == "" {
		f.writeAge(u, b)
	}
}

func (f *flow) writeDuration(u *metrics.Rollup, b *batch) {
	d := f.duration
	if d == nil {
		if !b.room() {
			return
		}
		d = &duration{series: series{labels: with(f.labels, f.shape.duration, "", "")}}
		f.duration = d
		f.size++
	}
	if d.ms == nil || !slices.Equal(d.ms, u.Bounds) {
		d.ms, d.seconds = u.Bounds, b.count.bounds.share(seconds(u.Bounds))
	}
	if d.seconds != nil {
		b.histogram(&d.series, &d.output, distribution{d.seconds, u.Buckets, u.Sum / 1000})
	}
}

func (f *flow) writeAge(u *metrics.Rollup, b *batch) {
	if f.age == nil {
		if !b.room() {
			return
		}
		f.age = &series{labels: with(f.labels, metrics.NodeReportAge, "", "")}
		f.size++
	}
	b.gauge(f.age, reportAge(u, b.t))
}

// each visits the flow's series.
func (f *flow) each(visit func(*series)) {
	for _, s := range f.series {
		if s != nil {
			visit(s)
		}
	}
	if f.duration != nil {
		visit(&f.duration.series)
	}
	if f.age != nil {
		visit(f.age)
	}
}

func (f *flow) end(b *batch) { f.each(b.stale) }

// relabel ends the series and lets others go on from where they were, without a zero: what was counted is in the old.
func (f *flow) relabel(name string, u *metrics.Rollup, b *batch) {
	f.protocol, f.labels = u.Protocol, flowLabels(name, u)
	f.each(func(s *series) {
		b.stale(s)
		s.ref, s.epoch = 0, 0
		s.labels = labels.NewBuilder(s.labels).Set(metrics.LabelProtocol, string(u.Protocol)).Labels()
	})
}

// endUnseen ends the flows that the aggregator has forgotten.
func (r *Recorder) endUnseen(b *batch) {
	for _, flows := range r.flows {
		for k, f := range flows {
			if f.seen == r.turn {
				continue
			}
			if f.life != ended {
				f.end(b)
			}
			b.count.rollups.Add(-f.size)
			b.count.flows.Add(-1)
			delete(flows, k)
		}
	}
}

// with adds a name and, unless it is empty, a label.
func with(l labels.Labels, name, label, value string) labels.Labels {
	b := labels.NewBuilder(l).Set(model.MetricNameLabel, name)
	if label != "" {
		b.Set(label, value)
	}
	return b.Labels()
}
