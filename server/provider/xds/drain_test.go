package xds

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// Proxies are asked to go, each at a moment of its own, while the server still runs; none is let in meanwhile.
func TestDrain(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	var envoys []*xdstest.Envoy
	for i := range 12 {
		envoys = append(envoys, fake(t, s, "web", fmt.Sprint("web-", i)))
	}
	eventually(t, "all are connected", func() bool {
		n := 0
		for _, p := range s.Proxies("shop") {
			if p.Connected() {
				n++
			}
		}
		return n == len(envoys)
	})
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health := healthgrpc.NewHealthClient(conn)
	if h, err := health.Check(t.Context(), &healthgrpc.HealthCheckRequest{}); err != nil || h.GetStatus() != healthgrpc.HealthCheckResponse_SERVING {
		t.Fatalf("health before: %v, %v", h, err)
	}
	s.Drain(time.Second)
	if h, err := health.Check(t.Context(), &healthgrpc.HealthCheckRequest{}); err != nil || h.GetStatus() != healthgrpc.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health while draining: %v, %v", h, err)
	}
	for i, e := range envoys {
		eventually(t, "the stream ends", func() bool { return e.Err() != nil })
		if status.Code(e.Err()) != codes.Unavailable {
			t.Errorf("proxy %d was told %v", i, e.Err())
		}
	}
	if s.Serving() != nil {
		t.Error("it has stopped already")
	}
	late := fake(t, s, "web", "late")
	eventually(t, "a new stream is refused", func() bool { return late.Err() != nil })
}
