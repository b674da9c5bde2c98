package record

import (
	"time"

	"github.com/weirmesh/weir/server/metrics"
)

// maxColumns is the most series that an edge or node has, without its histogram.
const maxColumns = 23

// shape is which series an edge or a node has.
type shape struct {
	columns  []column
	duration string
}

// column is one of the series. A series begins with the first value other than zero, or when show says so.
type column struct {
	name, label, value string
	gauge              bool
	show               func(*metrics.Rollup) bool
	read               func(*metrics.Rollup) float64
}

func edgeShape() shape {
	list := counters(metrics.EdgeRequests, metrics.EdgeOpened, metrics.EdgeBytes, metrics.EdgeEvents)
	list = append(
		list,
		gauge(metrics.EdgeActive, func(r *metrics.Rollup) float64 { return r.Active }),
		gauge(metrics.EdgePending, func(r *metrics.Rollup) float64 { return r.Pending }),
		gauge(metrics.EdgeConnections, func(r *metrics.Rollup) float64 { return r.Connections }),
		gauge(metrics.EdgeProxies, func(r *metrics.Rollup) float64 { return float64(r.Proxies) }).always(),
		member(metrics.MemberKnown, func(r *metrics.Rollup) float64 { return r.Members }),
		member(metrics.MemberHealthy, func(r *metrics.Rollup) float64 { return r.Healthy }),
		member(metrics.MemberEjected, func(r *metrics.Rollup) float64 { return r.Ejected }),
	)
	return shape{list, metrics.EdgeDuration}
}

func nodeShape() shape {
	list := counters(metrics.NodeRequests, metrics.NodeOpened, metrics.NodeBytes, metrics.NodeEvents)
	list = append(
		list,
		gauge(metrics.NodeActive, func(r *metrics.Rollup) float64 { return r.Active }),
		gauge(metrics.NodeInFlight, func(r *metrics.Rollup) float64 { return r.InFlight }),
		gauge(metrics.NodePending, func(r *metrics.Rollup) float64 { return r.Pending }),
		gauge(metrics.NodeConnections, func(r *metrics.Rollup) float64 { return r.Connections }),
		gauge(metrics.NodeProxies, func(r *metrics.Rollup) float64 { return float64(r.Proxies) }).always(),
	)
	return shape{list, metrics.NodeDuration}
}

// counters are the columns that edges and nodes share.
func counters(requests, opened, bytes, events string) []column {
	list := []column{
		{name: opened, read: func(r *metrics.Rollup) float64 { return r.Opened }},
		{name: bytes, read: func(r *metrics.Rollup) float64 { return r.Bytes }},
	}
	for class, value := range []string{metrics.ClassNoAnswer, "1", "2", "3", "4", "5"} {
		list = append(list, column{
			name: requests, label: metrics.LabelClass, value: value,
			read: func(r *metrics.Rollup) float64 { return r.Classes[class] },
		})
	}
	event := func(value string, read func(*metrics.Rollup) float64) {
		list = append(list, column{name: events, label: metrics.LabelEvent, value: value, read: read})
	}
	event(metrics.EventTimeout, func(r *metrics.Rollup) float64 { return r.Timeouts })
	event(metrics.EventRetry, func(r *metrics.Rollup) float64 { return r.Retries })
	event(metrics.EventExhausted, func(r *metrics.Rollup) float64 { return r.Exhausted })
	event(metrics.EventOverflow, func(r *metrics.Rollup) float64 { return r.Overflow })
	event(metrics.EventFail, func(r *metrics.Rollup) float64 { return r.Fails })
	event(metrics.EventNoHost, func(r *metrics.Rollup) float64 { return r.NoHost })
	event(metrics.EventNoRoute, func(r *metrics.Rollup) float64 { return r.NoRoute })
	event(metrics.EventReset, func(r *metrics.Rollup) float64 { return r.Resets })
	return list
}

func gauge(name string, read func(*metrics.Rollup) float64) column {
	return column{name: name, gauge: true, read: read}
}

// member is a gauge of a caller's view of the instances. None healthy among some is worth a zero.
func member(state string, read func(*metrics.Rollup) float64) column {
	return column{
		name: metrics.EdgeMembers, label: metrics.LabelState, value: state, gauge: true, read: read,
		show: func(r *metrics.Rollup) bool { return r.Members > 0 && state != metrics.MemberEjected },
	}
}

func (c column) always() column {
	c.show = func(*metrics.Rollup) bool { return true }
	return c
}

// reportAge is the age of a node's oldest newest report, in seconds.
func reportAge(r *metrics.Rollup, now int64) float64 {
	return max(time.Duration(now-r.At.UnixMilli())*time.Millisecond, 0).Seconds()
}
