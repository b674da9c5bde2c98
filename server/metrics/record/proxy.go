package record

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	// young is the uptime, in seconds, up to which a proxy that reports for the first time counts from its beginning.
	young = 2
	// lateFlush is how far behind the newest flush a message may be and still count as late; further back, the proxy's
	// clock was set.
	lateFlush = time.Minute
	// silent is how long a proxy that is connected may say nothing before its series end.
	silent = 15 * time.Second
	// missing is how many flushes go by without a series before it ends.
	missing = 2
)

type proxyKey struct{ mesh, proxy string }

// proxy is what one proxy pushes.
type proxy struct {
	src  mesh.Source
	turn int64

	mu      sync.Mutex
	series  map[uint64]*raw
	flush   int64  // stamp of the newest flush, by the proxy's clock, in ms
	flushes uint32 // so far
	at      int64  // of the newest, by our clock, in ms
	every   int64  // ms between two flushes, smoothed
	young   bool   // all that it counted is of now
	gone    bool
	dead    bool   // forgotten
	denied  bool   // there is no room for any of its series
	dropped uint32 // the newest flush of which something was dropped
	over    int    // samples dropped in this flush
	before  int    // and in the one before

	// Of the writing loop.
	life    life
	written uint32 // flushes when it was last written
}

// raw is a series as a proxy pushes it.
type raw struct {
	series
	gauge bool
	v     float64
	hist  *accumulator
	first uint32 // the flush that it was in first
	seen  uint32 // the newest flush that it was in
}

// Push takes one message of a proxy's metrics stream that arrived at that time. Late messages change nothing.
func (r *Recorder) Push(src mesh.Source, at time.Time, families []*dto.MetricFamily) {
	if !r.opts.Raw {
		return
	}
	p := r.proxy(src)
	for p.mu.Lock(); p.dead; p.mu.Lock() { // forgotten between the two
		p.mu.Unlock()
		p = r.proxy(src)
	}
	defer p.mu.Unlock()
	p.gone = false
	now := at.UnixMilli()
	for _, f := range families {
		name := maphash.String(r.seed, f.GetName())
		for _, m := range f.GetMetric() {
			if p.begin(m.GetTimestampMs(), now) {
				r.take(p, f, m, name)
			}
		}
		if p.flushes == 1 && f.GetName() == "server.uptime" && len(f.GetMetric()) > 0 {
			p.young = f.GetMetric()[0].GetGauge().GetValue() <= young
		}
	}
	p.at = max(p.at, now)
}

// Over says how many samples of a proxy's newest flush were dropped because a limit was reached.
func (r *Recorder) Over(src mesh.Source) int {
	p := r.find(src)
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.over, p.before)
}

// Gone says that a proxy disconnected: its series end.
func (r *Recorder) Gone(src mesh.Source) {
	if p := r.find(src); p != nil {
		p.mu.Lock()
		p.gone = true
		p.mu.Unlock()
	}
}

func (r *Recorder) find(src mesh.Source) *proxy {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.proxies[proxyKey{src.Mesh, src.Proxy}]
}

// proxy gives a proxy's state. A name that another node's proxy has now is another proxy.
func (r *Recorder) proxy(src mesh.Source) *proxy {
	if p := r.find(src); p != nil && p.src == src {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := proxyKey{src.Mesh, src.Proxy}
	p := r.proxies[k]
	if p != nil && p.src == src {
		return p
	}
	if p != nil {
		p.mu.Lock()
		p.gone = true
		p.mu.Unlock()
		r.leaving = append(r.leaving, p)
	}
	p = &proxy{
		src: src, series: make(map[uint64]*raw),
		turn: int64(maphash.String(r.seed, src.Proxy) % uint64(r.steps)),
	}
	r.proxies[k] = p
	return p
}

// begin notices a new flush and refuses samples of an older one.
func (p *proxy) begin(flush, now int64) bool {
	if flush == 0 {
		flush = now
	}
	d := flush - p.flush
	switch {
	case d == 0:
		return true
	case d < 0 && -d < lateFlush.Milliseconds():
		return false
	}
	if p.flush != 0 && d > 0 {
		p.every += (min(d, silent.Milliseconds()) - p.every) / 4
	}
	p.flush = flush
	p.flushes++
	p.before, p.over = p.over, 0
	return true
}

// take notes a sample.
func (r *Recorder) take(p *proxy, f *dto.MetricFamily, m *dto.Metric, name uint64) {
	if p.denied {
		r.drop(p)
		return
	}
	v, gauge, ok := valueOf(f.GetType(), m)
	if !ok {
		return
	}
	id := name
	for _, l := range m.GetLabel() {
		id += mix(maphash.String(r.seed, l.GetName()), maphash.String(r.seed, l.GetValue()))
	}
	s := p.series[id]
	if s == nil {
		if s = r.admit(p, f, m); s == nil {
			return
		}
		s.gauge, s.first = gauge, p.flushes
		p.series[id] = s
	}
	if h := m.GetHistogram(); h != nil && f.GetType() == dto.MetricType_HISTOGRAM {
		if s.hist == nil {
			s.hist = &accumulator{}
		}
		if !s.hist.add(h, p.flush, &r.count.bounds) {
			r.drop(p)
			return
		}
	}
	s.v, s.seen = v, p.flushes
}

// valueOf reads a sample; not ok when it has no value that can be stored. A histogram has none of its own.
func valueOf(t dto.MetricType, m *dto.Metric) (v float64, gauge, ok bool) {
	switch {
	case t == dto.MetricType_COUNTER && m.GetCounter() != nil:
		v = m.GetCounter().GetValue()
		return v, false, v >= 0 && !math.IsInf(v, 1)
	case t == dto.MetricType_GAUGE && m.GetGauge() != nil:
		v = m.GetGauge().GetValue()
		return v, true, !math.IsNaN(v) && !math.IsInf(v, 0)
	case t == dto.MetricType_HISTOGRAM && m.GetHistogram() != nil:
		return 0, false, true
	}
	return 0, false, false
}

// mix makes one number of two such that their order and their pairing matter.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b|1)
	return hi ^ lo ^ b
}

// admit makes room for a series, nil when there is none or it cannot be stored.
func (r *Recorder) admit(p *proxy, f *dto.MetricFamily, m *dto.Metric) *raw {
	c := &r.count
	if len(p.series) >= r.opts.ProxyLimit || c.used() >= int64(r.opts.SeriesLimit) || !storable(f, m) {
		r.drop(p)
		return nil
	}
	c.raw.Add(1)
	return &raw{series: series{labels: rawLabels(p.src, f.GetName(), m)}}
}

func (r *Recorder) drop(p *proxy) {
	p.over++
	p.dropped = p.flushes
	r.count.dropped.Add(1)
}
