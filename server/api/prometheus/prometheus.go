// Package prometheus answers questions in PromQL in Prometheus' own shapes, so that Grafana, promtool and whatever else
// speaks to a Prometheus can point at Weir. It reads requests and writes answers; what they come to is for the store
// behind Querier. The shapes are those of https://prometheus.io/docs/prometheus/latest/querying/api/.
package prometheus

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
)

// Querier answers questions; the embedded store and every remote backend do. Errors are query.Errors. The lists are
// sorted; what is said besides may be missing or wrong.
type Querier interface {
	Query(ctx context.Context, expr string, at time.Time) (query.Answer, error)
	QueryRange(ctx context.Context, expr string, r query.Range) (query.Answer, error)
	Series(ctx context.Context, s query.Selection) (found []labels.Labels, warnings []string, err error)
	LabelNames(ctx context.Context, s query.Selection) (names, warnings []string, err error)
	LabelValues(ctx context.Context, label string, s query.Selection) (values, warnings []string, err error)
}
