package fleet_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/weirmesh/weir/server/provider"
)

// living are the replicas that have not gone.
func (r *replica) living() []provider.Replica {
	return slices.DeleteFunc(r.Replicas(), func(p provider.Replica) bool { return !p.Gone.IsZero() })
}

// gone is what is remembered of a replica that went; its name is empty while nothing is.
func (r *replica) gone(name string) (found provider.Replica) {
	for _, p := range r.Replicas() {
		if p.Name == name && !p.Gone.IsZero() {
			found = p
		}
	}
	return found
}

func TestGoneIsRemembered(t *testing.T) {
	t.Parallel()
	all, _ := three(t)
	a, b, c := all[0], all[1], all[2]
	for _, r := range all {
		eventually(t, r.name+" counts each proxy once", func() bool {
			nodes, gateways := r.Connected("shop")
			return maps.Equal(nodes, map[string]int{"web": 3, "reviews": 1}) && len(gateways) == 0
		})
	}
	c.stop()
	eventually(t, "a says that c stopped, and which proxy is nowhere", func() bool {
		r := a.gone("c")
		return r.Left && r.Proxies == 1 && slices.Equal(r.Missing, []string{"web-c"})
	})
	a.envoy(t, "web", "c")
	eventually(t, "it has come to a", func() bool {
		nodes, _ := b.Connected("shop")
		return a.gone("c").Name == "c" && len(a.gone("c").Missing) == 0 && len(b.gone("c").Missing) == 0 && nodes["web"] == 3
	})

	// b is cut off: a has lost it, and it knows since when it is.
	b.table.set(errors.New("cut off"))
	eventually(t, "a has lost b", func() bool { r := a.gone("b"); return r.Name == "b" && !r.Left && slices.Equal(r.Missing, []string{"web-b"}) })
	eventually(t, "b knows that it is cut off", func() bool { d := b.Database(); return d.Shared && !d.Reached && !d.Heard.IsZero() })
	if d := a.Database(); !d.Reached || d.Others != 0 {
		t.Errorf("%+v at a", d)
	}
	b.table.set(nil)
	eventually(t, "b is back, and not among those that went", func() bool {
		return a.gone("b").Name == "" && len(a.living()) == 2 && b.Database().Reached
	})
}
