package metrics

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/weirmesh/weir/server/mesh"
)

var front = mesh.Source{Mesh: "demo", Proxy: "front-1", Node: "front"}

// tcpInbound is the connections of the recorded proxy's second TCP listener, which had the prefix ingress.
const tcpInbound = 4

type message struct {
	at       time.Time
	families []*dto.MetricFamily
}

// recorded reads what a real Envoy pushed; see testdata/README.md.
func recorded(t testing.TB) []message {
	t.Helper()
	data, err := os.ReadFile("testdata/flushes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var list []message
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			At       int64
			Families []json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		m := message{at: time.UnixMilli(line.At)}
		for _, raw := range line.Families {
			f := &dto.MetricFamily{}
			if err := protojson.Unmarshal(raw, f); err != nil {
				t.Fatal(err)
			}
			m.families = append(m.families, f)
		}
		list = append(list, m)
	}
	if len(list) < 20 {
		t.Fatalf("%d recorded messages", len(list))
	}
	return list
}

// replay pushes the recording and gives the time right after it.
func replay(t testing.TB, l *Live) time.Time {
	t.Helper()
	var end time.Time
	for _, m := range recorded(t) {
		l.Push(front, m.at, m.families)
		end = m.at
	}
	return end
}

// page reads the recorded Prometheus page: value by family, cluster (or listener side) and class.
func page(t *testing.T) func(name, cluster, class string) float64 {
	t.Helper()
	f, err := os.Open("testdata/page.prom")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(f)
	if err != nil {
		t.Fatal(err)
	}
	return func(name, cluster, class string) float64 {
		sum := 0.0
		for _, m := range families[name].GetMetric() {
			labels := map[string]string{}
			for _, p := range m.GetLabel() {
				labels[p.GetName()] = p.GetValue()
			}
			of := labels["envoy_cluster_name"] + labels["envoy_http_conn_manager_prefix"]
			if of != cluster || class != "" && labels["envoy_response_code_class"] != class {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return sum
	}
}

// TestPage holds the aggregator's totals against the same proxy's own page.
func TestPage(t *testing.T) {
	l := New(Options{})
	end := replay(t, l)
	o := l.Observe("demo", time.Minute, end)
	value := page(t)
	if len(o.Edges) != 12 {
		t.Fatalf("%d edges", len(o.Edges))
	}
	span := end.Sub(recordedStart(t)).Seconds()
	for i, e := range o.Edges {
		cluster := mesh.EgressCluster("demo", e.To, e.Protocol, map[mesh.Protocol]int{mesh.HTTP: 8080, mesh.TCP: 9000}[e.Protocol])
		want := value("envoy_cluster_upstream_rq_xx", cluster, "")
		if e.Protocol == mesh.TCP {
			want = value("envoy_cluster_upstream_rq_total", cluster, "") +
				value("envoy_cluster_upstream_cx_overflow", cluster, "") + value("envoy_cluster_upstream_cx_connect_fail", cluster, "")
		}
		if want == 0 || e.Requests != want {
			t.Errorf("%s: %v requests, the page has %v", e.To, e.Requests, want)
		}
		if got := l.Counts("demo")[i]; got.Requests != want || got.To != e.To {
			t.Errorf("%s: counted %v, the page has %v", got.To, got.Requests, want)
		}
		near(t, e.To+" 4xx", e.Classes[4]*span, value("envoy_cluster_upstream_rq_xx", cluster, "4"))
		near(t, e.To+" 5xx", e.Classes[5]*span, value("envoy_cluster_upstream_rq_xx", cluster, "5"))
		near(t, e.To+" bytes", e.BytesRate*span,
			value("envoy_cluster_upstream_cx_rx_bytes_total", cluster, "")+value("envoy_cluster_upstream_cx_tx_bytes_total", cluster, ""))
		near(t, e.To+" retries", e.Retries*span, value("envoy_cluster_upstream_rq_retry", cluster, ""))
		near(t, e.To+" members", e.Members, value("envoy_cluster_membership_total", cluster, ""))
		near(t, e.To+" connections", e.Connections, value("envoy_cluster_upstream_cx_active", cluster, ""))
		if got := samples(l, e.To); got != value("envoy_cluster_upstream_rq_time", cluster, "") {
			t.Errorf("%s: %v latencies, the page has %v", e.To, got, value("envoy_cluster_upstream_rq_time", cluster, ""))
		}
	}
	near(t, "inbound", o.Arrival("front").Traffic.Requests, value("envoy_http_downstream_rq_xx", "ingress", "")+tcpInbound)
	near(t, "no route", o.Arrival("front").Unrouted*span, value("envoy_http_no_route", "egress", ""))
}

// TestMeaning says what each way of failing looks like; the counts are those of testdata/README.md.
func TestMeaning(t *testing.T) {
	l := New(Options{})
	end := replay(t, l)
	span := end.Sub(recordedStart(t)).Seconds()
	type row struct{ Requests, Errors, Timeouts, Retries, Exhausted, Overflow, Fail, NoHost, Ejected float64 }
	want := map[string]row{
		"ok":         {Requests: 45, Errors: 5},
		"timeout":    {Requests: 4, Errors: 4, Timeouts: 4},
		"pertry":     {Requests: 2, Errors: 2, Timeouts: 6, Retries: 4, Exhausted: 2},
		"retry":      {Requests: 5, Errors: 5, Retries: 10, Exhausted: 5},
		"reset":      {Requests: 6, Errors: 6},
		"refused":    {Requests: 7, Errors: 7, Fail: 7},
		"nohost":     {Requests: 8, Errors: 8, NoHost: 8},
		"overflow":   {Requests: 10, Errors: 8, Overflow: 8},
		"maxreq":     {Requests: 10, Errors: 8, Overflow: 8},
		"outlier":    {Requests: 10, Errors: 10, NoHost: 7, Ejected: 1},
		"tcp":        {Requests: 5, Errors: 2, Overflow: 2},
		"tcprefused": {Requests: 4, Errors: 4, Fail: 4},
	}
	got := map[string]row{}
	for _, e := range l.Observe("demo", time.Minute, end).Edges {
		if e.From != "front" {
			t.Errorf("edge from %q", e.From)
		}
		round := func(rate float64) float64 { return math.Round(rate * span) }
		got[e.To] = row{
			e.Requests, math.Round(e.ErrorRatio * e.Requests), round(e.Timeouts), round(e.Retries), round(e.Exhausted),
			round(e.OverflowRate), round(e.FailRate), round(e.NoHost), e.Ejected,
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	o := l.Observe("demo", time.Minute, end)
	if p := o.Arrival("front").Pool; p.Instances != 1 {
		t.Errorf("pool %+v", p)
	}
	if in := o.Arrival("front").Traffic; in.Requests != 10+tcpInbound || math.Round(in.ErrorRatio*in.Requests) != 1 {
		t.Errorf("inbound %+v", in)
	}
}

func recordedStart(t *testing.T) time.Time { return recorded(t)[0].at }

func samples(l *Live, to string) float64 {
	m := l.find("demo")
	f := m.edges[pair{"front", to}]
	sum := 0.0
	for _, c := range f.ring.now()[columns:] {
		sum += float64(c)
	}
	return sum
}

// near allows for the milliseconds between the parts of a flush.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-3*max(1, math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
