package load

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Peak is the highest load per instance that was recorded of a node, in requests per second over the step that it was
// asked with (TCP: connections).
type Peak struct {
	Rate float64
	At   time.Time
}

// Highest reads the highest loads of nodes within a time, all in one question. Nodes of which nothing was recorded are left
// out. Errors are query.Error.
func Highest(ctx context.Context, store Store, meshName string, nodes []string, over query.Range) (map[string]Peak, error) {
	out := make(map[string]Peak)
	if len(nodes) == 0 {
		return out, nil
	}
	quoted := make([]string, len(nodes))
	for i, n := range nodes {
		quoted[i] = regexp.QuoteMeta(n)
	}
	of := fmt.Sprintf(`{%s=%s,%s=~%s}`, metrics.LabelMesh, strconv.Quote(meshName), metrics.LabelNode, strconv.Quote(strings.Join(quoted, "|")))
	rate := func(name string) string {
		return fmt.Sprintf("sum by (%s) (rate(%s%s[%s]))", metrics.LabelNode, name, of, length(over.Step))
	}
	expr := fmt.Sprintf("(%s or %s) / on (%s) max by (%s) (%s%s)",
		rate(metrics.NodeRequests), rate(metrics.NodeOpened), metrics.LabelNode, metrics.LabelNode, metrics.NodeProxies, of)
	answer, err := store.QueryRange(ctx, expr, over)
	if err != nil {
		return nil, err
	}
	for _, s := range answer.Matrix {
		node := s.Labels.Get(metrics.LabelNode)
		for _, p := range s.Points {
			if peak, known := out[node]; !math.IsNaN(p.V) && !math.IsInf(p.V, 0) && (!known || p.V > peak.Rate) {
				out[node] = Peak{Rate: p.V, At: time.UnixMilli(p.T).UTC()}
			}
		}
	}
	return out, nil
}
