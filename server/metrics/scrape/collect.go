package scrape

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmesh/weir/server/metrics/query"
)

// collector shows the targets' health as metrics: weir_scrape_up (1, or 0 when the last scrape failed), of the last
// scrape weir_scrape_duration_seconds, weir_scrape_samples, weir_scrape_dropped_samples and weir_scrape_page_bytes, and
// weir_scrape_last_seconds, when it began, in seconds since 1970. A target that was not scraped yet has none.
type collector struct{ scraper *Scraper }

// Describe names no metrics, since targets come and go.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect gives the metrics of every target.
func (c collector) Collect(out chan<- prometheus.Metric) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("weir_scrape_"+name, help, []string{"job", "instance", "mesh", "node"}, nil)
	}
	type gauge struct {
		desc *prometheus.Desc
		of   func(query.Target) float64
	}
	gauges := []gauge{
		{desc("up", "Whether the target's last scrape succeeded."), func(t query.Target) float64 {
			if t.State == query.Down {
				return 0
			}
			return 1
		}},
		{desc("duration_seconds", "How long the last scrape took."), func(t query.Target) float64 { return t.Took }},
		{desc("samples", "Samples on the last page."), func(t query.Target) float64 { return float64(t.Samples) }},
		{desc("dropped_samples", "Samples of the last page that were left out."), func(t query.Target) float64 { return float64(t.Dropped) }},
		{desc("page_bytes", "Size of the last page, unpacked."), func(t query.Target) float64 { return float64(t.Bytes) }},
		{desc("last_seconds", "When the last scrape began, in seconds since 1970."), func(t query.Target) float64 { return float64(t.LastScrape.UnixMilli()) / 1000 }},
	}
	type key struct{ job, instance, mesh, node string }
	seen := make(map[key]bool)
	for _, t := range c.scraper.Targets() {
		k := key{t.Job, t.Labels["instance"], t.Mesh, t.Node}
		if t.LastScrape.IsZero() || seen[k] {
			continue // a registry refuses everything when one series is there twice
		}
		seen[k] = true
		for _, g := range gauges {
			out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.of(t), k.job, k.instance, k.mesh, k.node)
		}
	}
}
