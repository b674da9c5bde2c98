package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// Proposals reads what waits for a second person; the change door does.
type Proposals interface {
	// Approval gives one; mesh.NotFound when there is none.
	Approval(ctx context.Context, id string) (change.Approval, error)
	// Approvals finds them, newest first.
	Approvals(ctx context.Context, q change.ApprovalQuery) ([]change.Approval, error)
	// MayApprove says why whoever the context names cannot approve one.
	MayApprove(ctx context.Context, a change.Approval) error
}

// Decisions decides about them; the change door does.
type Decisions interface {
	// Approve makes the change, or with DryRun only says what it would be.
	Approve(ctx context.Context, id string, by change.By) (change.Change, error)
	// Decline says no, with the reason.
	Decline(ctx context.Context, id string, by change.By) (change.Approval, error)
	// Withdraw takes it back for whoever proposed it.
	Withdraw(ctx context.Context, id string, by change.By) (change.Approval, error)
}

// proposalsShown is how many proposals their page shows.
const proposalsShown = 200

const proposalPath = "/proposals/:id"

// proposalRoutes are the addresses of what waits for a second person, and of the rule that has it wait.
func (w *Web) proposalRoutes() []route {
	return []route{
		{http.MethodGet, "/proposals", see, w.proposals},
		{http.MethodGet, proposalPath, seeProposal, w.proposalPage},
		{http.MethodPost, proposalPath, steerProposal, w.decide},
		{http.MethodPost, "/settings/approval", steer, w.withApproval(w.review)},
		{http.MethodGet, "/settings/approval", see, w.backToSettings},
		{http.MethodPost, "/settings/approval/apply", steer, w.once(w.withApproval(w.apply))},
		{http.MethodGet, "/settings/approval/apply", see, w.backToSettings},
	}
}

// proposal is the one that an address names.
func (w *Web) proposal(c *gin.Context) (change.Approval, error) {
	if w.Proposals == nil {
		return change.Approval{}, mesh.Errorf(mesh.NotFound, "there is no proposal %q", shorten(c.Param("id")))
	}
	return w.Proposals.Approval(c.Request.Context(), c.Param("id"))
}

// asked are the proposals that every page tells of: those that wait, but the one that it is about. Without the rule none do,
// and nothing is looked up.
func (w *Web) asked(c *gin.Context, s page.Shell) (list []page.ProposalLine) {
	if w.Proposals == nil || s.Mesh == "" || strings.HasPrefix(c.FullPath(), "/proposals") {
		return nil
	}
	current, err := w.Meshes.Mesh(s.Mesh)
	if err != nil || !current.Mesh.Approval.Required() {
		return nil
	}
	found, err := w.Proposals.Approvals(c.Request.Context(), change.ApprovalQuery{Mesh: s.Mesh, State: change.ApprovalWaiting})
	if err != nil {
		w.Logger.Warn("what waits for a second person cannot be read", "mesh", s.Mesh, "error", err)
		return nil
	}
	for _, a := range found {
		list = append(list, proposalLine(s, a))
	}
	return list
}

func proposalLine(s page.Shell, a change.Approval) page.ProposalLine {
	line := page.ProposalLine{
		ID: a.ID, Summary: summaryText(s.L, a.Summary), Author: a.Author, Reason: a.Reason, State: string(a.State), DecidedBy: a.DecidedBy,
		Ago: s.Ago(a.At), Moment: s.L.Moment(a.At), ISO: a.At.UTC().Format(time.RFC3339),
	}
	if a.State == change.ApprovalWaiting {
		line.Left, line.Expires = s.L.Age(a.Expires.Sub(s.Now)), a.Expires.UTC().Format(time.RFC3339)
	}
	return line
}

