package metrics

import (
	"fmt"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/weirmesh/weir/server/mesh"
)

// bounds are the latency buckets that a bootstrap asks for, in ms.
var bounds = []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000}

// proxy makes messages as a proxy would. Counters are kept; each flush says where they stand.
type proxy struct {
	src      mesh.Source
	flush    int64
	started  int64
	uptime   *dto.Gauge
	families []*dto.MetricFamily
	series   map[string]*dto.Metric
}

func newProxy(meshName, node, instance string) *proxy {
	return &proxy{
		src:    mesh.Source{Mesh: meshName, Proxy: node + "-" + instance, Node: node},
		series: map[string]*dto.Metric{},
	}
}

func (p *proxy) metric(name string, kind dto.MetricType, labels ...string) *dto.Metric {
	key := name + fmt.Sprint(labels)
	if m := p.series[key]; m != nil {
		return m
	}
	m := &dto.Metric{TimestampMs: proto.Int64(p.flush)}
	for i := 0; i < len(labels); i += 2 {
		m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(labels[i]), Value: proto.String(labels[i+1])})
	}
	switch kind {
	case dto.MetricType_COUNTER:
		m.Counter = &dto.Counter{Value: proto.Float64(0)}
	case dto.MetricType_GAUGE:
		m.Gauge = &dto.Gauge{Value: proto.Float64(0)}
	default:
		m.Histogram = &dto.Histogram{SampleCount: proto.Uint64(0)}
		for _, b := range bounds {
			m.Histogram.Bucket = append(m.Histogram.Bucket, &dto.Bucket{UpperBound: proto.Float64(b), CumulativeCount: proto.Uint64(0)})
		}
	}
	p.series[key] = m
	p.families = append(p.families, &dto.MetricFamily{Name: proto.String(name), Type: kind.Enum(), Metric: []*dto.Metric{m}})
	return m
}

// count adds to a counter of a cluster.
func (p *proxy) count(name, cluster string, n float64) {
	m := p.metric(name, dto.MetricType_COUNTER, clusterLabel, cluster)
	*m.Counter.Value += n
}

// answer adds requests of a class.
func (p *proxy) answer(cluster string, class int, n float64) {
	m := p.metric("cluster.upstream_rq_xx", dto.MetricType_COUNTER, classLabel, strconv.Itoa(class), clusterLabel, cluster)
	*m.Counter.Value += n
}

// receive adds requests to the proxy's own listeners.
func (p *proxy) receive(class int, n float64) {
	m := p.metric("http.downstream_rq_xx", dto.MetricType_COUNTER, classLabel, strconv.Itoa(class), httpLabel, "ingress")
	*m.Counter.Value += n
}

func (p *proxy) set(name, cluster string, v float64) {
	*p.metric(name, dto.MetricType_GAUGE, clusterLabel, cluster).Gauge.Value = v
}

// took adds a latency; flushing empties the histogram.
func (p *proxy) took(cluster string, ms float64, n uint64) {
	h := p.metric("cluster.upstream_rq_time", dto.MetricType_HISTOGRAM, clusterLabel, cluster).Histogram
	*h.SampleCount += n
	for _, b := range h.Bucket {
		if ms <= b.GetUpperBound() {
			*b.CumulativeCount += n
		}
	}
}

// push stamps the flush and hands it over.
func (p *proxy) push(l *Live, at time.Time) {
	p.stamp(at)
	l.Push(p.src, at, p.families)
	p.empty()
}

func (p *proxy) stamp(at time.Time) {
	p.flush = at.UnixMilli()
	if p.uptime == nil {
		p.uptime = p.metric("server.uptime", dto.MetricType_GAUGE).Gauge
	}
	*p.uptime.Value = float64(p.flush-p.started) / 1000
	for _, m := range p.series {
		*m.TimestampMs = p.flush
	}
}

func (p *proxy) empty() {
	for _, m := range p.series {
		if h := m.Histogram; h != nil {
			*h.SampleCount = 0
			for _, b := range h.Bucket {
				*b.CumulativeCount = 0
			}
		}
	}
}

// restart is a new process under the same name.
func (p *proxy) restart() {
	p.uptime = nil
	p.families, p.series, p.started = nil, map[string]*dto.Metric{}, p.flush
}

func egress(meshName, node string) string { return mesh.EgressCluster(meshName, node, mesh.HTTP, 8080) }

// large makes a mesh in which every service calls about four others, two proxies each.
func large(meshName string, services, edges int) []*proxy {
	var list []*proxy
	for i := range services {
		for instance := range 2 {
			p := newProxy(meshName, fmt.Sprintf("svc-%04d", i), strconv.Itoa(instance))
			calls := edges / services
			if i < edges%services {
				calls++
			}
			for j := range calls {
				fill(p, egress(meshName, fmt.Sprintf("svc-%04d", (i+j*13+1)%services)))
			}
			own := mesh.IngressCluster(meshName, p.src.Node, mesh.HTTP, 8080)
			p.set("cluster.upstream_cx_active", own, 3)
			p.count("cluster.upstream_rq_pending_overflow", own, 0)
			p.receive(2, 100)
			list = append(list, p)
		}
	}
	return list
}

// fill makes the series that a busy cluster has.
func fill(p *proxy, cluster string) {
	for class := 2; class <= 5; class++ {
		p.answer(cluster, class, float64(100/class))
	}
	for _, name := range []string{
		"upstream_rq_total", "upstream_rq_timeout", "upstream_rq_retry", "upstream_rq_pending_overflow", "upstream_cx_total",
		"upstream_cx_overflow", "upstream_cx_connect_fail", "upstream_cx_rx_bytes_total", "upstream_cx_tx_bytes_total",
	} {
		p.count("cluster."+name, cluster, 10)
	}
	for _, name := range []string{
		"upstream_rq_active", "upstream_rq_pending_active", "upstream_cx_active", "membership_healthy", "membership_total",
	} {
		p.set("cluster."+name, cluster, 2)
	}
	p.took(cluster, 7, 50)
	p.took(cluster, 30, 5)
}

// step moves every series on by one flush's worth.
func step(p *proxy) {
	for _, m := range p.series {
		if m.Counter != nil {
			*m.Counter.Value += 3
		}
	}
}
