package metrics

import (
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

// The stat prefixes of the listeners that the control plane gives every proxy.
const (
	ingressPrefix = "ingress"
	egressPrefix  = "egress"
)

// Elsewhere is the name of the external destination that stands for every host outside the mesh: proxies of a mesh whose
// egress filter is ALLOW_ALL reach them all through one cluster, and count them together.
const Elsewhere = "elsewhere"

// young is the uptime, in seconds, up to which a proxy that reports for the first time counts from its beginning.
const young = 2

// source is one proxy.
type source struct {
	id       mesh.Source
	mesh     *meshState
	end      string // its id in the graph
	at       int64  // its newest report, in ms of our clock
	flush    int64  // its newest flush, in ms of its own clock
	interval int64  // between its flushes, smoothed, in ms
	since    int64  // when its reports began, in ms: what it reports first after that was zero until then
	baseline bool   // this flush only says where its counters stand
	gone     bool
	uptime   float64 // as it last said, in seconds
	timed    bool    // it says its uptime
	life     int     // one more after each restart that its uptime told
	whole    bool    // all that it counted in its first life here is of since
	teller   string  // the process that tells of it; empty: it reports here
	tenure   int     // one more each time that it came from elsewhere
	same     bool    // the one that tells of it told of it before
	slot     int32   // in meshState.slots
	series   int
	over     int // series dropped in this flush
	lastOver int // and in the one before
	links    map[string]*link
	arriving [2]*link // HTTP, TCP
	leaving  *link
}

// tolerance is how long the proxy may be silent before it is late: three of its flushes.
func (s *source) tolerance() int64 {
	return max(3*s.interval, minStale.Milliseconds())
}

// late is the time after which the proxy must have reported a cluster that it still has.
func (s *source) late() int64 { return s.at - s.tolerance() }

// take takes one sample.
func (s *source) take(st stat, m *dto.Metric, now int64) {
	k := s.link(st.scope, m)
	if k == nil {
		return
	}
	at := st.slot
	if at == byClass {
		if at = classOf(m); at == byClass {
			return
		}
	}
	if k.kind == ownPool && at == active {
		at = inFlight
	}
	if !k.wants(at) {
		return
	}
	k.touch(now)
	switch {
	case at == latency:
		k.observe(m.GetHistogram(), s.flush)
	case at < counters:
		if v := m.GetCounter().GetValue(); v >= 0 && !math.IsInf(v, 1) {
			k.setCounter(at, v)
		}
	default:
		if v := m.GetGauge().GetValue(); v >= 0 && !math.IsInf(v, 1) {
			k.setGauge(at, v)
		}
	}
}

// noticeRestart looks for an uptime that fell. Counters that fell tell a restart by themselves; those that are already
// past their old value do not. Envoy's uptime is the time of day less that of its start: when its clock is set back it
// falls too, but to more than the time since its last report.
func (s *source) noticeRestart(families []*dto.MetricFamily, now int64) {
	for _, f := range families {
		if f.GetName() != "server.uptime" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetTimestampMs() < s.flush {
				continue // late
			}
			s.aged(m.GetGauge().GetValue(), now)
		}
	}
}

// aged notes the proxy's uptime, in seconds.
func (s *source) aged(up float64, now int64) {
	if up < s.uptime && int64(up*1000) <= now-s.at+s.tolerance() {
		s.life++
	}
	s.timed, s.uptime = true, up
}

// begin notices a new flush and refuses samples of an older one.
func (s *source) begin(flush, now int64) bool {
	if flush == 0 {
		flush = now
	}
	d := flush - s.flush
	switch {
	case d == 0:
		return true
	case d < 0 && -d < lateFlush.Milliseconds():
		return false
	}
	switch first := s.flush == 0; {
	case first && s.timed && s.uptime <= young:
		s.since, s.whole = now-int64(s.uptime*1000), true // it has just begun: all that it counted is of now
	case first || now-s.at > maxGap.Milliseconds():
		s.baseline, s.since = true, now
	default:
		s.baseline = false
		if d > 0 {
			step := min(d, maxGap.Milliseconds())
			s.interval += (step - s.interval) / 4
		}
	}
	s.flush = flush
	s.lastOver, s.over = s.over, 0
	return true
}

