package main

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

func TestReplicas(t *testing.T) {
	at := time.Now().Add(-3 * time.Hour)
	url, _ := answering(t, map[string]any{"/api/v1/replicas": provider.Installation{
		Database: provider.Database{Shared: true, Heard: at},
		Items: []provider.Replica{
			{Name: "weir-1", ID: "a", Version: "v2", Started: at, Proxies: 3, Here: true, Steward: true},
			{Name: "weir-2", ID: "b", Version: "v1", Started: at, Age: 12, Proxies: 2},
			{Name: "weir-3", ID: "c", Version: "v1", Started: at, Age: 90, Proxies: 2, Gone: at, Missing: []string{"web-1", "web-2"}},
			{Name: "weir-4", ID: "d", Version: "v1", Started: at, Age: 91, Gone: at, Left: true},
		},
	}})
	out, said := weir(t, exitDone, "--url", url, "replicas")
	wants(t, out, "weir-1 lives,answers,acts v2", "weir-2 lives v1", "weir-3 lost v1", "2 c web-1,web-2", "weir-4 stopped v1")
	wants(t, said, "The database is out of reach since")
	out, _ = weir(t, exitDone, "--url", url, "replicas", "-o", "json")
	wants(t, out, `"steward": true`)
}

// Replicas drain where there are others to go to, unless it was said otherwise.
func TestDrained(t *testing.T) {
	for _, test := range []struct {
		told          time.Duration
		given, shared bool
		want          time.Duration
	}{{0, false, false, 0}, {0, false, true, 5 * time.Second}, {0, true, true, 0}, {time.Minute, true, true, time.Minute}, {time.Second, true, false, time.Second}} {
		if got := drained(test.told, test.given, test.shared); got != test.want {
			t.Errorf("%+v drains for %s", test, got)
		}
	}
}
