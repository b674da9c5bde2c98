package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/page"
)

// Replicas knows the processes of the installation.
type Replicas interface {
	// Replicas lists them, the one that answers first. It may ask the database, for a second at most.
	Replicas(ctx context.Context) provider.Installation
	// Here is this one with what it shares, as far as it is known without asking the database.
	Here() (provider.Database, provider.Replica)
}

// namedMissing is how many proxies are named that did not come back.
const namedMissing = 5

// outage says whether the database is out of reach; nil: it is not.
func (w *Web) outage(s page.Shell) *page.Outage {
	if w.Replicas == nil {
		return nil
	}
	shared, here := w.Replicas.Here()
	if shared.Reached {
		return nil
	}
	return &page.Outage{Since: s.When(shared.Heard), ISO: shared.Heard.UTC().Format(time.RFC3339), Proxies: here.Proxies, Others: shared.Others}
}

// toldOfOutage answers a page that is open and asks what waits: that the database is out of reach, which is why it cannot be
// told anything else.
func (w *Web) toldOfOutage(c *gin.Context) bool {
	if c.FullPath() != waitingPath {
		return false
	}
	s := page.Shell{L: w.locale(c), Now: w.Now(), Here: here(c)}
	if s.Outage = w.outage(s); s.Outage == nil {
		return false
	}
	return w.render(c, http.StatusOK, page.WaitingNotice(s)) == nil
}

// replicas is what Weir itself consists of; nil: nobody knows.
func (w *Web) replicas(ctx context.Context, s page.Shell) *page.Replicas {
	if w.Replicas == nil {
		return nil
	}
	all := w.Replicas.Replicas(ctx)
	p := &page.Replicas{Shared: all.Database.Shared}
	var versions []string
	for _, r := range all.Items {
		row := page.ReplicaRow{
			ID: r.ID, Name: r.Name, Version: r.Version, State: "live", Here: r.Here, Steward: r.Steward, Proxies: r.Proxies,
			Started: s.Ago(r.Started), StartedMoment: s.L.Moment(r.Started), Missing: r.Missing[:min(len(r.Missing), namedMissing)],
		}
		row.More = len(r.Missing) - len(row.Missing)
		switch {
		case r.Left:
			row.State = "stopped"
		case !r.Gone.IsZero():
			row.State = "lost"
		case !r.Here && !all.Database.Reached:
			row.State = "unknown" // what it was when the database was last read is no news
		default:
			p.Live++
			versions = append(versions, r.Version)
		}
		if !r.Here {
			row.Heard = s.L.Ago(inSeconds(r.Age))
		}
		p.Steward = p.Steward || r.Steward
		p.Rows = append(p.Rows, row)
	}
	slices.Sort(versions)
	p.Mixed = len(slices.Compact(versions)) > 1
	return p
}
