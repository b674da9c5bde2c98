package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	stats "github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
)

// Dump gives a-0 eleven route configurations for calls and one for its own.
func (f *fleet) Dump(meshName, id string, ask provider.Ask) (provider.Dump, error) {
	d := provider.Dump{Type: ask.Type, Resources: []provider.Resource{}, Warnings: []string{}}
	if meshName != "shop" || id != "a-0" {
		return d, mesh.Errorf(mesh.NotFound, "there is no proxy %q in mesh %s", id, meshName)
	}
	names := []string{"ingress"}
	for i := range 11 {
		names = append(names, fmt.Sprintf("egress-%02d", i+1))
	}
	for _, name := range names {
		if !strings.Contains(name, ask.Text) {
			continue
		}
		d.Total++
		if d.Total > ask.Offset && len(d.Resources) < ask.Limit {
			d.Resources = append(d.Resources, provider.Resource{Name: name, Progress: provider.Running, Wanted: "9f2c", Running: "9f2c"})
		}
	}
	return d, nil
}

// counted is a store with two statistics of a-0.
type counted struct{}

func (counted) Query(_ context.Context, expr string, at time.Time) (query.Answer, error) {
	if !strings.Contains(expr, `mesh="shop",proxy="a-0"`) {
		return query.Answer{}, query.Errorf(query.BadData, "the question is %s", expr)
	}
	answer := query.Answer{Kind: query.Matrix}
	for i, name := range []string{"envoy_cluster_upstream_cx_active", "envoy_cluster_upstream_rq_total"} {
		answer.Matrix = append(answer.Matrix, query.Series{
			Labels: labels.FromStrings("__name__", name, "mesh", "shop", "proxy", "a-0"),
			Points: []query.Point{{T: at.UnixMilli(), V: float64(3 + i)}},
		})
	}
	return answer, nil
}

// numbers lets the bench's proxies be asked for what they count.
func numbers() (stats.Store, error) { return counted{}, nil }
