package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// historyPage is how many entries one page of the ledger shows.
const historyPage = 40

// watchEvery is how often, in seconds, a browser without script looks whether a change has moved.
const watchEvery = 2

func (w *Web) history(c *gin.Context) error {
	v, err := w.look(c, "history", "history.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.History{Shell: v.Shell}
	wanted, filter, err := v.readSought(c)
	p.Filter = filter
	if err != nil {
		p.Problem = err.Error()
		return w.render(c, statusOf(err), page.HistoryPage(p))
	}
	changes, older, err := w.seek(c.Request.Context(), v, wanted)
	if err != nil {
		return err
	}
	if older != "" {
		p.Older = v.With("before", older)
	}
	if c.Query("before") != "" {
		p.Newest = v.Without("before")
	}
	for _, each := range changes {
		line := w.ledgerLine(v, each)
		if len(p.Days) == 0 || p.Days[len(p.Days)-1].Date != line.Day {
			p.Days = append(p.Days, page.Day{Date: line.Day})
		}
		day := &p.Days[len(p.Days)-1]
		day.Changes = append(day.Changes, line)
	}
	return w.render(c, http.StatusOK, page.HistoryPage(p))
}

func (w *Web) change(c *gin.Context) error {
	v, err := w.look(c, "history", "history.title")
	if err != nil {
		return err
	}
	entry, err := w.Changes.Change(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	if entry.Mesh != v.Mesh && slices.Contains(v.Meshes, entry.Mesh) {
		// A link from outside need not know the mesh; the rest of the page speaks of the entry's own.
		query := c.Request.URL.Query()
		query.Set("mesh", entry.Mesh)
		c.Redirect(http.StatusSeeOther, c.Request.URL.EscapedPath()+"?"+query.Encode())
		return nil
	}
	p := page.Change{Shell: v.Shell, ApprovedBy: entry.ApprovedBy, Card: v.changeCard(entry), Diff: entry.Diff, Twins: w.changeTwins(entry), Forecast: v.forecast(entry.Plan), More: v.entryMore(entry)}
	if service := c.Query("link"); service != "" {
		s, _ := v.service(service)
		p.Card = *v.serviceCard(entry, v.versionNames(s, v.routes(s.Router)))
		p.Card.Linked = service
	}
	p.Title = p.Card.Summary
	for _, ref := range entry.Objects {
		p.Objects = append(p.Objects, component.LinkTo{Name: ref.String(), Href: v.objectHref(ref)})
	}
	if w.Timeline != nil {
		before, after := aroundChange(entry.At, v.Now)
		p.Effect, p.Then = v.CompareHref(before, after), v.PastHref(before)
	}
	if p.Plots, err = w.changePlots(c, v, entry); err != nil {
		return err
	}
	if !p.Card.Done {
		p.Refresh = watchEvery
	}
	return w.render(c, http.StatusOK, page.ChangePage(p))
}

// aroundChange is a moment before a change and one after it. Their windows are filled by what was before, and by what came
// of it: a minute lies between, or less when the change is younger. A zero after is the present.
func aroundChange(at, now time.Time) (before, after time.Time) {
	const apart = time.Minute
	if now.Sub(at) > apart {
		after = at.Add(apart).Truncate(time.Second)
	}
	return at.Add(-time.Second).Truncate(time.Second), after
}

// objectHref leads to the page on which an object is shown, "" when there is none.
func (v view) objectHref(ref mesh.Ref) string {
	parent, _ := ref.Split()
	switch ref.Kind {
	case mesh.KindService:
		return v.ServiceHref(ref.Name, "")
	case mesh.KindNode:
		return v.boxHref(ref.Name)
	case mesh.KindGateway:
		return v.FocusHref(mesh.GatewayID(ref.Name))
	case mesh.KindGatewayRoute:
		return v.FocusHref(mesh.GatewayID(parent))
	case mesh.KindRouter, mesh.KindRoute:
		for _, s := range v.current.Mesh.Services {
			if s.Router == parent {
				return v.ServiceHref(s.Name, "/traffic")
			}
		}
	case mesh.KindSplit:
		for _, r := range v.current.Mesh.RoutesBy(ref.Name) {
			return v.objectHref(r.Ref())
		}
	case mesh.KindMesh:
		return v.Href("/topology")
	}
	return ""
}

// settle keeps, reverts or undoes a change, and leads to what came of it.
func (w *Web) settle(c *gin.Context) error {
	id := c.Param("id")
	by := change.By{Author: author(c), Reason: strings.TrimSpace(c.PostForm("reason"))}
	var entry change.Change
	var err error
	switch c.PostForm("do") {
	case "confirm":
		entry, err = w.Verdicts.Confirm(c.Request.Context(), id, by)
	case "revert":
		entry, err = w.Verdicts.Revert(c.Request.Context(), id, by)
	case "extend":
		entry, err = w.extend(c, id, by)
	case "undo":
		var ok bool
		if entry, ok, err = w.undo(c, id, by); err == nil && !ok {
			return nil
		}
	default:
		err = mesh.Errorf(mesh.Invalid, "change %s: the form's field do is confirm, extend, revert or undo", id)
	}
	if err != nil {
		return w.proposed(c, err)
	}
	c.Redirect(http.StatusSeeOther, w.frame(c, "history", "").ChangeHref(entry.ID))
	return nil
}
