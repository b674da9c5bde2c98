package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// Events reads what happened; journal.Journal does.
type Events interface {
	Events(ctx context.Context, q journal.Query) ([]journal.Event, error)
}

// journalPage is how many events one page shows.
const journalPage = 60

// events is the page of what happened.
func (w *Web) events(c *gin.Context) error {
	v, err := w.look(c, "events", "journal.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.Journal{Shell: v.Shell, Off: w.Events == nil}
	q, err := readJournal(c, v, &p)
	if err != nil {
		p.Problem = err.Error()
		return w.render(c, statusOf(err), page.JournalPage(p))
	}
	if p.Off {
		return w.render(c, http.StatusOK, page.JournalPage(p))
	}
	list, err := w.Events.Events(c.Request.Context(), q)
	if err != nil {
		return err
	}
	if len(list) > journalPage {
		list = list[:journalPage]
		p.Older = v.With("before", strconv.FormatInt(list[journalPage-1].ID, 10))
	}
	if q.Before > 0 {
		p.Newest = v.Without("before")
	}
	for _, e := range list {
		date := v.L.Date(e.At)
		if n := len(p.Days); n == 0 || p.Days[n-1].Date != date {
			p.Days = append(p.Days, page.JournalDay{Date: date})
		}
		day := &p.Days[len(p.Days)-1]
		day.Events = append(day.Events, w.happening(v, e))
	}
	return w.render(c, http.StatusOK, page.JournalPage(p))
}

// readJournal reads what is looked for from an address, and puts it back into the page's form.
func readJournal(c *gin.Context, v view, p *page.Journal) (journal.Query, error) {
	q := journal.Query{Mesh: v.Mesh, Limit: journalPage + 1, Subject: strings.TrimSpace(c.Query("subject"))}
	p.Filter = page.JournalFilter{Kind: c.Query("kind"), Subject: q.Subject}
	for _, k := range journal.Kinds() {
		p.Filter.Kinds = append(p.Filter.Kinds, string(k))
	}
	p.Command = "weir events --follow --mesh " + page.ShellWord(v.Mesh)
	if p.Filter.Kind != "" {
		if !slices.Contains(p.Filter.Kinds, p.Filter.Kind) {
			return q, mesh.Errorf(mesh.Invalid, "kind %.20q: one of %s", p.Filter.Kind, strings.Join(p.Filter.Kinds, ", "))
		}
		q.Kinds = []journal.Kind{journal.Kind(p.Filter.Kind)}
		p.Command += " --kind " + p.Filter.Kind
	}
	if q.Subject != "" {
		p.Command += " --subject " + page.ShellWord(q.Subject)
	}
	if before := c.Query("before"); before != "" {
		var err error
		if q.Before, err = strconv.ParseInt(before, 10, 64); err != nil || q.Before < 1 {
			return q, mesh.Errorf(mesh.Invalid, "before %.20q: the number of an event", before)
		}
	}
	return q, nil
}

// happening is one event, in the reader's language, with the ways to what it is about.
func (w *Web) happening(v view, e journal.Event) page.Happening {
	h := page.Happening{
		ID: strconv.FormatInt(e.ID, 10), Kind: string(e.Kind), Severity: string(e.Severity), ISO: page.ISO(e.At), Clock: v.L.Clock(e.At),
		Ago: v.Ago(e.At), Moment: v.L.Moment(e.At), Detail: e.Detail, Code: e.Kind == journal.KindRejected || e.What == "proxy.refused",
		Text: component.LinkTo{Name: v.eventText(e), Href: v.eventHref(e)},
	}
	if w.Timeline != nil && e.Kind == journal.KindHealth {
		h.Links = append(h.Links, component.LinkTo{Name: v.L.T("event.past"), Href: v.PastHref(e.At.Truncate(time.Second))})
	}
	if e.Change != "" && h.Text.Href != v.ChangeHref(e.Change) {
		h.Links = append(h.Links, component.LinkTo{Name: v.L.T("journal.change"), Href: v.ChangeHref(e.Change)})
	}
	return h
}

// eventText is an event's sentence. One that the catalogue does not know, of a newer Weir, stays in English.
func (v view) eventText(e journal.Event) string {
	key := "journal." + e.What
	if !v.L.Has(key) {
		return e.Text
	}
	var words []any
	for name, word := range e.With {
		switch {
		case name == "summary":
			word = summaryText(v.L, word)
		case name == "name" && e.With["to"] != "":
			word = v.name(e.With["from"]) + " → " + v.name(e.With["to"])
		}
		words = append(words, name, word)
	}
	return v.L.T(key, words...)
}

// eventHref leads to what an event is about, "" when there is no such place.
func (v view) eventHref(e journal.Event) string {
	switch {
	case e.Rollout != "" && (e.Kind == journal.KindRollout || e.Kind == journal.KindVerdict || e.What == "guard.holds"):
		return v.RolloutHref(e.Rollout)
	case e.Change != "":
		return v.ChangeHref(e.Change)
	case e.Proxy != "":
		return v.ProxyHref(e.Proxy)
	case e.Kind == journal.KindProxy || e.Kind == journal.KindRejected:
		return v.Href("/proxies")
	case e.With["to"] != "":
		return v.Href("/topology", "view", "problems", "select", edgeKey(e.With["from"], e.With["to"]))
	case e.Kind == journal.KindHealth && e.Subject != "":
		if name, ok := strings.CutPrefix(e.Subject, mesh.ServiceID("")); ok {
			return v.ServiceHref(name, "")
		}
		return v.boxHref(e.Subject)
	case e.Kind == journal.KindHealth:
		return v.Href("/topology", "view", "problems")
	}
	return ""
}

// journalEvents are what the journal knows of a service and its versions beyond the ledger, the proxies as they are, and
// the health of calls: rollouts, verdicts, guard rails, refusals that are over, and turns of the service itself.
func (w *Web) journalEvents(c *gin.Context, v view, about mine) ([]page.Event, error) {
	if w.Events == nil {
		return nil, nil
	}
	list, err := w.Events.Events(c.Request.Context(), journal.Query{Mesh: v.Mesh, Limit: eventEntries, Kinds: []journal.Kind{
		journal.KindRollout, journal.KindVerdict, journal.KindGuard, journal.KindRejected, journal.KindHealth,
	}})
	if err != nil {
		return nil, err
	}
	var events []page.Event
	for _, e := range list {
		if e.At.Before(about.over.Start) || e.At.After(about.over.End.Add(about.over.Step)) || !about.has(e) {
			continue
		}
		shown := w.event(v, string(e.Kind), e.At)
		shown.Severity, shown.Detail, shown.Code = string(e.Severity), e.Detail, e.Kind == journal.KindRejected
		shown.Text = component.LinkTo{Name: v.eventText(e), Href: v.eventHref(e)}
		events = append(events, shown)
	}
	return events, nil
}

// mine is what belongs to a service.
type mine struct {
	service string
	refs    []mesh.Ref
	nodes   []string
	over    mesh.Span
}

// has says whether an event is about it.
func (m mine) has(e journal.Event) bool {
	switch {
	case e.Kind == journal.KindHealth:
		return e.Subject == mesh.ServiceID(m.service) || slices.Contains(m.nodes, e.Subject)
	case e.Kind == journal.KindRejected && e.Proxy != "":
		return e.What == "rejected.taken" && slices.Contains(m.nodes, e.With["node"])
	default:
		return slices.ContainsFunc(m.refs, func(r mesh.Ref) bool { return r.Path() == e.Subject })
	}
}
