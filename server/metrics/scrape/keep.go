package scrape

import "slices"

// speech is what the targets of a dialect say, as far as anything reads it: anchors prove that a page speaks it.
type speech struct {
	dialect string
	anchors []string
	keep    []string // regular expressions of whole names
}

// envoyStatistics are what says how a proxy's calls fare, out of the hundreds that an Envoy has of each cluster. Those
// about internal and external calls, zones and histograms of connections repeat it.
const envoyStatistics = `envoy_(cluster_(upstream_(rq(|_xx|_total|_completed|_time|_active|_timeout|_per_try_timeout|_rx_reset|_tx_reset|` +
	`_retry.*|_pending_(active|overflow|failure_eject)|_active_overflow)|cx_(total|active|overflow|connect_fail|connect_timeout|none_healthy|destroy_remote_with_active_rq|` +
	`rx_bytes_total|tx_bytes_total))|membership_(healthy|total|degraded)|outlier_detection_ejections_active|circuit_breakers_.*)|` +
	`http_(downstream_(rq(|_xx|_total|_completed|_time|_active|_timeout|_rx_reset)|cx_(total|active|rx_bytes_total|tx_bytes_total))|no_route)|` +
	`tcp_(downstream_cx_(total|rx_bytes_total|tx_bytes_total|no_route)|upstream_cx_.*)|server_(uptime|live|state))`

// speeches lists the dialects, those that are recognised by more than plain Envoy's names first.
func speeches() []speech {
	return []speech{
		{"istio", []string{"istio_requests_total", "istio_tcp_connections_opened_total"}, []string{`istio_.*`, envoyStatistics}},
		{
			"linkerd",
			[]string{"response_total", "request_total", "outbound_http_route_request_statuses_total", "tcp_open_connections"},
			[]string{
				`(request|response|route_response|route_actual_response|route_request|route_actual_request|route_retryable)_total`,
				`(response|route_response|route_actual_response)_latency_ms.*`, `tcp_(open_connections|open_total|close_total|read_bytes_total|write_bytes_total|connection_duration_ms.*)`,
				`(in|out)bound_(http|grpc|tcp|tls)_.*`, `control_(request|response)_total`, `process_start_time_seconds`,
			},
		},
		{"appmesh", []string{"envoy_appmesh_RequestCountPerTarget", "envoy_appmesh_RequestCount"}, []string{`envoy_appmesh_.*`, envoyStatistics}},
		{"hubble", []string{"hubble_http_requests_total", "hubble_flows_processed_total"}, []string{`hubble_.*`}},
		{"otel", []string{"traces_service_graph_request_total"}, []string{`traces_service_graph_.*`}},
		{"kuma", []string{"envoy_cluster_upstream_rq_total"}, []string{envoyStatistics}},
		{"consul", []string{"envoy_cluster_upstream_rq_total"}, []string{envoyStatistics}},
		{"envoy", []string{"envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_total", "envoy_cluster_upstream_cx_total"}, []string{envoyStatistics}},
	}
}

// keepOf is what a dialect reads; of an empty one, what any reads. Nil: there is none of that name.
func keepOf(dialect string) []string {
	var keep []string
	for _, s := range speeches() {
		if dialect == "" || dialect == s.dialect {
			for _, k := range s.keep {
				if !slices.Contains(keep, k) {
					keep = append(keep, k)
				}
			}
		}
	}
	return keep
}

func dialectNames() []string {
	var names []string
	for _, s := range speeches() {
		names = append(names, s.dialect)
	}
	return names
}
