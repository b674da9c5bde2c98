package scrape

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/metrics"
)

// TestRemoved takes a target away: the live graph forgets it at once, and the library ends its series in the store.
func TestRemoved(t *testing.T) {
	t.Parallel()
	db, live := store(t), metrics.New(metrics.Options{})
	s := &sheet{started: time.Now().Add(-time.Hour)}
	path := filepath.Join(t.TempDir(), "targets.json")
	write(t, path, fmt.Sprintf(`[{"targets": [%q]}]`, pages(t, s.text)))
	j := quick("front")
	j.Path = "/metrics"
	j.Files = []string{filepath.Join(filepath.Dir(path), "*.json")}
	begin(t, Options{Jobs: []Job{j}, Appendable: db, Live: live})
	const name = "envoy_cluster_upstream_rq_time"
	eventually(t, "it is scraped", func() bool {
		n, _, _ := series(t, db, named(name))
		return n == 1 && edge(live).To == "cart"
	})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the live graph knows that it is gone", func() bool {
		return live.Observe("demo", time.Minute, time.Now()).Reporting == 0
	})
	eventually(t, "its histograms and counters end", func() bool {
		_, _, h := series(t, db, named(name))
		_, _, v := series(t, db, named("envoy_cluster_upstream_cx_active"))
		return h.H != nil && math.IsNaN(h.H.Sum) && math.IsNaN(v.V)
	})
}
