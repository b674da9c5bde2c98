package mesh_test

import (
	"testing"
	"time"

	. "github.com/weirmesh/weir/server/mesh"
)

func TestClusterNode(t *testing.T) {
	for _, name := range []string{"a", "reviews-v1", "with_underscore_8080", "http_1"} {
		for _, mesh := range []string{"shop", "sample_app"} {
			if node, ingress, ok := ClusterNode(mesh, EgressCluster(mesh, name, HTTP, 8080)); node != name || ingress || !ok {
				t.Errorf("egress of %s in %s reads back as %q, %v, %v", name, mesh, node, ingress, ok)
			}
			if node, ingress, ok := ClusterNode(mesh, IngressCluster(mesh, name, GRPC, 1)); node != name || !ingress || !ok {
				t.Errorf("ingress of %s in %s reads back as %q, %v, %v", name, mesh, node, ingress, ok)
			}
		}
	}
	for _, cluster := range []string{"", "control_plane", "cds_egress_shop_", "cds_egress_shop_a", "cds_egress_other_a_http_80"} {
		if node, _, ok := ClusterNode("shop", cluster); ok {
			t.Errorf("%q reads as node %q", cluster, node)
		}
	}
}

func TestDuration(t *testing.T) {
	var d Duration
	if err := d.UnmarshalJSON([]byte(`"250ms"`)); err != nil || time.Duration(d) != 250*time.Millisecond {
		t.Errorf("got %v, %v", d, err)
	}
	for _, bad := range []string{`15`, `"15"`, `""`, `{}`} {
		if err := d.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestErrorIsOneLine(t *testing.T) {
	cause := Errorf(NotFound, "no such thing")
	err := Errorf(Conflict, "put it away: %w", cause)
	if CodeOf(err) != Conflict || err.Error() != "put it away: no such thing" || err.Unwrap() != error(cause) {
		t.Errorf("got %v with code %s", err, CodeOf(err))
	}
	if CodeOf(nil) != "" || CodeOf(t.Context().Err()) != "" {
		t.Error("no error has a code")
	}
}
