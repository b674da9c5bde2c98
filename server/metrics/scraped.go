package metrics

import (
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

// Scraped takes a whole page of a proxy that is asked for it every so often, and otherwise does what Push does: the
// names and labels are those that a proxy pushes (see ScrapedName), and histograms hold what was added since the page
// before. Knowing the interval, the aggregator does not call a proxy late that nobody has asked yet.
func (l *Live) Scraped(src mesh.Source, at time.Time, every time.Duration, families []*dto.MetricFamily) {
	l.Push(src, at, families)
	m := l.open(src.Mesh)
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sources[src.Proxy]; s != nil {
		s.interval = max(s.interval, every.Milliseconds())
	}
}

// ScrapedName gives the name under which a proxy pushes what its Prometheus page calls name, as in
// "cluster.upstream_rq_xx" for envoy_cluster_upstream_rq_xx; false for what the aggregator does not use. On the page
// every character but letters and digits is an underscore, so only known names can be read back.
func ScrapedName(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, "envoy_")
	if !ok {
		return "", false
	}
	if rest == "server_uptime" {
		return "server.uptime", true
	}
	scope, rest, ok := strings.Cut(rest, "_")
	if !ok {
		return "", false
	}
	if member, yes := strings.CutPrefix(rest, "outlier_detection_"); yes {
		rest = "outlier_detection." + member
	}
	pushed := scope + "." + rest
	return pushed, statOf(pushed).scope != unused
}

// ScrapedLabel does the same for the labels by which the aggregator tells statistics apart.
func ScrapedLabel(name string) (string, bool) {
	for _, l := range []string{clusterLabel, httpLabel, tcpLabel, classLabel} {
		if strings.ReplaceAll(l, ".", "_") == name {
			return l, true
		}
	}
	return "", false
}