// link finds what a sample is about by its labels, and nil when that is none of the mesh's business or over a limit.
func (s *source) link(sc scope, m *dto.Metric) *link {
	switch sc {
	case ofCluster:
		return s.cluster(label(m, clusterLabel))
	case ofHTTP:
		switch label(m, httpLabel) {
		case ingressPrefix:
			return s.side(&s.arriving[0], arriving)
		case egressPrefix:
			return s.side(&s.leaving, leaving)
		}
	case ofTCP:
		if label(m, tcpLabel) == ingressPrefix {
			return s.side(&s.arriving[1], arriving)
		}
	}
	return nil
}

// side gives the link for the proxy's own listeners.
func (s *source) side(k **link, kd kind) *link {
	if *k == nil {
		*k = s.join(s.mesh.node(s), kd)
		(*k).tcp = k == &s.arriving[1]
	}
	return *k
}

// cluster gives the link for a cluster. The answer nil is remembered too, within the limit.
func (s *source) cluster(name string) *link {
	k, known := s.links[name]
	if known || name == "" {
		return k
	}
	if len(name) > s.mesh.opts.LabelLimit || len(s.links) >= s.mesh.opts.SeriesLimit {
		s.over++
		return nil
	}
	name = strings.Clone(name) // the message that it is part of is not kept
	k = s.open(name)
	s.links[name] = k
	return k
}

// open makes the link for a cluster that the proxy reports for the first time; nil when it does not belong to the mesh.
func (s *source) open(name string) *link {
	if name == "cds_egress_"+s.mesh.name+"_allow_all" {
		k := s.join(s.mesh.edge(s, mesh.ExternalID(Elsewhere)), toNode)
		k.flow.protocol = mesh.HTTP
		return k
	}
	node, ingress, ok := mesh.ClusterNode(s.mesh.name, name)
	var k *link
	switch {
	case !ok:
		return nil
	case !ingress:
		k = s.join(s.mesh.edge(s, node), toNode)
	case node == s.id.Node, s.id.Gateway && node == s.id.Node+"_self_redirect":
		k = s.join(s.mesh.node(s), ownPool)
	default:
		return nil
	}
	p := protocolOf(name)
	k.tcp = p == mesh.TCP
	if k.flow.protocol == "" || p < k.flow.protocol {
		k.flow.protocol = p // of several listeners, the first by name
	}
	return k
}

func (s *source) join(f *flow, kd kind) *link {
	k := &link{src: s, flow: f, kind: kd, life: s.life, index: len(f.links)}
	f.links = append(f.links, k)
	f.ties = append(f.ties, tie{slot: s.slot, kind: kd})
	return k
}

// forget ends a link for good; what it counted stays in the flow.
func (s *source) forget(k *link) {
	k.withdraw()
	s.series -= k.size()
	k.flow.drop(k)
}

func newSource(m *meshState, id mesh.Source, slot int32) *source {
	return &source{
		id: id, slot: slot, mesh: m, end: id.End(),
		interval: m.opts.Flush.Milliseconds(),
		links:    make(map[string]*link),
	}
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// classOf gives the slot of a sample's status class, and byClass when it has none.
func classOf(m *dto.Metric) slot {
	if v := label(m, classLabel); len(v) == 1 && v[0] >= '1' && v[0] <= '5' {
		return byClass + slot(v[0]-'0')
	}
	return byClass
}

// protocolOf reads the protocol from the end of a cluster's name, where mesh.EgressCluster puts it.
func protocolOf(cluster string) mesh.Protocol {
	rest := cluster[:strings.LastIndexByte(cluster, '_')]
	return mesh.Protocol(rest[strings.LastIndexByte(rest, '_')+1:])
}
