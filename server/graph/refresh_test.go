package graph

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// BenchmarkRefresh is what one tick of the live picture costs from the aggregator's counters to verdicts: every edge with
// all its labels, over 30 s, after a second's flushes of every proxy.
func BenchmarkRefresh(b *testing.B) {
	for _, size := range []struct{ services, edges int }{{500, 2100}, {2000, 8500}} {
		b.Run(fmt.Sprintf("edges=%d", size.edges), func(b *testing.B) {
			m, _, proxies := large(size.services, size.edges)
			live := metrics.New(metrics.Options{})
			now := feed(live, &m, 40)
			pictures := New(Options{
				Meshes: func() []mesh.Mesh { return []mesh.Mesh{m} }, Observer: live,
				Proxies: func(string) map[string]int { return proxies },
			})
			refresh := func() {
				if g, _ := pictures.At(m.Name, 30*time.Second, now); len(g.Edges) != size.edges || !g.Fresh {
					b.Fatalf("%d edges, fresh %v", len(g.Edges), g.Fresh)
				}
			}
			refresh()    // what is sorted once is not the steady state,
			runtime.GC() // and what the flushes left behind is not part of it
			b.ReportAllocs()
			done := cpu.Start(b)
			for b.Loop() {
				refresh()
			}
			done(b.N)
		})
	}
}

// TestPicturesOutliveWhatWasSeen says that a picture stays as it is when the memory of its observation is used for others.
func TestPicturesOutliveWhatWasSeen(t *testing.T) {
	m, _, proxies := large(20, 80)
	live := metrics.New(metrics.Options{})
	now := feed(live, &m, 12)
	pictures := New(Options{
		Meshes: func() []mesh.Mesh { return []mesh.Mesh{m} }, Observer: live,
		Proxies: func(string) map[string]int { return proxies },
	})
	g, ok := pictures.At(m.Name, 10*time.Second, now)
	want := encode(t, g)
	if !ok || len(g.Edges) != 80 || g.Edges[0].RequestRate == 0 {
		t.Fatalf("%s", want)
	}
	for i := range 3 {
		pictures.At(m.Name, 10*time.Second, now.Add(time.Duration(i+1)*30*time.Second))
	}
	if d := cmp.Diff(string(want), string(encode(t, g))); d != "" {
		t.Error(d)
	}
	again, _ := pictures.At(m.Name, 10*time.Second, now)
	if d := cmp.Diff(string(want), string(encode(t, again))); d != "" {
		t.Errorf("drawn again: %s", d)
	}
}

// feed has two proxies of every node push that many seconds of flushes, and gives the time of the last.
func feed(live *metrics.Live, m *mesh.Mesh, seconds int) time.Time {
	fleet := make([]*pusher, 0, 2*len(m.Nodes))
	for i := range m.Nodes {
		for instance := range 2 {
			fleet = append(fleet, newPusher(m.Name, &m.Nodes[i], instance))
		}
	}
	at := time.UnixMilli(1_700_000_000_000)
	for range seconds {
		at = at.Add(time.Second)
		for _, p := range fleet {
			p.push(live, at)
		}
	}
	return at
}

// pusher makes the flushes of one busy proxy.
type pusher struct {
	src      mesh.Source
	families []*dto.MetricFamily
	moving   []*dto.Counter
}

func newPusher(name string, n *mesh.VirtualNode, instance int) *pusher {
	p := &pusher{src: mesh.Source{Mesh: name, Proxy: n.Name + "-" + strconv.Itoa(instance), Node: n.Name}}
	for _, b := range n.Backends {
		p.cluster(mesh.EgressCluster(name, b.Service+"-v1", mesh.HTTP, 8080))
	}
	own := mesh.IngressCluster(name, n.Name, mesh.HTTP, 8080)
	p.gauge("upstream_cx_active", own, 3)
	p.count("http.downstream_rq_xx", "envoy.response_code_class", "2", "envoy.http_conn_manager_prefix", "ingress")
	return p
}

// cluster adds the series that a busy cluster has.
func (p *pusher) cluster(name string) {
	for _, class := range []string{"2", "3", "4"} {
		p.count("cluster.upstream_rq_xx", "envoy.response_code_class", class, "envoy.cluster_name", name)
	}
	for _, s := range []string{"upstream_rq_total", "upstream_rq_retry", "upstream_cx_rx_bytes_total", "upstream_cx_tx_bytes_total"} {
		p.count("cluster."+s, "envoy.cluster_name", name)
	}
	for _, s := range []string{"upstream_rq_active", "upstream_rq_pending_active", "upstream_cx_active", "membership_healthy", "membership_total"} {
		p.gauge(s, name, 2)
	}
	h := &dto.Histogram{SampleCount: proto.Uint64(9)}
	for i, bound := range []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000} {
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: proto.Float64(bound), CumulativeCount: proto.Uint64(min(uint64(i), 9))})
	}
	p.add("cluster.upstream_rq_time", &dto.Metric{Histogram: h}, "envoy.cluster_name", name)
}

func (p *pusher) count(name string, labels ...string) {
	c := &dto.Counter{Value: proto.Float64(0)}
	p.moving = append(p.moving, c)
	p.add(name, &dto.Metric{Counter: c}, labels...)
}

func (p *pusher) gauge(name, cluster string, v float64) {
	p.add("cluster."+name, &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(v)}}, "envoy.cluster_name", cluster)
}

func (p *pusher) add(name string, s *dto.Metric, labels ...string) {
	for i := 0; i < len(labels); i += 2 {
		s.Label = append(s.Label, &dto.LabelPair{Name: proto.String(labels[i]), Value: proto.String(labels[i+1])})
	}
	s.TimestampMs = proto.Int64(0)
	p.families = append(p.families, &dto.MetricFamily{Name: proto.String(name), Metric: []*dto.Metric{s}})
}

// push counts on and hands the flush over.
func (p *pusher) push(live *metrics.Live, at time.Time) {
	for _, f := range p.families {
		*f.Metric[0].TimestampMs = at.UnixMilli()
	}
	for _, c := range p.moving {
		*c.Value += 30
	}
	live.Push(p.src, at, p.families)
}
