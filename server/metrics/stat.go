package metrics

// What Envoy 1.40's metrics_service sends with emit_tags_as_labels and histogram_emit_mode HISTOGRAM, as recorded in
// testdata/flushes.jsonl from a real one:
//
//   - One family per series: `cluster.upstream_rq_total` with the label envoy.cluster_name; status classes are
//     `cluster.upstream_rq_xx` with envoy.response_code_class "1" to "5" (and `http.downstream_rq_xx` with
//     envoy.http_conn_manager_prefix). The dots stay in the names.
//   - Only statistics that were ever used are sent: a counter appears with its first increment, a gauge when it is first
//     set. A cluster that never had a host has no membership at all. So a counter that appears after a proxy's first
//     flush began at zero.
//   - Counters are cumulative since the proxy or the cluster started (they survive a change of the cluster, not its
//     removal). Histograms are what was added since the flush before, in milliseconds, cumulative over the buckets; there
//     is no +Inf bucket: what sample_count has beyond the last bucket is slower than its bound. An idle histogram keeps
//     coming with zeros.
//   - Every metric of a flush has the same timestamp_ms, the proxy's own clock; a flush larger than batch_size comes as
//     several messages.
//
// And what they mean, tried one failure at a time:
//
//   - upstream_rq_xx counts each request once, by the answer that the caller got, including the 503 and 504 that the
//     proxy makes up: pool overflow (also upstream_rq_pending_overflow, or upstream_rq_active_overflow for max_requests),
//     no healthy host (also upstream_cx_none_healthy), refused connection (also upstream_cx_connect_fail), reset, timeout
//     (also upstream_rq_timeout or upstream_rq_per_try_timeout). So these must not be added to the fifth class again, and
//     the classes' sum is the number of requests.
//   - upstream_rq_total counts attempts: each retry once more, and not what overflowed or found no host. A request whose
//     caller hung up is in it, and in no class.
//   - With a pool of connections that is used up, upstream_cx_overflow counts the wait, not a refusal.
//   - upstream_rq_time holds answered requests only: what timed out is not in it.
//   - TCP has no classes: a connection that was opened is in upstream_rq_total, one over the limit in
//     upstream_cx_overflow, one that could not be opened in upstream_cx_connect_fail.
//   - upstream_rq_rx_reset counts HTTP/2 streams that the destination reset, and
//     upstream_cx_destroy_remote_with_active_rq connections that it closed while a request was on its way: one per
//     request with HTTP/1, one per connection with HTTP/2, every connection that ends with TCP. Both count attempts: one
//     that was retried is in the class of its last answer, one that ended in the middle of its answer is 2xx, every
//     other is among 5xx. upstream_rq_tx_reset counts what the proxy itself gave up: timeouts and callers who hung up.
//   - `http.no_route` counts calls for which the proxy had no route (answered 404).

// scope says which label names what a series is about.
type scope uint8

const (
	unused scope = iota
	ofCluster
	ofHTTP
	ofTCP
)

const (
	clusterLabel = "envoy.cluster_name"
	httpLabel    = "envoy.http_conn_manager_prefix"
	tcpLabel     = "envoy.tcp_prefix"
	classLabel   = "envoy.response_code_class"
)

// slot is a series within what one proxy says of one cluster, or of one side of itself.
type slot uint8

const (
	byClass slot = iota // 1 to 5 are the classes
	_
	_
	_
	_
	_
	total
	timedOut
	timedOutTry
	retried
	exhausted
	overPending
	overActive
	overConnections
	connectFail
	noneHealthy
	bytesIn
	bytesOut
	noRoute
	resetStream
	cutOff
	counters // how many there are

	active   slot = iota - 1
	inFlight      // of a node's own pool, beside what its listeners have active
	pending
	connections
	healthy
	members
	ejected
	slots

	latency = slots
)

const gauges = int(slots - active)

type stat struct {
	scope scope
	slot  slot
}

// statOf knows a family by its name; scope is unused for all others. A switch, since it neither allocates nor needs a
// table that lives beside the package.
func statOf(name string) stat {
	switch name {
	case "cluster.upstream_rq_xx":
		return stat{ofCluster, byClass}
	case "cluster.upstream_rq_total":
		return stat{ofCluster, total}
	case "cluster.upstream_rq_time":
		return stat{ofCluster, latency}
	case "cluster.upstream_rq_active":
		return stat{ofCluster, active}
	case "cluster.upstream_rq_pending_active":
		return stat{ofCluster, pending}
	case "cluster.upstream_rq_timeout":
		return stat{ofCluster, timedOut}
	case "cluster.upstream_rq_per_try_timeout":
		return stat{ofCluster, timedOutTry}
	case "cluster.upstream_rq_retry":
		return stat{ofCluster, retried}
	case "cluster.upstream_rq_retry_limit_exceeded":
		return stat{ofCluster, exhausted}
	case "cluster.upstream_rq_pending_overflow":
		return stat{ofCluster, overPending}
	case "cluster.upstream_rq_active_overflow":
		return stat{ofCluster, overActive}
	}
	return statOfRest(name)
}

func statOfRest(name string) stat {
	switch name {
	case "cluster.upstream_cx_active":
		return stat{ofCluster, connections}
	case "cluster.upstream_cx_overflow":
		return stat{ofCluster, overConnections}
	case "cluster.upstream_cx_connect_fail":
		return stat{ofCluster, connectFail}
	case "cluster.upstream_cx_none_healthy":
		return stat{ofCluster, noneHealthy}
	case "cluster.upstream_rq_rx_reset":
		return stat{ofCluster, resetStream}
	case "cluster.upstream_cx_destroy_remote_with_active_rq":
		return stat{ofCluster, cutOff}
	case "cluster.upstream_cx_rx_bytes_total":
		return stat{ofCluster, bytesIn}
	case "cluster.upstream_cx_tx_bytes_total":
		return stat{ofCluster, bytesOut}
	case "cluster.membership_healthy":
		return stat{ofCluster, healthy}
	case "cluster.membership_total":
		return stat{ofCluster, members}
	case "cluster.outlier_detection.ejections_active":
		return stat{ofCluster, ejected}
	case "http.downstream_rq_xx":
		return stat{ofHTTP, byClass}
	case "http.downstream_rq_time":
		return stat{ofHTTP, latency}
	case "http.downstream_rq_active":
		return stat{ofHTTP, active}
	case "http.downstream_cx_rx_bytes_total":
		return stat{ofHTTP, bytesIn}
	case "http.downstream_cx_tx_bytes_total":
		return stat{ofHTTP, bytesOut}
	case "http.no_route":
		return stat{ofHTTP, noRoute}
	case "tcp.downstream_cx_total":
		return stat{ofTCP, total}
	case "tcp.downstream_cx_rx_bytes_total":
		return stat{ofTCP, bytesIn}
	case "tcp.downstream_cx_tx_bytes_total":
		return stat{ofTCP, bytesOut}
	}
	return stat{}
}