// proposals lists what waits, and what was decided lately.
func (w *Web) proposals(c *gin.Context) error {
	v, err := w.look(c, "history", "approval.list.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.Proposals{Shell: v.Shell, Required: v.current.Mesh.Approval.Required()}
	var found []change.Approval
	if w.Proposals != nil {
		if found, err = w.Proposals.Approvals(c.Request.Context(), change.ApprovalQuery{Mesh: v.Mesh, Limit: proposalsShown}); err != nil {
			return err
		}
	}
	for _, a := range found {
		if a.State == change.ApprovalWaiting {
			p.Waiting = append(p.Waiting, proposalLine(v.Shell, a))
		} else {
			p.Decided = append(p.Decided, proposalLine(v.Shell, a))
		}
	}
	return w.render(c, http.StatusOK, page.ProposalsPage(p))
}

// proposalPage shows one, with what it would do now.
func (w *Web) proposalPage(c *gin.Context) error { return w.showProposal(c, nil) }

// showProposal draws it, after a refusal of what somebody wanted done about it.
func (w *Web) showProposal(c *gin.Context, refused error) error {
	a, err := w.proposal(c)
	if err != nil {
		return err
	}
	v, err := w.look(c, "history", "approval.list.title")
	if err != nil {
		return err
	}
	if a.Mesh != v.Mesh && slices.Contains(v.Meshes, a.Mesh) && c.Request.Method == http.MethodGet {
		query := c.Request.URL.Query()
		query.Set("mesh", a.Mesh)
		c.Redirect(http.StatusSeeOther, c.Request.URL.EscapedPath()+"?"+query.Encode())
		return nil
	}
	p := page.Proposal{
		Shell: v.Shell, Line: proposalLine(v.Shell, a), Diff: a.Diff, Note: a.Note, Change: a.Change, Override: a.Override,
		Command: "weir approve " + a.ID,
	}
	who, _ := auth.From(c.Request.Context())
	p.Own = who.Person != "" && who.Person == a.Person
	p.Title = p.Line.Summary
	if d, err := time.ParseDuration(a.ConfirmWithin); err == nil {
		p.Within = v.L.Age(d)
	}
	for _, ref := range a.Objects {
		p.Objects = append(p.Objects, page.Link{Text: ref.String(), Href: v.objectHref(ref)})
	}
	if a.DecidedAt != nil {
		p.Decided = v.L.Moment(*a.DecidedAt)
	}
	status := http.StatusOK
	if refused != nil {
		p.Problem, status = refused.Error(), statusOf(refused)
	}
	if a.State == change.ApprovalWaiting {
		w.foreseeProposal(c, v, a, &p)
	}
	return w.render(c, status, page.ProposalPage(p))
}

// foreseeProposal says what a proposal that waits would do now, and who may let it.
func (w *Web) foreseeProposal(c *gin.Context, v view, a change.Approval, p *page.Proposal) {
	ctx := c.Request.Context()
	if err := w.Proposals.MayApprove(ctx, a); err != nil {
		p.Refusal = err.Error()
		switch {
		case p.Own:
			p.Refusal = v.L.T("approval.own")
		case mesh.CodeOf(auth.Can(ctx, auth.Steer, auth.Resource{Mesh: a.Mesh})) == mesh.Denied:
			p.DeclineNo = p.Refusal
		}
	}
	dry, err := w.Decisions.Approve(ctx, a.ID, change.By{DryRun: true})
	switch {
	case err == nil:
		p.Forecast, p.Rails = v.forecast(dry.Plan), railsOf(dry.Breaches)
	case mesh.CodeOf(err) != mesh.Denied: // who may not make the change is told so beside the button
		p.Obstacle = err.Error()
	}
}

// decide does what somebody wants done about a proposal.
func (w *Web) decide(c *gin.Context) error {
	ctx, id := c.Request.Context(), c.Param("id")
	if w.Decisions == nil {
		return mesh.Errorf(mesh.NotFound, "there is no proposal %q", shorten(id))
	}
	by := change.By{Author: author(c), Reason: strings.TrimSpace(c.PostForm("reason"))}
	to := w.frame(c, "history", "").ProposalHref(id)
	var err error
	switch c.PostForm("do") {
	case "approve":
		var entry change.Change
		if entry, err = w.Decisions.Approve(ctx, id, by); err == nil {
			to = w.frame(c, "history", "").ChangeHref(entry.ID)
		}
	case "decline":
		_, err = w.Decisions.Decline(ctx, id, by)
	case "withdraw":
		_, err = w.Decisions.Withdraw(ctx, id, by)
	default:
		err = mesh.Errorf(mesh.Invalid, "proposal %s: the form's field do is approve, decline or withdraw", shorten(id))
	}
	switch mesh.CodeOf(err) {
	case "":
		c.Redirect(http.StatusSeeOther, to)
		return nil
	case mesh.Invalid, mesh.Conflict, mesh.Denied:
		return w.showProposal(c, err)
	}
	return err
}

// proposed leads to what waits for a second person instead of a change; any other error is given back.
func (w *Web) proposed(c *gin.Context, err error) error {
	waits, held := change.HeldBack(err)
	if !held {
		return err
	}
	c.Redirect(http.StatusSeeOther, w.frame(c, "history", "").ProposalHref(waits.Waits.ID))
	return nil
}

// secondOn tells on a review that the change will wait for a second person.
func (w *Web) secondOn(c *gin.Context, v view, dry change.Change, s signature, f *page.ReviewForm) {
	if dry.State != change.Waiting {
		return
	}
	f.Second, f.Apply, f.Emergency = true, v.L.T("approval.propose"), s.emergency
	f.EmergencyNo = refusal(c, auth.Govern, v.Mesh)
	if s.emergencyError != "" {
		f.EmergencyError = v.L.T(s.emergencyError, "most", maxReason)
	}
}

// refusal is why the reader may not do something with a mesh, "" when they may.
func refusal(c *gin.Context, verb auth.Verb, name string) string {
	if err := auth.Can(c.Request.Context(), verb, auth.Resource{Mesh: name}); err != nil {
		return err.Error()
	}
	return ""
}

// withApproval reads the form of the rule, and does something with the draft.
func (w *Web) withApproval(do func(*gin.Context, view, draft) error) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "settings", "settings.title")
		if err != nil {
			return err
		}
		if v.Mesh == "" {
			return w.welcome(c, v)
		}
		read, err := version(c)
		if err != nil {
			return err
		}
		s := v.current.Mesh.Settings()
		s.Approval = mesh.Approval(c.PostForm("approval"))
		if s.Approval != mesh.ApprovalRequired && s.Approval != mesh.ApprovalNone {
			return mesh.Errorf(mesh.Invalid, "the form's field approval is %s or %s", mesh.ApprovalRequired, mesh.ApprovalNone)
		}
		words := map[bool][2]string{true: {"approval.setting.starts", "approval.setting.apply.on"}, false: {"approval.setting.stops", "approval.setting.apply.off"}}[s.Approval.Required()]
		d := draft{
			ref: s.Ref(), version: read, after: s, path: "/settings/approval", stands: true,
			fields: []page.Field{{Name: "approval", Value: string(s.Approval)}},
		}
		d.describe = func(r *page.Review) {
			r.Sentences, r.Unplugged, r.Back = []string{v.L.T(words[0], "mesh", v.Mesh)}, true, v.L.T("settings.title")
			r.Form.Apply, r.Form.Cancel = v.L.T(words[1]), v.Href("/settings")
		}
		d.again = func(refusal error) error { return refusal }
		return do(c, v, d)
	}
}

// backToSettings leads from an address that only takes forms to the page with the form.
func (w *Web) backToSettings(c *gin.Context) error {
	c.Redirect(http.StatusSeeOther, w.frame(c, "settings", "").Href("/settings"))
	return nil
}
