package xds

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// family makes a family of that many series.
func family(name string, series int) *dto.MetricFamily {
	f := &dto.MetricFamily{Name: &name}
	for range series {
		f.Metric = append(f.Metric, &dto.Metric{})
	}
	return f
}

func push(t *testing.T, s *served, node *corev3.Node) metricsv3.MetricsService_StreamMetricsClient {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := metricsv3.NewMetricsServiceClient(conn).StreamMetrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&metricsv3.StreamMetricsMessage{
		Identifier: &metricsv3.StreamMetricsMessage_Identifier{Node: node}, EnvoyMetrics: []*dto.MetricFamily{family("first", 1)},
	}); err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestNumbersOfOneProxy(t *testing.T) {
	numbers := &sink{}
	s := serve(t, Options{Sink: numbers})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	stream := push(t, s, envoyNode("web", "a"))
	src := mesh.Source{Mesh: "shop", Proxy: "web-a", Node: "web"}
	eventually(t, "the first message", func() bool { return numbers.has(src, "first") })
	// The node is in the first message only; and one message brings more series than are taken.
	families := []*dto.MetricFamily{family("kept", maxSeries), family("dropped", 2), family("dropped", 3)}
	if err := stream.Send(&metricsv3.StreamMetricsMessage{EnvoyMetrics: families}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second message", func() bool { return numbers.has(src, "kept") })
	if numbers.has(src, "dropped") {
		t.Error("series over the limit were passed on")
	}
	over := func(n int) func() bool {
		return func() bool {
			p := s.proxy("shop", "web-a")
			return p.SeriesOver == n && !p.MetricsAt.IsZero()
		}
	}
	eventually(t, "the message's series over the limit", over(5))
	if err := stream.Send(&metricsv3.StreamMetricsMessage{EnvoyMetrics: []*dto.MetricFamily{family("many", 1)}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the aggregator dropped", over(7))
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gone", func() bool {
		numbers.mu.Lock()
		defer numbers.mu.Unlock()
		return len(numbers.gone) == 1 && numbers.gone[0] == src
	})
}

func TestNumbersOfStrangersAreRefused(t *testing.T) {
	numbers := &sink{}
	s := serve(t, Options{Sink: numbers})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	for id, want := range map[string]codes.Code{
		"mesh/shop/virtualNode/ghost": codes.NotFound, "": codes.InvalidArgument, "mesh/other/virtualNode/web": codes.NotFound,
	} {
		_, err := push(t, s, &corev3.Node{Id: id}).CloseAndRecv()
		if got := status.Code(err); got != want {
			t.Errorf("%q: code = %v, want %v", id, got, want)
		}
	}
	if len(numbers.families) != 0 {
		t.Errorf("numbers were taken from %v", numbers.families)
	}
}

func TestWhatIsForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, err := New(Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	served := &served{Server: s, t: t}
	served.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	node := envoyNode("web", "a")
	identity, _, err := s.identify(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	if node.Extensions != nil {
		t.Error("the node's extensions are kept: 61 KB of every real Envoy")
	}
	x, err := s.join(identity, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	s.leave(x)
	s.leave(x) // Once is enough.
	if _, _, err := s.identify(t.Context(), &corev3.Node{Id: "mesh/shop/virtualNode/ghost"}); status.Code(err) != codes.NotFound {
		t.Errorf("err = %v", err)
	}
	states := func() (out []provider.ProxyState) {
		for _, p := range s.Proxies("shop") {
			out = append(out, p.State)
		}
		return out
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {keepRefused + time.Second, 1}, {keepGone + time.Second, 0}} {
		now = time.Unix(1_800_000_000, 0).Add(step.after)
		s.tend(now)
		if got := states(); len(got) != step.want {
			t.Errorf("after %v: %v are listed, want %d", step.after, got, step.want)
		}
	}
}
