package web

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// sources shows where the numbers come from. It needs no mesh.
func (w *Web) sources(c *gin.Context) error {
	v, err := w.look(c, "sources", "origins.title")
	if err != nil {
		return err
	}
	p := page.Origins{Shell: v.Shell, Pushing: v.sources(), Filter: c.Query("state"), Replicas: w.replicas(c.Request.Context(), v.Shell)}
	for _, each := range v.proxies {
		p.Series += each.SeriesOver
	}
	if w.Sources != nil {
		for _, s := range w.Sources() {
			if s.Store != nil {
				p.Store = v.storeCard(s)
			} else {
				p.Remotes = append(p.Remotes, v.origin(s))
			}
		}
	}
	slices.SortStableFunc(p.Remotes, func(a, b page.Origin) int {
		return cmp.Compare(urgent(query.State(a.State)), urgent(query.State(b.State)))
	})
	if w.Targets != nil {
		v.fillTargets(&p, w.Targets())
	}
	return w.render(c, http.StatusOK, page.OriginsPage(p))
}

// urgent orders states: those that somebody should look at come first.
func urgent(s query.State) int {
	return slices.Index([]query.State{query.Down, query.Degraded, query.Idle, query.OK}, s)
}

func (v view) origin(s query.Source) page.Origin {
	o := page.Origin{
		Name: s.Name, Kind: s.Kind, URL: s.URL, Meshes: s.Meshes, State: string(cmp.Or(s.State, query.Idle)), Message: s.Message,
		Latency: s.Latency, Partial: s.Partial,
	}
	if !s.LastSuccess.IsZero() {
		o.Answered = v.Ago(s.LastSuccess)
	}
	for _, d := range s.Dialects {
		o.Dialects = append(o.Dialects, page.Dialect{Name: d.Dialect, Used: d.Used, Series: d.Series, Why: d.Why})
	}
	slices.SortStableFunc(o.Dialects, func(a, b page.Dialect) int {
		if a.Used == b.Used {
			return 0
		} else if a.Used {
			return -1
		}
		return 1
	})
	return o
}

func (v view) storeCard(s query.Source) *page.StoreCard {
	card := &page.StoreCard{
		Origin: v.origin(s), Series: s.Store.Series, SeriesLimit: s.Store.SeriesLimit, Bytes: s.Store.Bytes, MaxBytes: s.Store.MaxBytes,
		Retention: v.L.Age(inSeconds(s.Store.Retention)), Step: v.L.Age(inSeconds(s.Store.Step)),
		Samples: s.Store.Samples, Dropped: s.Store.Dropped, Refused: s.Store.Refused,
	}
	if !s.Store.Oldest.IsZero() {
		card.Since, card.SinceMoment = v.Ago(s.Store.Oldest), v.When(s.Store.Oldest)
	}
	return card
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// fillTargets lists what is scraped, what needs a look first, and counts it by state.
func (v view) fillTargets(p *page.Origins, targets []query.Target) {
	p.Scrapes, p.Total = true, len(targets)
	counts := make(map[query.State]int)
	targets = slices.Clone(targets)
	slices.SortStableFunc(targets, func(a, b query.Target) int {
		return cmp.Or(cmp.Compare(urgent(a.State), urgent(b.State)), cmp.Compare(a.Job, b.Job), cmp.Compare(a.URL, b.URL))
	})
	for _, t := range targets {
		counts[t.State]++
		if p.Filter == "" || p.Filter == string(t.State) {
			p.Targets = append(p.Targets, v.targetRow(t))
		}
	}
	p.Counts = []page.Link{{Text: v.L.T("targets.all", "n", p.Total), Href: v.Without("state"), Current: p.Filter == ""}}
	for _, state := range []query.State{query.Down, query.Degraded, query.Idle, query.OK} {
		if n := counts[state]; n > 0 || p.Filter == string(state) {
			text := v.L.T("targets.count", "state", v.L.T("source.state."+string(state)), "n", n)
			p.Counts = append(p.Counts, page.Link{Text: text, Href: v.With("state", string(state)), Current: p.Filter == string(state)})
		}
	}
}

func (v view) targetRow(t query.Target) page.TargetRow {
	row := page.TargetRow{
		URL: t.URL, Job: t.Job, Proxy: t.Proxy, State: string(cmp.Or(t.State, query.Idle)), Error: t.Error, Took: t.Took,
		Interval: v.L.Age(inSeconds(t.Interval)), Samples: t.Samples, Dropped: t.Dropped, Bytes: t.Bytes, Format: t.Format,
	}
	if t.Node != "" && t.Mesh == v.Mesh {
		row.Of = component.LinkTo{Name: plainName(t.Node), Href: v.boxHref(t.Node)}
	} else if t.Node != "" && slices.Contains(v.Meshes, t.Mesh) {
		row.Of = component.LinkTo{Name: t.Mesh + ": " + plainName(t.Node), Href: "/topology?mesh=" + t.Mesh}
	}
	if !t.LastScrape.IsZero() {
		row.Last = v.Ago(t.LastScrape)
	}
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		labels = append(labels, name+"="+t.Labels[name])
	}
	row.Labels = strings.Join(labels, "\n")
	return row
}

// plainName is a graph id without its kind.
func plainName(id string) string {
	for _, prefix := range []string{mesh.GatewayID(""), mesh.ServiceID(""), mesh.ExternalID("")} {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			return rest
		}
	}
	return id
}
