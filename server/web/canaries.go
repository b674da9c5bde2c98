package web

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// Rollouts starts rollouts and reads them; canary.Controller does.
type Rollouts interface {
	Start(ctx context.Context, meshName string, s canary.Spec, by canary.By) (canary.Rollout, error)
	Get(ctx context.Context, id string) (canary.Rollout, error)
	List(ctx context.Context, q canary.Query) ([]canary.Rollout, error)
	// Holds says which active rollout moves the weights of a route or of a split.
	Holds(meshName string, ref mesh.Ref) (rollout string, ok bool)
}

// RolloutVerbs steers rollouts; canary.Controller does.
type RolloutVerbs interface {
	Do(ctx context.Context, v canary.Verb, id string, by canary.By) (canary.Rollout, error)
	// Fits lists the verbs that fit where a rollout stands.
	Fits(ctx context.Context, id string) ([]canary.Verb, error)
}

// canariesPage is how many rollouts one page lists.
const canariesPage = 30

func (w *Web) canaries(c *gin.Context) error {
	v, err := w.look(c, "canaries", "canaries.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.Canaries{Shell: v.Shell, Off: w.Rollouts == nil}
	if p.Off {
		return w.render(c, http.StatusOK, page.CanariesPage(p))
	}
	list, err := w.Rollouts.List(c.Request.Context(), canary.Query{Mesh: v.Mesh, Before: c.Query("before"), Limit: canariesPage + 1})
	if err != nil {
		return err
	}
	if len(list) > canariesPage {
		list = list[:canariesPage]
		p.Older = v.With("before", list[canariesPage-1].ID)
	}
	if c.Query("before") != "" {
		p.Newest = v.Without("before")
	}
	for _, r := range list {
		if r.Active() {
			p.Active = append(p.Active, v.rolloutRow(r))
		} else {
			p.Past = append(p.Past, v.rolloutRow(r))
		}
	}
	return w.render(c, http.StatusOK, page.CanariesPage(p))
}

// activeRollouts are those under way, for other pages; none where they cannot be read, which their own page says.
func (w *Web) activeRollouts(c *gin.Context, v view) []page.RolloutRow {
	if w.Rollouts == nil || v.Mesh == "" {
		return nil
	}
	list, err := w.Rollouts.List(c.Request.Context(), canary.Query{Mesh: v.Mesh, Active: true, Limit: canariesPage})
	if err != nil {
		w.Logger.WarnContext(c.Request.Context(), "page without rollouts", "err", err)
		return nil
	}
	var rows []page.RolloutRow
	for _, r := range list {
		rows = append(rows, v.rolloutRow(r))
	}
	return rows
}

// heldBy is the rollout that moves an object's weights; no name: none does.
func (w *Web) heldBy(v view, ref mesh.Ref) component.LinkTo {
	if w.Rollouts == nil {
		return component.LinkTo{}
	}
	id, ok := w.Rollouts.Holds(v.Mesh, ref)
	if !ok {
		return component.LinkTo{}
	}
	return component.LinkTo{Name: id, Href: v.RolloutHref(id)}
}

func (v view) rolloutRow(r canary.Rollout) page.RolloutRow {
	row := page.RolloutRow{
		ID: r.ID, Target: component.LinkTo{Name: r.Spec.Target.Name, Href: v.objectHref(r.Spec.Target)},
		Stable: r.Spec.Stable, Canary: r.Spec.Canary, Phase: string(r.Phase), Waits: r.Gate && !r.Phase.Over(), Weight: v.L.Percent(r.Weight),
		Steps: v.stepMarks(r), Done: min(r.Step, len(r.Spec.Steps)), All: len(r.Spec.Steps),
		Began: v.When(r.At), BeganISO: page.ISO(r.At), BeganAgo: v.Ago(r.At), Author: r.Author, Reason: r.Reason, Attempt: r.Attempt,
		Why: v.why(r),
	}
	verdict := r.Analysis.Verdict
	row.Abort, row.Advance = v.gauge(verdict.Windows, verdict.Abort, verdict.Bound), v.gauge(verdict.Windows, verdict.Advance, verdict.Bound)
	return row
}

// gauge is how much of its bound an evidence has reached; both are logarithms, as people compare them.
func (v view) gauge(windows int, log, bound float64) page.EvidenceGauge {
	if windows == 0 || bound <= 0 {
		return page.EvidenceGauge{}
	}
	return page.EvidenceGauge{
		Known: true, Part: max(0, min(1, log/bound)), Words: v.L.T("canaries.of", "e", eText(log), "bound", eText(bound)),
	}
}

// eText writes an e-value by its natural logarithm: "0.03", "47", "10^8".
func eText(log float64) string {
	switch {
	case math.IsNaN(log):
		return "–"
	case log >= math.Log(1e6):
		return "10^" + strconv.Itoa(int(math.Floor(log/math.Ln10)))
	case log < math.Log(0.001):
		return "<0.001"
	}
	e := math.Exp(log)
	decimals := 0
	for limit := 10.0; e < limit && decimals < 3; limit /= 10 {
		decimals++
	}
	text := strconv.FormatFloat(e, 'f', decimals, 64)
	if whole, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(whole, 'f', -1, 64)
	}
	return text
}

// stepMarks are the steps of a rollout and where each stands.
func (v view) stepMarks(r canary.Rollout) []page.StepMark {
	marks := make([]page.StepMark, len(r.Spec.Steps))
	for i, s := range r.Spec.Steps {
		marks[i] = page.StepMark{Text: v.rolloutStep(s), State: "next"}
		switch {
		case i < r.Step || r.Phase == canary.Succeeded:
			marks[i].State = "done"
		case i == r.Step && r.Phase == canary.Aborted && r.ID != "":
			marks[i].State = "stopped"
		case i == r.Step && r.Active() && r.Phase != canary.Pending && r.ID != "":
			marks[i].State = "now"
		}
	}
	return marks
}

func (v view) rolloutStep(s canary.Step) string {
	switch {
	case s.SetWeight != nil:
		return v.L.Percent(*s.SetWeight)
	case s.Analysis != nil:
		return v.L.T("canaries.step.analysis")
	case s.Pause != nil && s.Pause.Duration > 0:
		return v.L.T("canaries.step.pause", "time", v.L.Length(duration(s.Pause.Duration)))
	}
	return v.L.T("canaries.step.gate")
}
