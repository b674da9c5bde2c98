package web

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

const (
	maxReason      = 1000
	defaultConfirm = "60s"
	maxConfirm     = 24 * time.Hour
)

// draft is an object as somebody wants it, on its way from a form over the review to the door.
type draft struct {
	ref     mesh.Ref
	version int64 // that was read
	current int64 // of now, where it is not the object's own; zero: it is
	after   mesh.Object
	patch   mesh.Patch         // instead of after, when the draft is more than one object or takes one away
	base    map[mesh.Ref]int64 // with patch
	place   desk.Place
	path    string       // of the form; the review leads to path/apply
	route   string       // the route that the page of the form has to show; "": the one it shows anyway
	fields  []page.Field // the draft's own, carried along
	rows    []page.ConflictRow
	stands  bool // it need not be kept: it changes what is shown, and no traffic

	// describe puts the draft into words on the review page.
	describe func(r *page.Review)
	// again shows the form with the draft in it and what is wrong with it.
	again func(refusal error) error
}

// proposal is what a draft asks of the door.
func (d draft) proposal(v view, author, reason string) change.Proposal {
	p := change.Proposal{Mesh: v.Mesh, Author: author, Reason: reason, Patch: d.patch, Base: d.base}
	if d.after != nil {
		p.Patch, p.Base = mesh.Patch{Put: []mesh.Object{d.after}}, map[mesh.Ref]int64{d.ref: d.version}
	}
	return p
}

// signature is what somebody says about a change while reviewing it.
type signature struct {
	reason, confirmWithin string
	override              string // the reason for going over what stands in the way; "": nothing is gone over
	within                time.Duration
	reasonError           string // keys of the catalogue
	confirmError          string
	refused               bool   // the door did not take it, and the review says why
	key                   string // makes applying twice do it once
	overrideError         string
	emergency             string // the reason for not waiting for a second person; "": it waits
	emergencyError        string
}

func readSignature(c *gin.Context) signature {
	s := signature{reason: strings.TrimSpace(c.PostForm("reason")), confirmWithin: c.PostForm("confirmWithin"), key: c.PostForm("key")}
	s.override = strings.TrimSpace(c.PostForm("override"))
	if utf8.RuneCountInString(s.reason) > maxReason {
		s.reasonError = "review.reason.long"
	}
	if s.override = strings.TrimSpace(c.PostForm("override")); utf8.RuneCountInString(s.override) > maxReason {
		s.overrideError = "rails.override.long"
	}
	if s.emergency = strings.TrimSpace(c.PostForm("emergency")); utf8.RuneCountInString(s.emergency) > maxReason {
		s.emergencyError = "approval.emergency.long"
	}
	if s.confirmWithin != "" {
		var err error
		if s.within, err = time.ParseDuration(s.confirmWithin); err != nil || s.within <= 0 || s.within > maxConfirm {
			s.confirmError = "review.confirm.error"
		}
	}
	return s
}

// review shows what a draft would do. Nothing is recorded.
func (w *Web) review(c *gin.Context, v view, d draft) error {
	if err := w.keepFor(c, v, d); err != nil {
		return err
	}
	s := signature{reason: c.PostForm("reason"), confirmWithin: defaultConfirm, key: rand.Text()}
	if d.stands {
		s.confirmWithin = ""
	}
	if chosen, ok := c.GetPostForm("confirmWithin"); ok {
		s.confirmWithin = chosen
	}
	return w.reviewWith(c, v, d, s)
}

func (w *Web) reviewWith(c *gin.Context, v view, d draft, s signature) error {
	p := d.proposal(v, author(c), s.reason)
	p.DryRun = true
	dry, err := change.Change{}, change.ErrUnchanged
	if d.after != nil || len(p.Patch.Put)+len(p.Patch.Delete) > 0 {
		dry, err = w.Changes.Propose(c.Request.Context(), p)
	}
	if err != nil && !errors.Is(err, change.ErrUnchanged) {
		return w.refused(c, v, d, err)
	}
	r := page.Review{Shell: v.Shell, Title: d.ref.Name, Diff: dry.Diff, Nothing: err != nil || dry.Diff == "", Form: v.reviewForm(d, s)}
	r.Form.Hidden = append(append(r.Form.Hidden, carried(c)...), page.Field{Name: "key", Value: s.key})
	r.Forecast = v.forecast(dry.Plan)
	r.Form.Blocked, r.Form.Override = len(dry.Plan.Refused()) > 0 || len(dry.Breaches) > 0, s.override
	r.Form.Rails = railsOf(dry.Breaches)
	w.aroundReview(c, v, d, &r)
	r.Shell.Title = r.Review()
	d.describe(&r)
	w.secondOn(c, v, dry, s, &r.Form)
	status := http.StatusOK
	if s.wrong() || s.refused {
		status = http.StatusUnprocessableEntity
	}
	return w.render(c, status, page.ReviewPage(r))
}

func (v view) reviewForm(d draft, s signature) page.ReviewForm {
	f := page.ReviewForm{
		Action: v.Href(d.path + "/apply"), Cancel: v.Href(d.path, "route", d.route), Hidden: slices.Clone(d.fields),
		Reason: s.reason, ConfirmWithin: s.confirmWithin,
	}
	f.Hidden = append(f.Hidden, page.Field{Name: "version", Value: strconv.FormatInt(d.version, 10)})
	if s.reasonError != "" {
		f.ReasonError = v.L.T(s.reasonError, "most", maxReason)
	}
	f.Override = s.override
	if s.overrideError != "" {
		f.OverrideError = v.L.T(s.overrideError, "most", maxReason)
	}
	if s.confirmError != "" {
		f.ConfirmError = v.L.T(s.confirmError)
	}
	return f
}

