package metrics

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

// TestEnds says which edge, pool or node a series is about.
func TestEnds(t *testing.T) {
	l := New(Options{})
	node := newProxy("m", "a_b", "1")
	gateway := newProxy("m", "entry", "1")
	gateway.src.Gateway = true
	at := begin()
	for range 3 {
		for _, p := range []*proxy{node, gateway} {
			p.answer(mesh.EgressCluster("m", "c_d-e", mesh.GRPC, 9000), 2, 10)
			p.answer(mesh.EgressCluster("m", "c_d-e", mesh.HTTP, 8080), 2, 1)
			p.answer("cds_egress_m_allow_all", 2, 2)
			p.answer("cds_egress_other_x_http_8080", 2, 2)
			p.answer("control_plane", 2, 2)
			p.answer("cds_egress_m_", 2, 2)
			p.receive(2, 13)
			p.metric("http.no_route", dto.MetricType_COUNTER, httpLabel, "egress").Counter.Value = new(float64(node.flush % 1000))
			p.push(l, at)
		}
		node.set("cluster.upstream_rq_active", mesh.IngressCluster("m", "a_b", mesh.HTTP, 8080), 3)
		node.set("cluster.upstream_rq_pending_active", mesh.IngressCluster("m", "a_b", mesh.HTTP, 8080), 2)
		node.count("cluster.upstream_rq_active_overflow", mesh.IngressCluster("m", "a_b", mesh.HTTP, 8080), 5)
		node.set("cluster.upstream_rq_active", mesh.IngressCluster("m", "another", mesh.HTTP, 8080), 30)
		gateway.set("cluster.upstream_rq_active", mesh.IngressCluster("m", "entry_self_redirect", mesh.HTTP, 15001), 4)
		at = at.Add(500 * time.Millisecond)
	}
	o := l.Observe("m", MinWindow, at)
	want := [][2]string{{"a_b", "c_d-e"}, {"a_b", "external/elsewhere"}, {"gateway/entry", "c_d-e"}, {"gateway/entry", "external/elsewhere"}}
	if len(o.Edges) != len(want) {
		t.Fatalf("%+v", o.Edges)
	}
	for i, e := range o.Edges {
		if e.From != want[i][0] || e.To != want[i][1] {
			t.Errorf("edge %s → %s, want %v", e.From, e.To, want[i])
		}
	}
	if e := o.Edges[0]; e.Requests != 22 || e.Protocol != mesh.GRPC || e.Instances != 1 {
		t.Errorf("two listeners of one node: %+v", e)
	}
	if len(o.Nodes) != 2 || o.Nodes[0].ID != "a_b" || o.Nodes[1].ID != "gateway/entry" {
		t.Fatalf("%+v", o.Nodes)
	}
	for i, want := range []mesh.PoolUse{{InFlight: 3, Pending: 2, OverflowRate: 10, Instances: 1}, {InFlight: 4, Instances: 1}} {
		n := o.Nodes[i]
		if !n.Pooled || n.Pool != want || !n.Received || n.Traffic.Requests != 26 || n.Traffic.PoolUse != (mesh.PoolUse{}) || n.At.IsZero() {
			t.Errorf("%+v, want %+v", n, want)
		}
	}
}

// TestMembership says whose word counts when callers see different instances.
func TestMembership(t *testing.T) {
	l := New(Options{})
	a, b := newProxy("m", "a", "1"), newProxy("m", "a", "2")
	cluster := egress("m", "b")
	for _, p := range []*proxy{a, b} {
		p.set("cluster.membership_total", cluster, 3)
		p.set("cluster.membership_healthy", cluster, 3)
	}
	b.set("cluster.membership_healthy", cluster, 2)
	b.set("cluster.outlier_detection.ejections_active", cluster, 1)
	a.push(l, begin())
	b.push(l, begin())
	if e := edge(t, l, MinWindow, begin()); e.Members != 3 || e.Healthy != 2 || e.Ejected != 1 {
		t.Errorf("%+v", e.Traffic)
	}
	l.Gone(b.src)
	if e := edge(t, l, MinWindow, begin()); e.Members != 3 || e.Healthy != 3 || e.Ejected != 0 {
		t.Errorf("%+v", e.Traffic)
	}
}

// TestSilence says that what a proxy counted while it was away for long is counted, but not as if it were now.
func TestSilence(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	p.answer(egress("m", "b"), 2, 1)
	p.push(l, at)
	p.answer(egress("m", "b"), 2, 1000)
	at = at.Add(2 * time.Minute)
	p.push(l, at)
	p.answer(egress("m", "b"), 2, 5)
	at = at.Add(time.Second)
	p.push(l, at)
	if e := edge(t, l, 10*time.Second, at); e.Requests != 5 {
		t.Errorf("%v requests in the window", e.Requests)
	}
	if c := l.Counts("m")[0]; c.Requests != 1006 {
		t.Errorf("%v counted", c.Requests)
	}
}

// TestSameName says that a proxy's name may go to another node.
func TestSameName(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	p.set("cluster.upstream_cx_active", egress("m", "b"), 2)
	p.push(l, begin())
	p.src.Node = "z"
	p.push(l, begin().Add(time.Second))
	o := l.Observe("m", MinWindow, begin().Add(time.Second))
	if o.Reporting != 1 || len(o.Edges) != 2 || o.Edges[0].Connections != 0 || o.Edges[1].From != "z" || o.Edges[1].Connections != 2 {
		t.Errorf("%+v", o.Edges)
	}
}
