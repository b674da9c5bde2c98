package metrics

import (
	"errors"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// What several processes know of one mesh is put together by its proxies. Each process tells how far the counters are of the
// proxies that report to it, and nothing that it was told itself. Another one takes that in as if the proxies had reported to
// it: counters only say how far they are, so that nothing counts twice, whoever tells it, however often, and whichever
// process a proxy reports to next. A latency is told once, by the process that it was reported to, as a count of the edge.

// tellEach is about how often a process tells the others; until then a proxy elsewhere is not late.
const tellEach = time.Second

// teller is another process.
type teller struct {
	heardAt int64               // in ms of our clock
	spreads map[pair]*spread    // how far its latencies were, by flow
	known   map[string]struct{} // proxies of its newest report
}

// spread is the latencies that were reported to one process, of one flow.
type spread struct {
	born    int64 // tells it from one that was forgotten and began again
	buckets []float64
	took    float64
}

// Heard takes what another process' Own gave, all of it, and when that was, in time of our clock. Reports of one process come
// in their order; one that is repeated changes nothing. With a process' first report counting begins; who is new in a later
// one counts from the beginning. Error: mesh.Invalid when some of it cannot be read; the rest was taken.
func (l *Live) Heard(process string, taken time.Time, told []Told) error {
	l.mu.Lock()
	_, known := l.processes[process]
	l.processes[process] = taken
	for name, at := range l.processes {
		if taken.Sub(at) > retireAfter {
			delete(l.processes, name)
		}
	}
	l.mu.Unlock()
	var errs []error
	reports := make(map[string]*report, len(told))
	for _, t := range told {
		w, err := decodeReport(t.Report)
		if err != nil {
			errs = append(errs, mesh.Errorf(mesh.Invalid, "what was counted in mesh %s cannot be read: %w", t.Mesh, err))
			continue
		}
		reports[t.Mesh] = w
		l.open(t.Mesh)
	}
	for _, name := range l.Meshes() {
		m := l.find(name)
		m.mu.Lock()
		if w := reports[name]; w != nil {
			m.hear(process, w, taken.UnixMilli(), !known)
		} else if len(errs) == 0 {
			m.lose(process)
		}
		m.mu.Unlock()
	}
	return errors.Join(errs...)
}

// hear takes in a report. First is true when nothing was heard of the process before.
func (m *meshState) hear(process string, w *report, at int64, first bool) {
	t := m.tellers[process]
	if t == nil {
		t = &teller{spreads: make(map[pair]*spread)}
		m.tellers[process] = t
	}
	t.heardAt = at
	known := make(map[string]struct{}, len(w.Proxies))
	m.hearProxies(process, w, t, known, !first)
	for id := range t.known {
		if s := m.sources[id]; s != nil && s.teller == process {
			if _, still := known[id]; !still {
				s.leave()
			}
		}
	}
	t.known = known
	m.hearSpreads(w, t, first)
	m.sweep(at)
}

// lose ends what a process tells of.
func (m *meshState) lose(process string) {
	for _, s := range m.sources {
		if s.teller == process && !s.gone {
			s.leave()
		}
	}
}

// Lost says that another process has gone, or that nobody knows: what its proxies counted stays in the windows until they
// have passed, and their gauges end, until somebody tells of them again.
func (l *Live) Lost(process string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, m := range l.meshes {
		m.mu.Lock()
		m.lose(process)
		m.mu.Unlock()
	}
}

// hearProxies takes in proxies with their counters and gauges. Fresh is true when the process told of this mesh before: who is
// new to it then began since.
func (m *meshState) hearProxies(process string, w *report, t *teller, known map[string]struct{}, fresh bool) {
	next, lives := 0, w.lives()
	for i := range w.Proxies {
		p := &w.Proxies[i]
		begin := next
		next += p.Links
		at := t.heardAt - p.Ago
		if !m.sources[p.ID].isToldBy(process, p, at) {
			continue
		}
		known[p.ID] = struct{}{}
		_, before := t.known[p.ID]
		s := m.source(mesh.Source{Mesh: m.name, Proxy: p.ID, Node: p.Node, Gateway: p.Gateway})
		s.told(process, p, at, fresh && !before)
		for j := begin; j < next; j++ {
			if k := s.named(w.Names[w.of[j]], w.quiet[j] == 1 && w.ago[j] > uint64(maxGap.Milliseconds())); k != nil {
				k.hear(w, j, t.heardAt, lives[j])
			}
		}
		s.at = max(s.at, at)
		if p.Gone {
			s.leave()
		}
	}
}

// named gives the link of a cluster or a side. One that has long been over is not made for it: it may have been forgotten here.
func (s *source) named(name string, over bool) *link {
	switch name {
	case sideHTTP:
		return s.side(&s.arriving[0], arriving)
	case sideTCP:
		return s.side(&s.arriving[1], arriving)
	case sideOut:
		return s.side(&s.leaving, leaving)
	}
	if k, known := s.links[name]; over || known {
		return k
	}
	return s.cluster(name)
}

// hear takes the row of a report that is the link's, with what was counted in lives before this one.
func (k *link) hear(w *report, row int, taken int64, past []uint64) {
	cell := func(column []uint64) float64 {
		if len(column) == 0 {
			return 0
		}
		return float64(column[row])
	}
	quiet := w.quiet[row] == 1
	k.touch(taken - int64(w.ago[row]))
	if quiet {
		k.withdraw()
	}
	for s := range counters {
		if w.seen[row]&(1<<s) == 0 {
			continue
		}
		before := 0.0
		if past != nil {
			before = float64(past[s])
		}
		k.hearCounter(s, cell(w.counters[s]), before)
	}
	for s := active; s < slots && !quiet; s++ {
		if w.seen[row]&(1<<s) != 0 {
			k.setGauge(s, cell(w.gauges[s-active]))
		}
	}
}

// isToldBy says whether a process' word on a proxy counts: a proxy that reports here, or of which another process tells, is
// left to that one until it is silent.
func (s *source) isToldBy(process string, p *toldProxy, at int64) bool {
	switch {
	case s == nil:
		return !p.Gone || p.Ago < maxGap.Milliseconds()
	case s.teller == process:
		return true
	case p.Gone:
		return false
	default:
		return s.gone || at > s.at+s.tolerance()
	}
}

// told notes who tells of the proxy, and what is known of the proxy itself. Fresh is true when it came to its teller since
// that told the last time.
func (s *source) told(process string, p *toldProxy, at int64, fresh bool) {
	s.same = s.teller == process && s.tenure == p.Tenure
	s.teller, s.tenure, s.gone = process, p.Tenure, false
	if p.Timed {
		s.aged(p.Uptime, at)
	}
	switch first := s.flush == 0; {
	case first && fresh && p.Whole:
		s.baseline, s.whole, s.since = false, true, at-int64(p.Uptime*1000)
	case first || at-s.at > maxGap.Milliseconds():
		s.baseline, s.since = true, at
	default:
		s.baseline = false
	}
	s.flush = p.Flush
	s.interval = p.Interval + tellEach.Milliseconds()
}

// leave ends the proxy's part in the gauges: it is gone.
func (s *source) leave() {
	s.gone = true
	for _, k := range s.links {
		if k != nil {
			k.withdraw()
		}
	}
	for _, k := range []*link{s.arriving[0], s.arriving[1], s.leaving} {
		if k != nil {
			k.withdraw()
		}
	}
}

// here notes that the proxy itself reports to this process.
func (s *source) here() {
	s.gone = false
	if s.teller != "" {
		s.teller, s.same = "", false
		s.tenure++
	}
}

// hearCounter takes a counter of a proxy elsewhere: how far it is, and how far it came in the proxy's lives before this one, as
// its teller knows them. With the same teller both are compared, so that a life that ended between two reports is not missed;
// with another one, only how far it is.
func (k *link) hearCounter(s slot, v, past float64) {
	d := past + v - k.before(s) - k.last[s]
	same := k.src.same || !k.has(s)
	if past != 0 || k.past != nil {
		k.setBefore(s, past)
	}
	if !same || d < 0 {
		k.setCounter(s, v)
		return
	}
	if k.admit(s) {
		k.life, k.last[s] = k.src.life, v
		k.advance(s, d)
	}
}

// ownSpread is where a flow keeps the latencies that are reported here, if anybody is told of them.
func (f *flow) ownSpread(m *meshState) *spread {
	if f.own == nil && m.telling {
		m.born++
		f.own = &spread{born: m.born, buckets: make([]float64, len(f.bounds)+1)}
	}
	return f.own
}

// hearSpreads takes in latencies. With a process' first report counting begins.
func (m *meshState) hearSpreads(w *report, t *teller, first bool) {
	at := 0
	now := make(map[pair]*spread, len(w.Flows))
	for i := range w.Flows {
		u := &w.Flows[i]
		bounds := w.Bounds[u.Bounds]
		buckets := make([]float64, len(bounds)+1)
		for j := range buckets {
			buckets[j] = float64(w.buckets[at+j])
		}
		at += len(buckets)
		key := pair{w.Names[u.From], w.Names[u.To]}
		f := m.edges[key]
		if key.from == "" {
			f = m.nodes[key.to]
		}
		last, is := t.spreads[key], &spread{u.Born, buckets, u.Took}
		if last == nil || last.born != u.Born || len(last.buckets) != len(buckets) {
			last = &spread{born: u.Born, buckets: make([]float64, len(buckets))}
		}
		switch {
		case first:
		case f == nil:
			is = last // nothing else is known of it yet
		default:
			f.hear(m, bounds, last, is)
		}
		now[key] = is
	}
	t.spreads = now
}

// hear adds what was added to the latencies elsewhere.
func (f *flow) hear(m *meshState, bounds []float64, last, now *spread) {
	if f.bounds == nil && len(bounds) > 0 {
		f.setBounds(m.share(slices.Clone(bounds)))
	}
	if f.bounds == nil {
		return
	}
	for i, n := range now.buckets {
		d := n - last.buckets[i]
		if !(d > 0 && d < maxStep) {
			continue
		}
		to := len(f.bounds)
		if i < len(bounds) {
			to = f.bucket(bounds[i])
		}
		f.count(columns+to, d)
	}
	if d := now.took - last.took; d > 0 {
		f.took += d
	}
}