// applied leads to the change that a form has made already, so that a second click, or a page that was gone back to, does
// not ask for something that is no longer there. ok is false when its key has made none.
func (w *Web) applied(c *gin.Context) (ok bool, err error) {
	key := c.PostForm("key")
	if key == "" {
		return false, nil
	}
	made, err := w.Changes.Changes(c.Request.Context(), change.Query{Key: key, Limit: 1})
	if err != nil || len(made) == 0 {
		return false, err
	}
	to := "/history/" + url.PathEscape(made[0].ID)
	if name := c.Query("mesh"); name != "" {
		to += "?mesh=" + url.QueryEscape(name)
	}
	c.Redirect(http.StatusSeeOther, to)
	return true, nil
}

// once makes a handler that applies a form answer the second time as it did the first.
func (w *Web) once(h handler) handler {
	return func(c *gin.Context) error {
		if done, err := w.applied(c); done || err != nil {
			return err
		}
		return h(c)
	}
}

// apply records a draft and leads to the page that watches it.
func (w *Web) apply(c *gin.Context, v view, d draft) error {
	s := readSignature(c)
	if s.wrong() {
		return w.reviewWith(c, v, d, s)
	}
	p := d.proposal(v, author(c), s.reason)
	p.ConfirmWithin, p.IdempotencyKey, p.Override, p.Emergency = s.within, s.key, s.override, s.emergency
	if d.after == nil && len(p.Patch.Put)+len(p.Patch.Delete) == 0 {
		return w.reviewWith(c, v, d, s)
	}
	made, err := w.Changes.Propose(c.Request.Context(), p)
	if errors.Is(err, change.ErrGuarded) {
		s.overrideError = "rails.override.missing"
	}
	s.refused = errors.Is(err, change.ErrProxyRefuses) || errors.Is(err, change.ErrGuarded)
	if s.refused || errors.Is(err, change.ErrUnchanged) {
		return w.reviewWith(c, v, d, s)
	}
	_, held := change.HeldBack(err)
	if err != nil && !held {
		return w.refused(c, v, d, err)
	}
	w.forget(c.Request.Context(), d.place, w.person(c, false))
	if held {
		return w.proposed(c, err)
	}
	c.Redirect(http.StatusSeeOther, v.ChangeHref(made.ID))
	return nil
}

// wrong tells whether something that was said about a change cannot be meant.
func (s signature) wrong() bool {
	return s.reasonError != "" || s.confirmError != "" || s.overrideError != "" || s.emergencyError != ""
}

// refused shows why the door did not take a draft, with the draft still there.
func (w *Web) refused(c *gin.Context, v view, d draft, refusal error) error {
	switch mesh.CodeOf(refusal) {
	case mesh.Conflict:
		return w.conflict(c, v, d, refusal)
	case mesh.Invalid:
		return d.again(refusal)
	}
	return refusal
}

// conflict shows what overtook a draft. The draft leads on to a review against what is in force now.
func (w *Web) conflict(c *gin.Context, v view, d draft, refusal error) error {
	status := http.StatusConflict
	if errors.Is(refusal, change.ErrStale) {
		status = http.StatusPreconditionFailed
	}
	s := signature{reason: strings.TrimSpace(c.PostForm("reason")), confirmWithin: c.PostForm("confirmWithin")}
	p := page.Conflict{Shell: v.Shell, What: d.ref.Name, Message: refusal.Error(), Rows: d.rows, Form: v.reviewForm(d, s)}
	p.Title = p.L.T("conflict.title", "what", p.What)
	p.Form.Action = v.Href(d.path)
	version := cmp.Or(d.current, v.current.Versions[d.ref])
	now := page.Field{Name: "version", Value: strconv.FormatInt(version, 10)}
	p.Form.Hidden = append(append(p.Form.Hidden[:len(p.Form.Hidden)-1], carried(c)...), now,
		page.Field{Name: "reason", Value: s.reason}, page.Field{Name: "confirmWithin", Value: s.confirmWithin},
		// Every row is meant as it stands: what nobody touched must not be rebalanced again.
		page.Field{Name: "exact", Value: "1"})
	if len(d.rows) > 0 {
		// The page shows what the two versions say: going on from it, the text is of the newer one.
		onTop(p.Form.Hidden, d.ref, version)
	}
	since, err := w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, Object: d.ref, Limit: 3})
	if err != nil {
		return err
	}
	for _, each := range since {
		p.Since = append(p.Since, v.changeLine(each))
	}
	return w.render(c, status, page.ConflictPage(p))
}

// touched lists the connected proxies of the given graph ids, as links.
func (v view) touched(ids map[string]bool) []component.LinkTo {
	var list []component.LinkTo
	for _, p := range v.proxies {
		id := p.Node
		if p.Gateway != "" {
			id = mesh.GatewayID(p.Gateway)
		}
		if connected(p) && ids[id] {
			list = append(list, component.LinkTo{Name: p.ID, Href: v.ProxyHref(p.ID)})
		}
	}
	return list
}

// backToForm leads from an address that only takes forms to the form.
func (w *Web) backToForm(c *gin.Context) error {
	path := c.Request.URL.EscapedPath()
	c.Redirect(http.StatusSeeOther, strings.TrimSuffix(strings.TrimSuffix(path, "/apply"), "/draft"))
	return nil
}

// version reads the version of an object that a form was drawn from.
func version(c *gin.Context) (int64, error) {
	n, err := strconv.ParseInt(c.PostForm("version"), 10, 64)
	if err != nil || n < 0 {
		return 0, mesh.Errorf(mesh.Invalid, "the form's version %.20q is not a number: load the page again", c.PostForm("version"))
	}
	return n, nil
}
