package metrics

// Part is what one proxy counted of one edge, or of what its own node received: since the proxy started, so it falls when
// the proxy starts again. For TCP a request is a connection.
type Part struct {
	Proxy    string
	From, To string // graph ids; From is empty for what arrives at To
	Requests float64
	Errors   float64 // of those, 5xx, or for TCP refused
}

// Parts visits what each proxy of a mesh counts of each edge, and of what arrives at it. visit must not call the
// aggregator.
func (l *Live) Parts(name string, visit func(Part)) {
	m := l.find(name)
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.slots {
		if s == nil || s.gone {
			continue
		}
		for _, k := range s.links {
			if k != nil && k.kind == toNode {
				visit(k.part())
			}
		}
		for _, k := range s.arriving {
			if k != nil {
				visit(k.part())
			}
		}
	}
}

// part is the link's counters as its proxy last said them.
func (k *link) part() Part {
	k.renew()
	p := Part{Proxy: k.src.id.Proxy, From: k.flow.from, To: k.flow.to}
	if k.tcp {
		p.Errors = k.last[overConnections] + k.last[connectFail] + k.last[noneHealthy]
		p.Requests = k.last[total] + p.Errors
		return p
	}
	for class := byClass + 1; class <= byClass+5; class++ {
		p.Requests += k.last[class]
	}
	p.Errors = k.last[byClass+5]
	return p
}
