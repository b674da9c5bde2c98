package record

import "slices"

// writeProxies writes what the proxies pushed whose turn it is.
func (r *Recorder) writeProxies(b *batch) {
	for _, p := range r.visit() {
		p.mu.Lock()
		over := r.writeProxy(p, b)
		p.mu.Unlock()
		if over {
			r.forget(p)
		}
	}
}

// visit lists the proxies, those that are on their way out first.
func (r *Recorder) visit() []*proxy {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.visited = append(r.visited[:0], r.leaving...)
	for _, p := range r.proxies {
		r.visited = append(r.visited, p)
	}
	return r.visited
}

// writeProxy writes one proxy's series when it has its turn. It is over with a proxy that is gone and whose series have
// ended.
func (r *Recorder) writeProxy(p *proxy, b *batch) (over bool) {
	quiet := p.gone || b.t-p.at > max(3*p.every, silent.Milliseconds())
	switch {
	case !quiet:
		p.life = live
		if b.due(p.turn) && p.written != p.flushes {
			r.writeSeries(p, b)
		}
	case p.life == live:
		p.life = ending
		if p.written != p.flushes {
			r.writeSeries(p, b)
		}
	case p.life == ending:
		p.life = ended
		p.end(b)
		return p.gone
	default:
		return p.gone
	}
	return false
}

// writeSeries writes the series that the newest flushes had, and ends the others.
func (r *Recorder) writeSeries(p *proxy, b *batch) {
	p.written = p.flushes
	for id, s := range p.series {
		switch {
		case s.seen+missing < p.flushes:
			b.stale(&s.series)
			delete(p.series, id)
			b.count.raw.Add(-1)
		case s.hist != nil:
			if s.hist.counts != nil {
				b.histogram(&s.series, &s.hist.output, s.hist.distribution)
			}
		case s.gauge:
			b.gauge(&s.series, s.v)
		default:
			b.counter(&s.series, s.v, p.isNew(s))
		}
	}
}

// isNew says that a counter began at zero: Envoy sends it with its first increment, so one that was not in the flush
// before is new, unless it was left out there.
func (p *proxy) isNew(s *raw) bool {
	if s.first == 1 {
		return p.young
	}
	return p.dropped == 0 || s.first > p.dropped+1
}

// forget ends with a proxy, unless it came back meanwhile.
func (r *Recorder) forget(p *proxy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(r.leaving, p)
	switch k := (proxyKey{p.src.Mesh, p.src.Proxy}); {
	case i >= 0:
		r.leaving = slices.Delete(r.leaving, i, i+1)
	case !p.gone:
		return
	case r.proxies[k] == p:
		delete(r.proxies, k)
	}
	p.dead = true
	r.count.raw.Add(-int64(len(p.series)))
}

// evict makes room: edges and nodes are needed for every picture, so what proxies push gives way, one whole proxy after
// the other. They return when a tenth of the room is free.
func (r *Recorder) evict(b *batch) {
	limit := int64(r.opts.SeriesLimit)
	over := b.count.used() - limit
	if over <= 0 && (!r.evicted || over >= -limit/10) {
		return
	}
	r.evicted = over > 0
	for _, p := range r.visit() {
		p.mu.Lock()
		if !r.evicted {
			p.denied = false
		} else if n := int64(len(p.series)); n > 0 && over > 0 {
			over -= n
			p.denied = true
			p.end(b)
			b.count.raw.Add(-n)
			clear(p.series)
		}
		p.mu.Unlock()
	}
}

func (p *proxy) end(b *batch) {
	for _, s := range p.series {
		b.stale(&s.series)
	}
}
