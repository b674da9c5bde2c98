package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// rolloutOf reads the rollout that an address names, in its own mesh. ok is false when the answer has been given.
func (w *Web) rolloutOf(c *gin.Context) (v view, r canary.Rollout, ok bool, err error) {
	if v, err = w.look(c, "canaries", "canaries.title"); err != nil {
		return v, r, false, err
	}
	if w.Rollouts == nil {
		return v, r, false, mesh.Errorf(mesh.NotFound, "rollout %s: this server carries out no rollouts", shorten(c.Param("id")))
	}
	if r, err = w.Rollouts.Get(c.Request.Context(), c.Param("id")); err != nil {
		return v, r, false, err
	}
	if r.Mesh != v.Mesh && slices.Contains(v.Meshes, r.Mesh) && c.Request.Method == http.MethodGet {
		query := c.Request.URL.Query()
		query.Set("mesh", r.Mesh)
		c.Redirect(http.StatusSeeOther, c.Request.URL.EscapedPath()+"?"+query.Encode())
		return v, r, false, nil
	}
	return v, r, true, nil
}

func (w *Web) rollout(c *gin.Context) error {
	v, r, ok, err := w.rolloutOf(c)
	if err != nil || !ok {
		return err
	}
	p := page.Rollout{
		Shell: v.Shell, Row: v.rolloutRow(r), Running: r.Active(), Facts: v.rolloutFacts(r), Plot: evidencePlot(r.Analysis.Verdict),
		Arms: v.arms(r), Notes: r.Notes, Action: v.RolloutHref(r.ID), Twins: verbTwins(r, "status", ""),
	}
	p.Title = v.L.T("canaries.row", "canary", r.Spec.Canary, "target", r.Spec.Target.Name)
	for _, m := range r.Analysis.Checks {
		p.Checks = append(p.Checks, v.checkRow(r, m))
	}
	for _, h := range r.Hooks {
		p.Hooks = append(p.Hooks, page.HookRow{Name: h.Name, Type: h.Type, Message: h.Message, Ago: v.Ago(h.At), OK: h.OK})
	}
	for _, id := range slices.Backward(r.Changes) {
		entry, err := w.Changes.Change(c.Request.Context(), id)
		if err != nil {
			w.Logger.WarnContext(c.Request.Context(), "a change of a rollout cannot be read", "rollout", r.ID, "change", id, "err", err)
			continue
		}
		p.Changes = append(p.Changes, v.changeLine(entry))
	}
	p.Verbs = w.verbsOf(c.Request.Context(), v, r)
	fits := func(verb canary.Verb) bool {
		return slices.Contains(p.Verbs, page.RolloutVerb{Verb: string(verb)})
	}
	p.Railed = r.Cause == canary.CauseGuard
	p.CanOverride = p.Railed || fits(canary.VerbResume) || fits(canary.VerbRetry)
	if p.Running {
		p.Refresh = watchEvery
	}
	return w.render(c, http.StatusOK, page.RolloutPage(p))
}

func (v view) checkRow(r canary.Rollout, m canary.Measured) page.CheckRow {
	row := page.CheckRow{Name: m.Name, Value: "–", Message: m.Message, Ago: v.Ago(m.At), OK: m.OK}
	number := func(n float64) string { return strconv.FormatFloat(n, 'g', 4, 64) }
	if m.Value != nil {
		row.Value = number(*m.Value)
	}
	for _, check := range r.Spec.Analysis.Metrics {
		if check.Name != m.Name {
			continue
		}
		low, high := "", ""
		if check.Min != nil {
			low = "≥ " + number(*check.Min)
		}
		if check.Max != nil {
			high = "≤ " + number(*check.Max)
		}
		row.Bounds = strings.TrimSpace(low + " " + high)
	}
	return row
}

// verb applies a verb to a rollout.
func (w *Web) verb(ctx context.Context, v canary.Verb, id string, by canary.By) error {
	if !slices.Contains(canary.Verbs(), v) {
		var names []string
		for _, each := range canary.Verbs() {
			names = append(names, string(each))
		}
		return mesh.Errorf(mesh.Invalid, "rollout %s: the form's field do is one of %s", id, strings.Join(names, ", "))
	}
	_, err := w.RolloutVerbs.Do(ctx, v, id, by)
	return err
}

// verbsOf are the buttons of a rollout; those of verbs that do not fit where it stands say so.
func (w *Web) verbsOf(ctx context.Context, v view, r canary.Rollout) []page.RolloutVerb {
	fit, err := w.RolloutVerbs.Fits(ctx, r.ID)
	if err != nil {
		w.Logger.WarnContext(ctx, "the verbs of a rollout cannot be read", "rollout", r.ID, "err", err)
	}
	var list []page.RolloutVerb
	for _, each := range canary.Verbs() {
		verb := page.RolloutVerb{Verb: string(each)}
		if !slices.Contains(fit, each) {
			verb.Why = v.L.T("canaries.cannot." + verb.Verb)
		}
		list = append(list, verb)
	}
	return list
}

