package record

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// What a name and a label may have, in bytes; and how many labels.
const (
	maxName   = 256
	maxValue  = 512
	maxLabels = 16
)

// storable says that a series is within the limits.
func storable(f *dto.MetricFamily, m *dto.Metric) bool {
	ok := len(f.GetName()) <= maxName && f.GetName() != "" && len(m.GetLabel()) <= maxLabels
	for _, l := range m.GetLabel() {
		ok = ok && len(l.GetName()) <= maxName && l.GetName() != "" && len(l.GetValue()) <= maxValue
	}
	return ok
}

// rawLabels names a series as Envoy's own Prometheus page does, and says whose it is. A label of the proxy's that we need
// for that becomes exported_…, as it would when Prometheus scraped the page.
func rawLabels(src mesh.Source, family string, m *dto.Metric) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, l := range m.GetLabel() {
		name := envoyName(l.GetName())
		switch name {
		case metrics.LabelMesh, metrics.LabelSourceNode, metrics.LabelProxy, model.MetricNameLabel:
			name = "exported_" + name
		}
		b.Set(name, strings.ToValidUTF8(l.GetValue(), "�"))
	}
	b.Set(model.MetricNameLabel, "envoy_"+envoyName(family))
	b.Set(metrics.LabelMesh, src.Mesh)
	b.Set(metrics.LabelSourceNode, src.End())
	b.Set(metrics.LabelProxy, src.Proxy)
	return b.Labels()
}

// envoyName writes a name as Envoy's page does: PrometheusStatsFormatter::sanitizeName in source/server/admin/
// prometheus_stats.cc leaves letters, digits and underscores.
func envoyName(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			return c
		}
		return '_'
	}, name)
}
