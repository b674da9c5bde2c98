package record

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// BenchmarkFleet is what 1,000 proxies with ten busy clusters each cost that push every second: each message is decoded
// from the bytes that a proxy sends, goes to the aggregator and the recorder, and a real store takes what has its turn.
// An operation is 20 seconds, since a fleet that is played faster makes more garbage than there is time to collect. Not
// in it: the connections that the bytes come over.
func BenchmarkFleet(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	const services, instances, calls = 500, 2, 10
	db := openStore(b)
	l := metrics.New(metrics.Options{})
	r := New(Options{Appendable: db, Live: l, Raw: true})
	m := newMessage(calls)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	defer running.Wait()
	defer stop()
	next := time.Now().Add(2 * time.Millisecond)
	second := func() {
		for i := range services * instances {
			if i%10 == 0 {
				next = next.Add(10 * time.Millisecond)
				time.Sleep(time.Until(next))
			}
			at := time.Now()
			node := i / instances
			src := mesh.Source{Mesh: "big", Node: fmt.Sprintf("svc-%04d", node), Proxy: fmt.Sprintf("svc-%04d-%d", node, i%instances)}
			msg := &metricsv3.StreamMetricsMessage{}
			if err := proto.Unmarshal(m.bytes(node, services, at), msg); err != nil {
				b.Fatal(err)
			}
			l.Push(src, at, msg.GetEnvoyMetrics())
			r.Push(src, at, msg.GetEnvoyMetrics())
		}
	}
	for range 12 {
		second()
	}
	start, before, seconds := cpu.Used(b), r.Counts(), 0.0
	for b.Loop() {
		for range 20 {
			second()
			seconds++
		}
	}
	used := cpu.Used(b) - start
	c := r.Counts()
	if edges := len(l.Observe("big", 10*time.Second, time.Now()).Edges); edges != services*calls || c.Err != nil || c.Refused != 0 {
		b.Fatalf("%d edges, %+v", edges, c)
	}
	b.ReportMetric(used.Seconds()/seconds, "cpu-cores")
	b.ReportMetric(float64(c.Samples-before.Samples)/seconds, "written/s")
	b.ReportMetric(float64(m.samples*services*instances), "pushed/s")
	b.ReportMetric(float64(c.Rollups+c.Raw), "series")
	b.ReportMetric(float64(c.Rollups), "rollups")
	b.ReportMetric(status(b, "VmHWM"), "rss-MB")
	b.ReportMetric(status(b, "RssAnon"), "anon-MB")
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.HeapAlloc)/1e6, "heap-MB")
}

// status reads a figure of the process in MB.
func status(b *testing.B, field string) float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1e3
		}
	}
	b.Fatalf("no %s", field)
	return 0
}

// message is the bytes of one push. What differs between proxies and flushes is put in its place, so that making it costs
// next to nothing.
type message struct {
	data     []byte
	samples  int
	values   []int // where counters are: eight bytes each
	stamps   []int // six bytes each
	clusters []int // where the number in a cluster's name is: four digits
}

// newMessage makes a message with the statistics that a busy cluster has.
func newMessage(clusters int) *message {
	m := &message{}
	for range clusters {
		for _, class := range []string{"2", "4", "5"} {
			m.add("cluster.upstream_rq_xx", "", class, true)
		}
		for _, name := range strings.Fields("rq_total rq_timeout rq_retry rq_rx_reset cx_total cx_connect_fail cx_rx_bytes_total cx_tx_bytes_total") {
			m.add("cluster.upstream_"+name, "", "", true)
		}
		for _, name := range strings.Fields("upstream_rq_active upstream_rq_pending_active upstream_cx_active membership_healthy membership_total") {
			m.add("cluster."+name, "", "", false)
		}
		m.histogram("cluster.upstream_rq_time", "")
	}
	for _, name := range strings.Fields("rq_total cx_rx_bytes_total cx_tx_bytes_total") {
		m.add("http.downstream_"+name, "ingress", "", true)
	}
	m.add("http.downstream_rq_xx", "ingress", "2", true)
	m.add("http.downstream_rq_active", "ingress", "", false)
	m.histogram("http.downstream_rq_time", "ingress")
	return m
}

func (m *message) bytes(node, services int, at time.Time) []byte {
	for i, pos := range m.clusters {
		j := i / (len(m.clusters) / 10)
		copy(m.data[pos:], fmt.Appendf(nil, "%04d", (node+j*13+1)%services))
	}
	for i, pos := range m.values {
		v := float64(at.Unix()%1e6) * float64(1+i%7)
		binary.LittleEndian.PutUint64(m.data[pos:], math.Float64bits(v))
	}
	for _, pos := range m.stamps {
		protowire.AppendVarint(m.data[pos:pos], uint64(at.UnixMilli()))
	}
	return m.data
}

// add appends a counter or gauge.
func (m *message) add(name, prefix, class string, counter bool) {
	value := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(2))
	kind, field := uint64(1), protowire.Number(2)
	if counter {
		kind, field = 0, 3
	}
	at := m.family(name, prefix, class, kind, protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), value))
	if counter {
		m.values = append(m.values, at-8)
	}
}

// histogram appends 55 requests of three speeds.
func (m *message) histogram(name, prefix string) {
	h := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 55)
	h = protowire.AppendFixed64(protowire.AppendTag(h, 2, protowire.Fixed64Type), math.Float64bits(700))
	for i, bound := range []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000} {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), []uint64{0, 0, 10, 40, 40, 55, 55, 55, 55, 55, 55, 55}[i])
		b = protowire.AppendFixed64(protowire.AppendTag(b, 2, protowire.Fixed64Type), math.Float64bits(bound))
		h = protowire.AppendBytes(protowire.AppendTag(h, 3, protowire.BytesType), b)
	}
	m.family(name, prefix, "", 4, protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), h))
}

// family appends a family of one series and tells where its value ends.
func (m *message) family(name, prefix, class string, kind uint64, value []byte) int {
	text := func(to []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(to, field, protowire.BytesType), s)
	}
	pair := func(to []byte, name, v string) []byte {
		return protowire.AppendBytes(protowire.AppendTag(to, 1, protowire.BytesType), text(text(nil, 1, name), 2, v))
	}
	var metric []byte
	if class != "" {
		metric = pair(metric, "envoy.response_code_class", class)
	}
	label, of := clusterLabel, mesh.EgressCluster("big", "svc-0000", mesh.HTTP, 8080)
	if prefix != "" {
		label, of = "envoy.http_conn_manager_prefix", prefix
	}
	metric = append(pair(metric, label, of), value...)
	stamp := protowire.AppendVarint(protowire.AppendTag(nil, 6, protowire.VarintType), uint64(begin().UnixMilli()))
	metric = append(metric, stamp...)
	family := text(nil, 1, name)
	family = protowire.AppendVarint(protowire.AppendTag(family, 3, protowire.VarintType), kind)
	family = protowire.AppendBytes(protowire.AppendTag(family, 4, protowire.BytesType), metric)
	m.data = protowire.AppendBytes(protowire.AppendTag(m.data, 2, protowire.BytesType), family)
	m.samples++
	end := len(m.data)
	m.stamps = append(m.stamps, end-len(stamp)+1)
	if prefix == "" {
		m.clusters = append(m.clusters, end-len(metric)+strings.Index(string(metric), "svc-")+len("svc-"))
	}
	return end - len(stamp)
}
