package dialect

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics"
)

// Weir's own series: the rollup of every edge and node, as named in server/metrics (rollup.go). Labels are graph ids, so
// nothing has to be worked out; the caller's side counts every request once, by the answer its caller got. Classes hold
// failures already, so events say why and add nothing. Durations are native histograms with custom buckets, in seconds.

func weir() dialect {
	return dialect{
		name: "weir",
		names: []string{
			metrics.EdgeRequests, metrics.EdgeOpened, metrics.EdgeDuration, metrics.EdgeBytes, metrics.EdgeEvents, metrics.EdgeActive,
			metrics.EdgePending, metrics.EdgeConnections, metrics.EdgeMembers, metrics.EdgeProxies,
			metrics.NodeRequests, metrics.NodeOpened, metrics.NodeDuration, metrics.NodeBytes, metrics.NodeEvents, metrics.NodeActive,
			metrics.NodeInFlight, metrics.NodePending, metrics.NodeConnections, metrics.NodeProxies, metrics.NodeReportAge,
		},
		anchors: []string{metrics.EdgeRequests, metrics.EdgeOpened, metrics.NodeRequests, metrics.NodeProxies},
		whole:   true,
		asks:    weirAsks,
	}
}

func weirAsks(s *scope) []ask {
	edges := both(is(metrics.LabelMesh, s.mesh), s.narrow(metrics.LabelSource, metrics.LabelDest))
	nodes := both(is(metrics.LabelMesh, s.mesh), s.narrow("", metrics.LabelNode))
	one := func(about string, k kind, match string, names ...string) ask {
		return ask{about: about, kind: k, names: names, match: match, distinct: true, read: readEdgeRollup, unit: 1}
	}
	list := []ask{
		one("requests", counter, edges, metrics.EdgeRequests, metrics.EdgeEvents, metrics.EdgeBytes),
		one("latencies", duration, edges, metrics.EdgeDuration),
		one("connections", counter, edges, metrics.EdgeOpened),
		one("what is in flight", gauge, edges, metrics.EdgeActive, metrics.EdgeConnections, metrics.EdgeMembers),
		one("requests that arrived", counter, nodes, metrics.NodeRequests, metrics.NodeEvents, metrics.NodeBytes),
		one("latencies of what arrived", duration, nodes, metrics.NodeDuration),
		one("connections that arrived", counter, nodes, metrics.NodeOpened),
		one("pools", gauge, nodes, metrics.NodeActive, metrics.NodeInFlight, metrics.NodePending, metrics.NodeConnections, metrics.NodeProxies, metrics.NodeReportAge),
		one("freshness", span, nodes, metrics.NodeReportAge),
	}
	list[0].vital = true
	list[0].film, list[1].film, list[2].film = []string{metrics.EdgeRequests}, list[1].names, list[2].names
	list[2].read, list[6].read = readOpened, readOpened
	list[0].whole, list[1].whole, list[2].whole = []string{metrics.LabelClass, metrics.LabelEvent}, []string{}, []string{}
	if s.subject != nil { // a picture shows the destination's pool, and leaves out what costs as much as it says little
		list[3].names = append(list[3].names, metrics.EdgePending, metrics.EdgeProxies)
	}
	for i := 4; i < len(list); i++ {
		list[i].arrivals = true
	}
	refused := one("refusals by full pools", counter, both(is(metrics.LabelMesh, s.mesh), is(metrics.LabelEvent, metrics.EventOverflow)))
	refused.film, refused.known = []string{metrics.EdgeEvents, metrics.NodeEvents}, true // the other questions have it from all events
	return append(list, refused)
}

// readEdgeRollup reads a series of an edge or a node; rate() dropped the name of a counter, which its labels tell.
func readEdgeRollup(s *scope, l labels.Labels, name string, into *reading) bool {
	readRollupEnds(l, into)
	if name != "" {
		into.cols = rollupGauge(name, l)
		return into.cols != 0
	}
	if class := l.Get(metrics.LabelClass); class != "" {
		into.cols = cols(classOf(class))
		return true
	}
	if event := l.Get(metrics.LabelEvent); event != "" {
		into.cols = rollupEvent(event)
		return into.cols != 0
	}
	into.cols = cols(octets)
	return true
}

func readOpened(s *scope, l labels.Labels, _ string, into *reading) bool {
	readRollupEnds(l, into)
	into.cols = cols(opened)
	return true
}

func readRollupEnds(l labels.Labels, into *reading) {
	into.separate = true
	l.Range(func(p labels.Label) {
		switch p.Name {
		case metrics.LabelSource:
			into.from = p.Value
		case metrics.LabelDest, metrics.LabelNode:
			into.to = p.Value
		case metrics.LabelProtocol:
			into.protocol = p.Value
		}
	})
}

// rollupEvent says what an event counts.
func rollupEvent(event string) columnSet {
	switch event {
	case metrics.EventTimeout:
		return cols(timedOut)
	case metrics.EventRetry:
		return cols(retried)
	case metrics.EventExhausted:
		return cols(exhausted)
	case metrics.EventOverflow:
		return cols(overflow)
	case metrics.EventFail:
		return cols(connectFail)
	case metrics.EventNoHost:
		return cols(noHost)
	case metrics.EventNoRoute:
		return cols(noRoute)
	case metrics.EventReset:
		return cols(reset)
	}
	return 0
}

func rollupGauge(name string, l labels.Labels) columnSet {
	switch name {
	case metrics.EdgeActive, metrics.NodeActive:
		return cols(active)
	case metrics.NodeInFlight:
		return cols(inFlight)
	case metrics.EdgePending, metrics.NodePending:
		return cols(pending)
	case metrics.EdgeConnections, metrics.NodeConnections:
		return cols(connections)
	case metrics.EdgeProxies, metrics.NodeProxies:
		return cols(proxies)
	case metrics.NodeReportAge:
		return cols(age)
	case metrics.EdgeMembers:
		switch l.Get(metrics.LabelState) {
		case metrics.MemberKnown:
			return cols(known)
		case metrics.MemberHealthy:
			return cols(healthy)
		case metrics.MemberEjected:
			return cols(ejected)
		}
	}
	return 0
}

// classOf reads a status class or a status: "5", "5xx", "503". No answer is "0", and Weir writes "none"; what cannot be read
// is a request of which the class is not known.
func classOf(v string) column {
	switch {
	case v == "0", v == metrics.ClassNoAnswer:
		return class0
	case v != "" && v[0] >= '1' && v[0] <= '5' && (len(v) == 1 || len(v) == 3):
		return class0 + column(v[0]-'0')
	}
	return total
}