// steer applies a verb. What moves all the traffic is reviewed first.
func (w *Web) steer(c *gin.Context) error {
	v, r, ok, err := w.rolloutOf(c)
	if err != nil || !ok {
		return err
	}
	verb := canary.Verb(c.PostForm("do"))
	by := canary.By{Author: author(c), Reason: strings.TrimSpace(c.PostForm("reason")), Override: strings.TrimSpace(c.PostForm("override"))}
	if utf8.RuneCountInString(by.Reason) > maxReason || utf8.RuneCountInString(by.Override) > maxReason {
		return mesh.Errorf(mesh.Invalid, "%s", v.L.T("review.reason.long", "most", maxReason))
	}
	if (verb == canary.VerbPromote || verb == canary.VerbAbort) && (c.PostForm("sure") == "" || c.Query("again") != "") {
		return w.reviewVerb(c, v, r, verb, by)
	}
	if err := w.verb(c.Request.Context(), verb, r.ID, by); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, v.RolloutHref(r.ID))
	return nil
}

// reviewVerb shows what promoting or aborting does before it is done.
func (w *Web) reviewVerb(c *gin.Context, v view, r canary.Rollout, verb canary.Verb, by canary.By) error {
	dry := by
	dry.DryRun = true
	if err := w.verb(c.Request.Context(), verb, r.ID, dry); err != nil {
		return err
	}
	to, heir := 100, r.Spec.Canary
	if verb == canary.VerbAbort {
		to, heir = 0, r.Spec.Stable
	}
	rate := v.nodes[r.Spec.Stable].RequestRate + v.nodes[r.Spec.Canary].RequestRate
	p := page.RolloutReview{
		Shell: v.Shell, Heading: v.L.T("canaries.review."+string(verb), "canary", r.Spec.Canary), Action: v.RolloutHref(r.ID),
		Hidden: []page.Field{{Name: "do", Value: string(verb)}, {Name: "sure", Value: "1"}}, Danger: verb == canary.VerbAbort, Reason: by.Reason, Override: by.Override,
		Cancel: component.LinkTo{Name: v.L.T("canaries.back"), Href: v.RolloutHref(r.ID)},
		Apply:  v.L.T("split.apply", "share", v.L.Percent(100), "node", heir),
		Before: v.armSegments(r, r.Weight), After: v.armSegments(r, to), Twins: verbTwins(r, string(verb), by.Reason),
		Sentences: []string{
			v.L.T("canaries.review.sentence", "canary", r.Spec.Canary, "before", v.L.Percent(r.Weight), "after", v.L.Percent(to), "rate", v.L.Number(moved(r.Weight, to)*rate)),
			v.L.T("canaries.review." + string(verb) + ".about"),
		},
	}
	p.Title = p.Heading
	p.Resend = page.Resend{Form: "rollout-review", Action: v.Href("/canaries/"+url.PathEscape(r.ID), "again", "1")}
	return w.render(c, http.StatusOK, page.RolloutReviewPage(p))
}

// moved is the part of the traffic that changes sides.
func moved(before, after int) float64 { return float64(max(before-after, after-before)) / 100 }

func (v view) armSegments(r canary.Rollout, percent int) []component.Segment {
	return []component.Segment{
		{Name: r.Spec.Stable, Share: 1 - float64(percent)/100, Label: v.L.Percent(100 - percent), Series: 0},
		{Name: r.Spec.Canary, Share: float64(percent) / 100, Label: v.L.Percent(percent), Series: 1},
	}
}

// verbTwins is how a rollout is read or steered without the console.
func verbTwins(r canary.Rollout, verb, reason string) page.Equivalents {
	id := url.PathEscape(r.ID)
	if verb == "status" {
		return page.Equivalents{
			CLI:  "weir canary status " + page.ShellWord(r.ID) + " --follow",
			Curl: fmt.Sprintf("curl \"$WEIR_URL/api/v1/canaries/%s\"", id),
		}
	}
	words := []string{"weir", "canary", verb, page.ShellWord(r.ID)}
	query := ""
	if reason != "" {
		words = append(words, "--reason", page.ShellWord(reason))
		query = "?reason=" + url.QueryEscape(reason)
	}
	return page.Equivalents{
		CLI:  strings.Join(words, " "),
		Curl: fmt.Sprintf("curl -X POST \"$WEIR_URL/api/v1/canaries/%s/%s%s\"", id, verb, query),
	}
}
