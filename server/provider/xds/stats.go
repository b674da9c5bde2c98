package xds

import (
	"time"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc"

	"github.com/weirmesh/weir/server/mesh"
)

// maxSeries is how many series of one message are taken; the bootstrap asks Envoy for at most 2,000 in a message.
const maxSeries = 10_000

// Sink takes the numbers that proxies push.
type Sink interface {
	// Push takes one message's families. It must not keep them longer than the call.
	Push(src mesh.Source, at time.Time, families []*dto.MetricFamily)
	// Over says how many series of the proxy's newest flush were dropped because the proxy has too many.
	Over(src mesh.Source) int
	// Gone says that the proxy's stream of numbers ended.
	Gone(src mesh.Source)
}

// reporter names a proxy that reports numbers.
type reporter struct{ mesh, proxy string }

// report is its last report.
type report struct {
	at   time.Time
	over int // series that were too many
}

// metricsStream is one proxy's stream of numbers.
type metricsStream = grpc.ClientStreamingServer[metricsv3.StreamMetricsMessage, metricsv3.StreamMetricsResponse]

// stats is Envoy's metrics service.
type stats struct {
	metricsv3.UnimplementedMetricsServiceServer
	server *Server
}

// StreamMetrics takes one proxy's numbers until it hangs up, or its token counts no more. A proxy reports as what it is let
// in: the node is in the first message alone.
func (m stats) StreamMetrics(stream metricsStream) error {
	s := m.server
	msg, err := firstOf(stream.Recv)
	if err != nil {
		return ended(err)
	}
	identity, st, err := s.identify(stream.Context(), msg.GetIdentifier().GetNode())
	if err != nil {
		return err
	}
	defer s.unhold(st)
	src := identity.source(s.reporterID(identity, peerOf(stream.Context())))
	done := make(chan error, 1)
	go func() { done <- s.takeNumbers(src, stream, msg) }()
	select {
	case err := <-done:
		return ended(err)
	case <-st.over:
		return st.errOver()
	}
}

// takeNumbers takes a proxy's numbers until the stream ends.
func (s *Server) takeNumbers(src mesh.Source, stream metricsStream, msg *metricsv3.StreamMetricsMessage) error {
	defer s.silent(src)
	for {
		families, over := limit(msg.GetEnvoyMetrics(), maxSeries)
		now := s.now()
		if s.sink != nil {
			s.sink.Push(src, now, families)
			over = max(over, s.sink.Over(src))
		}
		s.reported(src, report{at: now, over: over})
		var err error
		if msg, err = stream.Recv(); err != nil {
			return err
		}
	}
}

// reporterID finds the ID under which the same proxy is connected for its configuration. Proxies that share a node id
// are told apart by their connection, which Envoy uses for both streams.
func (s *Server) reporterID(i Identity, from string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := i.proxyID()
	if i.Instance != "" {
		return id
	}
	for _, x := range s.meshes[i.Mesh].sessions {
		if x.identity.NodeID == i.NodeID && x.peer == from {
			return x.id
		}
	}
	return id
}

// reported notes a report for Proxies.
func (s *Server) reported(src mesh.Source, r report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports[reporter{src.Mesh, src.Proxy}] = r
}

// silent notes the end of a proxy's reports.
func (s *Server) silent(src mesh.Source) {
	s.mu.Lock()
	delete(s.reports, reporter{src.Mesh, src.Proxy})
	s.mu.Unlock()
	if s.sink != nil {
		s.sink.Gone(src)
	}
}

// limit keeps the families up to a number of series and counts the series that are left out.
func limit(families []*dto.MetricFamily, most int) (kept []*dto.MetricFamily, over int) {
	total := 0
	for i, f := range families {
		if total += len(f.GetMetric()); total > most {
			kept = families[:i]
			for _, rest := range families[i:] {
				over += len(rest.GetMetric())
			}
			return kept, over
		}
	}
	return families, 0
}
