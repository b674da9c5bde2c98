package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// Entries does with entries of the ledger what is more than a verdict; the change door does.
type Entries interface {
	// Extend gives a change that waits for its confirmation more time.
	Extend(ctx context.Context, id string, by change.By, within time.Duration) (change.Change, error)
	// UndoFields takes back what is picked of objects that others touched since, and all of the others.
	UndoFields(ctx context.Context, id string, by change.By, picks []change.Pick) (change.Change, error)
	// Ways gives what others touched since a change.
	Ways(ctx context.Context, id string) ([]change.Collision, error)
}

// railsOf puts the guard rails in a form's way.
func railsOf(list []guard.Breach) (rails []page.Rail) {
	for _, b := range list {
		rails = append(rails, page.Rail{Message: b.Message})
	}
	return rails
}

// entryMore is what an entry has to tell besides its truths.
func (v view) entryMore(c change.Change) page.EntryMore {
	e := page.EntryMore{Note: c.Note, Override: c.Override, Rails: railsOf(c.Breaches)}
	if len(c.Hash) >= 12 {
		e.Hash = c.Hash
	}
	if o := c.Observed; o != nil {
		for i, r := range []*change.Reading{o.Before, o.After} {
			if r == nil {
				continue
			}
			e.Readings = append(e.Readings, page.ReadingLine{
				Name: v.L.T([]string{"entry.before", "entry.after"}[i]), Window: r.Window, Requests: v.L.Number(float64(r.Requests)),
				Errors: v.L.Ratio(r.ErrorRatio), P50: v.latency(r.P50), P95: v.latency(r.P95),
			})
		}
	}
	for _, m := range c.Timeline {
		e.Moments = append(e.Moments, page.MomentLine{
			ISO: m.At.UTC().Format(time.RFC3339Nano), Clock: v.L.Clock(m.At), What: v.L.T("entry.what." + m.What), Text: m.Text,
		})
	}
	return e
}

// latency writes seconds; what was not measured is a dash.
func (v view) latency(seconds float64) string {
	if seconds == 0 {
		return "–"
	}
	return v.L.Latency(seconds)
}

// extend gives a change more time, as its form asks.
func (w *Web) extend(c *gin.Context, id string, by change.By) (change.Change, error) {
	within, err := time.ParseDuration(c.PostForm("within"))
	if err != nil {
		return change.Change{}, mesh.Errorf(mesh.Invalid, "change %s: the form's field within is a time, as in 5m", id)
	}
	return w.Entries.Extend(c.Request.Context(), id, by, within)
}

// undo takes a change back, or leads to where one chooses when others touched the same objects since. ok is false then.
func (w *Web) undo(c *gin.Context, id string, by change.By) (entry change.Change, ok bool, err error) {
	entry, err = w.Verdicts.Undo(c.Request.Context(), id, by)
	if _, collides := errors.AsType[*change.Collisions](err); collides && w.Entries != nil {
		c.Redirect(http.StatusSeeOther, w.frame(c, "history", "").Href("/history/"+id+"/undo"))
		return entry, false, nil
	}
	return entry, true, err
}

// undoChoice is the page on which one chooses what to take back.
func (w *Web) undoChoice(c *gin.Context) error {
	v, err := w.look(c, "history", "history.title")
	if err != nil {
		return err
	}
	return w.undoPage(c, v, nil, nil)
}

// undoPage draws it, after a refusal with what was chosen.
func (w *Web) undoPage(c *gin.Context, v view, taken []string, refusal error) error {
	entry, err := w.Changes.Change(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	ways, err := w.Entries.Ways(c.Request.Context(), entry.ID)
	if err != nil {
		return err
	}
	p := page.Undo{Shell: v.Shell, ID: entry.ID, Summary: summaryText(v.L, entry.Summary), Reason: c.PostForm("reason")}
	p.Title = v.L.T("undo.title")
	status := http.StatusOK
	if refusal != nil {
		p.Problem, status = refusal.Error(), statusOf(refusal)
	}
	for _, each := range ways {
		o := page.UndoObject{Path: each.Object.Path(), Name: each.Object.String(), Version: each.Version, By: each.By}
		for _, f := range each.Fields {
			who := map[[2]bool]string{{true, false}: "clean", {false, true}: "foreign"}[[2]bool{f.Clean, f.Foreign}]
			if who == "" {
				who = "both"
			}
			chosen := f.Clean && !f.Foreign
			if refusal != nil {
				chosen = slices.Contains(taken, o.Path+":"+f.Field)
			}
			o.Fields = append(o.Fields, page.UndoField{
				Name: f.Field, Base: f.Base, Theirs: f.Theirs, Yours: f.Yours, Who: v.L.T("undo.who." + who), Taken: chosen,
			})
		}
		p.Objects = append(p.Objects, o)
	}
	return w.render(c, status, page.UndoPage(p))
}

// undoFields takes back what was chosen.
func (w *Web) undoFields(c *gin.Context) error {
	v, err := w.look(c, "history", "history.title")
	if err != nil {
		return err
	}
	id := c.Param("id")
	taken := c.PostFormArray("take")
	picks := picksOf(c, taken)
	by := change.By{Author: author(c), Reason: strings.TrimSpace(c.PostForm("reason"))}
	entry, err := w.Entries.UndoFields(c.Request.Context(), id, by, picks)
	if _, held := change.HeldBack(err); held {
		return w.proposed(c, err)
	}
	switch mesh.CodeOf(err) {
	case "":
	case mesh.Invalid, mesh.Conflict:
		return w.undoPage(c, v, taken, err)
	default:
		return err
	}
	c.Redirect(http.StatusSeeOther, w.frame(c, "history", "").ChangeHref(entry.ID))
	return nil
}

// picksOf reads the objects of a form, with the version that was seen and the fields that were ticked.
func picksOf(c *gin.Context, taken []string) (picks []change.Pick) {
	for name, values := range c.Request.PostForm {
		path, ok := strings.CutPrefix(name, "seen.")
		kind, object, whole := strings.Cut(path, "/")
		if !ok || !whole || len(values) == 0 {
			continue
		}
		pick := change.Pick{Object: mesh.Ref{Kind: mesh.Kind(kind), Name: object}}
		pick.Version, _ = strconv.ParseInt(values[0], 10, 64)
		for _, each := range taken {
			if field, mine := strings.CutPrefix(each, path+":"); mine {
				pick.Fields = append(pick.Fields, field)
			}
		}
		picks = append(picks, pick)
	}
	return picks
}
