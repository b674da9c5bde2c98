package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
)

// adviceFrom is the advice on a pool of ten connections from a load that is always the same.
func adviceFrom(moments int) advice.Advice {
	limit, end := 10, time.Unix(1_790_000_000, 0)
	in := advice.Input{
		Mesh: "shop", Node: "x\x1b[2J", Listeners: 1, Wait: advice.DefaultWait, Load: mesh.Load{Step: 15 * time.Second, Busiest: 1},
		Listener: mesh.Listener{Port: 80, Protocol: mesh.HTTP, ConnectionPool: &mesh.ConnectionPool{MaxConnections: &limit, MaxPendingRequests: &limit}},
		Span:     mesh.Span{Start: end.Add(-time.Hour), End: end, Step: 15 * time.Second},
	}
	for range moments {
		in.Load.Moments = append(in.Load.Moments, mesh.LoadMoment{Rate: 50, Within: 20, InFlight: 20, Instances: 1})
	}
	in.Load.Callers = []mesh.LoadCaller{{From: "front", Rate: 50, Within: 21, Proxies: 2}}
	return advice.Give(in)
}

func TestAdvised(t *testing.T) {
	for moments, wants := range map[int][]string{
		240: {
			"1 h of 1 h seen, confidence good", "maxConnections      10   53       35 to 70", "too-low", "20 in flight", "now      10           10",
			"advised  53", "front   2        50.0/s  420ms  21.0", "to use it: weir pool", "--max-connections 53 --max-pending",
		},
		2: {"confidence too-little", "only 1,500 requests in 0.5 min were recorded", "ask again in 1m30s"},
	} {
		var out bytes.Buffer
		if err := (&app{stdout: &out, stderr: &out}).advised(adviceFrom(moments)); err != nil || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%v %q", err, out.String())
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("from %d moments it does not say %q:\n%s", moments, want, out.String())
			}
		}
	}
}
