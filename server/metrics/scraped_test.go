package metrics

import (
	"testing"
	"time"
)

func TestScrapedNames(t *testing.T) {
	for name, want := range map[string]string{
		"envoy_cluster_upstream_rq_xx":                           "cluster.upstream_rq_xx",
		"envoy_cluster_upstream_rq_time":                         "cluster.upstream_rq_time",
		"envoy_cluster_outlier_detection_ejections_active":       "cluster.outlier_detection.ejections_active",
		"envoy_http_downstream_rq_xx":                            "http.downstream_rq_xx",
		"envoy_tcp_downstream_cx_total":                          "tcp.downstream_cx_total",
		"envoy_server_uptime":                                    "server.uptime",
		"envoy_cluster_lb_healthy_panic":                         "",
		"envoy_cluster_internal_upstream_rq_xx":                  "",
		"envoy_cluster_outlier_detection_ejections_active_total": "",
		"cluster_upstream_rq_xx":                                 "",
		"envoy_":                                                 "",
		"":                                                       "",
	} {
		got, ok := ScrapedName(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
	if l, ok := ScrapedLabel("envoy_http_conn_manager_prefix"); l != httpLabel || !ok {
		t.Errorf("%q", l)
	}
	if l, ok := ScrapedLabel("envoy_response_code"); ok {
		t.Errorf("%q is not used", l)
	}
}

// TestScrapedInterval does not call a proxy late that is asked for its page every five seconds.
func TestScrapedInterval(t *testing.T) {
	l, p := New(Options{}), newProxy("demo", "front", "1")
	now := time.Unix(1_700_000_000, 0)
	p.set("cluster.upstream_cx_active", egress("demo", "cart"), 4)
	for range 3 {
		p.stamp(now)
		l.Scraped(p.src, now, 5*time.Second, p.families)
		now = now.Add(5 * time.Second)
		o := l.Observe("demo", time.Minute, now)
		if !o.Fresh || len(o.Edges) != 1 || o.Edges[0].Connections != 4 {
			t.Fatalf("%+v", o)
		}
	}
	if l.Observe("demo", time.Minute, now.Add(20*time.Second)).Fresh {
		t.Error("a proxy that missed four scrapes is not late")
	}
}
