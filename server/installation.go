package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/api"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
)

// stewardWithin is how long it may take to find out who acts: pages that say it wait for it.
const stewardWithin = time.Second

// installation is what replicas are to those who look at them.
type installation struct{ *Server }

// Here is this replica, and whether what replicas share can be reached, without asking it.
func (i installation) Here() (provider.Database, provider.Replica) {
	return i.fleet.Database(), i.fleet.Here()
}

// Replicas lists the replicas, and says which one acts by itself. While the database cannot be reached, that is known of this
// one only.
func (i installation) Replicas(ctx context.Context) provider.Installation {
	all := provider.Installation{Database: i.fleet.Database(), Items: i.fleet.Replicas()}
	if !all.Database.Shared {
		all.Items[0].Steward = true
		return all
	}
	_, all.Items[0].Steward = i.replicas.keeper.Held()
	if all.Items[0].Steward || !all.Database.Reached {
		return all
	}
	ctx, cancel := context.WithTimeout(ctx, stewardWithin)
	defer cancel()
	holder, err := i.store.LeaseHolder(ctx, stewardship)
	if err != nil {
		return all
	}
	for k := range all.Items[1:] {
		r := &all.Items[k+1]
		r.Steward = r.Gone.IsZero() && strings.HasPrefix(holder, holderOf(r.Name))
	}
	return all
}

// holderOf is how the holder of a lease begins that a replica's process is.
func holderOf(replica string) string { return replica + ", process " }

// heard tells the parts of a notice.
func (r *replicas) heard(n store.Notice) {
	r.notices.Publish(n)
	r.seen.Store(n.Seq)
}

// together says who acts by themselves, where several replicas may, and how far this one is behind what the others recorded.
// Nobody acts for the seconds in which one takes over.
func (s *Server) together(ctx context.Context) []api.Check {
	if s.opts.DatabaseURL == "" {
		return nil // one process has nobody to wait for
	}
	var checks []api.Check
	holder, err := s.store.LeaseHolder(ctx, stewardship)
	switch {
	case err != nil:
		checks = append(checks, api.Check{Name: "lease", Err: err})
	case holder == "":
		checks = append(checks, api.Check{Name: "lease", Note: "held by nobody yet"})
	default:
		checks = append(checks, api.Check{Name: "lease", Note: "held by " + holder})
	}
	newest, err := s.store.Newest(ctx)
	notices := api.Check{Name: "notices", Err: err, Note: "all heard"}
	if behind := newest - s.replicas.seen.Load(); err == nil && behind > 0 {
		notices.Note = fmt.Sprintf("%d behind what replicas recorded", behind)
	}
	return append(checks, notices)
}
