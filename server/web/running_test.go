package web_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
)

// Dump gives each proxy a few resources of each type, and storefront-1 two thousand clusters.
func (w *world) Dump(name, id string, ask provider.Ask) (provider.Dump, error) {
	d := provider.Dump{Type: ask.Type, Resources: []provider.Resource{}, Warnings: []string{}}
	i := slices.IndexFunc(w.Proxies(name), func(p provider.Proxy) bool { return p.ID == id })
	if i < 0 {
		return d, mesh.Errorf(mesh.NotFound, "proxy %s: mesh %s knows no such proxy", id, name)
	}
	all := resources(w.Proxies(name)[i], ask.Type)
	all = slices.DeleteFunc(all, func(r provider.Resource) bool {
		return ask.Name != "" && r.Name != ask.Name || !strings.Contains(strings.ToLower(r.Name), strings.ToLower(ask.Text)) ||
			ask.Secure && len(r.Certificates) == 0
	})
	d.Total = len(all)
	for _, r := range all {
		if r.Progress != provider.Running {
			d.Behind++
		}
	}
	all = all[min(ask.Offset, len(all)):]
	if ask.Limit > 0 {
		all = all[:min(ask.Limit, len(all))]
	}
	for _, r := range all {
		if ask.Raw {
			r.Raw = []byte(`{"name":"` + r.Name + `","connectTimeout":"1s"}`)
			if r.Progress == provider.Declined {
				r.RunningRaw = []byte(`{"name":"` + r.Name + `","connectTimeout":"2s"}`)
			}
		}
		d.Resources = append(d.Resources, r)
	}
	return d, nil
}

// resources are what a proxy runs of one type; one that refused something keeps the first as it was.
func resources(p provider.Proxy, kind string) []provider.Resource {
	named := func(name string) provider.Resource {
		return provider.Resource{Name: name, Progress: provider.Running, Wanted: "9f2c41d0", Running: "9f2c41d0", AckedAt: noon().Add(-12 * time.Second)}
	}
	var list []provider.Resource
	switch kind {
	case "listener":
		for i, name := range []string{"lds_egress_0.0.0.0_15001", "lds_ingress_0.0.0.0_8080"} {
			r := named(name)
			r.Listener = &provider.Listener{Address: "0.0.0.0", Port: 15001 - 6921*i, Kind: "http", Routes: "rds" + name[3:]}
			list = append(list, r)
		}
		if p.State == provider.Rejected {
			list[0].Progress, list[0].Wanted, list[0].Message = provider.Declined, "77a0be12", p.Message
		}
	case "cluster":
		n := 3
		if p.ID == "storefront-1" {
			n = 2000
		}
		for i := range n {
			r := named(fmt.Sprintf("cds_egress_sample_app_service-%04d_http_8080", i))
			r.Cluster = &provider.Cluster{Kind: "EDS", Protocol: "http", Connect: mesh.Duration(time.Second), Limits: mesh.ConnectionPool{MaxConnections: ptr(100)}}
			list = append(list, r)
		}
		list[0].Certificates = []provider.Certificate{{
			Use: "own", Source: "inline", Name: "cert.pem", Names: []string{"sample_app.internal"}, NotAfter: noon().Add(5 * 24 * time.Hour),
		}}
	case "endpoint":
		r := named("cds_egress_sample_app_ratings_http_8080")
		r.Endpoints = []provider.Endpoint{{Address: "10.0.0.7", Port: 8080, Health: "HEALTHY"}, {Address: "10.0.0.8", Port: 8080, Health: "DRAINING"}}
		list = append(list, r)
	case "route":
		r := named("rds_egress_0.0.0.0_15001")
		r.Hosts = []provider.VirtualHost{{Name: "reviews", Domains: []string{"reviews", "reviews:8080"}, Routes: []provider.Route{{
			Name: "primary", Match: []provider.Condition{{On: "path", How: "prefix", Value: "/"}},
			Targets: []provider.Target{{Node: "reviews-v1", Weight: 75, Share: 0.75}, {Node: "reviews-v2", Weight: 25, Share: 0.25}},
			Timeout: ptr(mesh.Duration(2 * time.Second)), Retries: 2, RetryOn: "5xx",
		}}}}
		list = append(list, r, named("rds_ingress_0.0.0.0_8080"))
	}
	return list
}

// Versions gives each object what it is now, and what it was before its entries of the ledger.
func (w *world) Versions(ctx context.Context, q change.Query) ([]change.Version, error) {
	current, err := w.Mesh(q.Mesh)
	if err != nil {
		return nil, err
	}
	changes, err := w.Changes(ctx, q)
	if err != nil {
		return nil, err
	}
	o, _ := current.Mesh.Get(q.Object)
	list := make([]change.Version, 0, len(changes))
	for i, c := range changes {
		list = append(list, change.Version{Object: o, Number: current.Versions[q.Object] - int64(i), Change: c})
	}
	return list, nil
}

// numbers is a store in which every proxy has the same statistics.
type numbers struct{}

func (numbers) Query(_ context.Context, _ string, at time.Time) (query.Answer, error) {
	answer := query.Answer{Kind: query.Matrix}
	for i, name := range []string{"envoy_cluster_upstream_cx_active", "envoy_cluster_upstream_rq_total", "envoy_server_live"} {
		s := query.Series{Labels: labels.FromStrings("__name__", name, "envoy_cluster_name", "ratings")}
		for k := range 3 {
			s.Points = append(s.Points, query.Point{T: at.UnixMilli() - int64(10_000-5000*k), V: float64(i*100 + 7*k)})
		}
		answer.Matrix = append(answer.Matrix, s)
	}
	return answer, nil
}

func (w *world) stats() (reading.Store, error) { return numbers{}, nil }
