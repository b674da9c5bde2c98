package xds

import (
	"slices"
	"testing"
	"time"
)

func TestDeliveries(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var d deliveries
	d.add(1, []string{"a", "b", "c"}, map[string]bool{"c": true}, nil, at(1))
	d.add(2, []string{"a"}, nil, map[string]struct{}{"g": {}}, at(2))
	d.acked("a", 2, at(3)) // Runs 1 as well.
	d.refused("b", 1, "no", at(4))
	d.left("c", at(5))
	if got, _ := d.get(1); got.Done() || got.Acked != 1 || got.Total != 3 || len(got.Rejected) != 1 || !got.At.IsZero() {
		t.Errorf("delivery 1 = %+v", got)
	}
	if got, _ := d.get(2); !got.Done() || !got.At.Equal(at(3)) {
		t.Errorf("delivery 2 = %+v", got)
	}
	d.expire(at(9))
	d.joined("c", "g")
	d.expire(at(60)) // It came back in time.
	if got, _ := d.get(1); got.Total != 3 {
		t.Errorf("delivery 1 = %+v", got)
	}
	d.left("c", at(61))
	d.expire(at(66))
	if got, _ := d.get(1); !got.Done() || got.Total != 2 || !slices.Equal(got.Proxies, []string{"a", "b"}) {
		t.Errorf("delivery 1 = %+v", got)
	}
	for revision := int64(3); revision < keepDeliveries+10; revision++ {
		d.add(revision, []string{"a"}, nil, nil, at(70))
	}
	if _, ok := d.get(9); ok || len(d.byRevision) != keepDeliveries || len(d.open) != keepDeliveries {
		t.Errorf("%d deliveries are kept, %d of them open, want %d", len(d.byRevision), len(d.open), keepDeliveries)
	}
}

// Only what a proxy was sent, and which ran all before it, is the fault of a revision.
func TestRefusalsFault(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var d deliveries
	d.add(1, []string{"ill", "unsent", "well"}, map[string]bool{"ill": true}, nil, at(1))
	d.joined("new", "g")
	d.withheld("unsent", 1, "not sent: well refused it", at(2))
	for _, id := range []string{"well", "ill", "new"} {
		d.refused(id, 1, "no", at(3))
	}
	got, _ := d.get(1)
	for _, r := range got.Rejected {
		if r.Caused != (r.Proxy == "well") {
			t.Errorf("%+v", r)
		}
	}
	if len(got.Rejected) != 4 {
		t.Errorf("rejected by %+v", got.Rejected)
	}
}
