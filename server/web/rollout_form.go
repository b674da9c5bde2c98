package web

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// stepPresets are the lists of steps that people often take.
func stepPresets() []page.StepPreset {
	return []page.StepPreset{
		{Key: "usual", Steps: "5, analysis, 25, analysis, 50, analysis"},
		{Key: "careful", Steps: "1, analysis, 5, pause 10m, analysis, 10, analysis, 25, analysis, 50, pause, 75, analysis"},
		{Key: "quick", Steps: "10, analysis, 50, analysis"},
	}
}

// rolloutFields are the form's, in the order in which twins name them.
func rolloutFields() []string {
	return []string{"target", "stable", "canary", "preset", "steps", "alpha", "delta", "deadline", "interval", "minRequests", "tolerance", "ignoreLatency", "webhooks"}
}

func (w *Web) newRollout(c *gin.Context) error {
	v, err := w.look(c, "canaries", "canaries.new")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := w.rolloutForm(v, c.Query("target"))
	if p.Chosen != "" && len(p.Nodes) == 0 {
		return mesh.Errorf(mesh.NotFound, "%s: there is no such route or split in mesh %s", shorten(p.Chosen), v.Mesh)
	}
	for name, value := range map[string]string{"canary": c.Query("canary"), "stable": c.Query("stable")} {
		if slices.Contains(p.Nodes, value) {
			p.Values[name] = value
		}
	}
	return w.render(c, http.StatusOK, page.RolloutFormPage(p))
}

// rolloutTarget reads a target as the form names it.
func rolloutTarget(name string) mesh.Ref {
	if strings.Contains(name, "/") {
		return mesh.Ref{Kind: mesh.KindRoute, Name: name}
	}
	return mesh.Ref{Kind: mesh.KindSplit, Name: name}
}

// weighted are the targets of a route or of a split.
func (v view) weighted(ref mesh.Ref) []mesh.WeightedTarget {
	switch o, _ := v.current.Mesh.Get(ref); o := o.(type) {
	case mesh.Route:
		return o.Targets
	case mesh.Split:
		return o.Targets
	}
	return nil
}

// rolloutForm is the form as it is drawn first: without a target, what can be chosen.
func (w *Web) rolloutForm(v view, target string) page.RolloutForm {
	p := page.RolloutForm{
		Shell: v.Shell, Off: w.Rollouts == nil, Chosen: target, Action: v.Href("/canaries/new"), Presets: stepPresets(),
		Values: map[string]string{"preset": "usual"}, Errors: map[string]string{}, Defaults: v.rolloutDefaults(), Metrics: v.metricList(nil, nil),
	}
	if target == "" {
		p.Choices = w.rolloutChoices(v)
		return p
	}
	ref := rolloutTarget(target)
	p.Of = component.LinkTo{Name: target, Href: v.objectHref(ref)}
	p.Held = w.heldBy(v, ref)
	most := -1
	for _, t := range v.weighted(ref) {
		p.Nodes = append(p.Nodes, t.Node)
		if t.Weight > most {
			p.Values["stable"], most = t.Node, t.Weight
		}
	}
	for _, node := range p.Nodes {
		if node != p.Values["stable"] {
			p.Values["canary"] = node
		}
	}
	if len(p.Nodes) == 1 {
		p.Single = p.Nodes[0]
	}
	return p
}

// rolloutDefaults are what empty fields mean, as they would be typed.
func (v view) rolloutDefaults() map[string]string {
	d := judge.Defaults()
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return map[string]string{
		"alpha": percentText(d.Alpha), "delta": number(d.Delta), "deadline": "30m", "interval": "10s",
		"minRequests": number(d.MinRequests), "tolerance": percentText(d.Tolerance),
	}
}

// rolloutChoices are the routes and the splits of a mesh; a route that takes its targets from a split moves with it.
func (w *Web) rolloutChoices(v view) []page.RolloutChoice {
	var list []page.RolloutChoice
	add := func(ref mesh.Ref, router string, targets []mesh.WeightedTarget) {
		choice := page.RolloutChoice{
			Name: ref.Name, Href: v.Href("/canaries/new", "target", ref.Name), Held: w.heldBy(v, ref), Single: len(targets) < 2,
			Targets: v.segments(mesh.Route{Targets: targets}, nil),
		}
		for _, s := range v.current.Mesh.Services {
			if router != "" && s.Router == router {
				choice.Service = s.Name
			}
		}
		list = append(list, choice)
	}
	for _, s := range v.current.Mesh.Splits {
		add(s.Ref(), "", s.Targets)
	}
	for _, r := range v.current.Mesh.Routes {
		if r.Split == "" {
			add(r.Ref(), r.Router, r.Targets)
		}
	}
	slices.SortStableFunc(list, func(a, b page.RolloutChoice) int { // what can be rolled out first
		return len(b.Targets[:min(len(b.Targets), 2)]) - len(a.Targets[:min(len(a.Targets), 2)])
	})
	return list
}

// readRollout reads the form; what it cannot read is said beside its fields.
func (v view) readRollout(c *gin.Context) (s canary.Spec, values, wrong map[string]string) {
	values, wrong = make(map[string]string), make(map[string]string)
	for _, name := range rolloutFields() {
		values[name] = strings.TrimSpace(c.PostForm(name))
	}
	s = canary.Spec{Target: rolloutTarget(values["target"]), Stable: values["stable"], Canary: values["canary"]}
	steps := values["steps"]
	for _, preset := range stepPresets() {
		if preset.Key == values["preset"] {
			steps = preset.Steps
		}
	}
	var err error
	if s.Steps, err = canary.ParseSteps(strings.NewReplacer("\r\n", ",", "\n", ",").Replace(steps)); err != nil {
		wrong["steps"] = err.Error()
	} else if len(s.Steps) == 0 {
		wrong["steps"] = v.L.T("canaries.form.steps.none")
	}
	number := func(name string, into *float64, percent bool) {
		text := values[name]
		if text == "" {
			return
		}
		var ok bool
		if percent {
			*into, ok = parsePercent(text)
		} else {
			var err error
			*into, err = strconv.ParseFloat(text, 64)
			ok = err == nil
		}
		if !ok || !(*into > 0) {
			*into, wrong[name] = 0, v.L.T("canaries.form.number")
		}
	}
	length := func(name string, into *mesh.Duration) {
		if values[name] == "" {
			return
		}
		d, ok := parseDuration(values[name])
		if !ok || *d == 0 {
			wrong[name] = v.L.T("canaries.form.length")
			return
		}
		*into = *d
	}
	number("alpha", &s.Analysis.Judge.Alpha, true)
	number("delta", &s.Analysis.Judge.Delta, false)
	number("minRequests", &s.Analysis.Judge.MinRequests, false)
	number("tolerance", &s.Analysis.Judge.Tolerance, true)
	length("deadline", &s.Deadline)
	length("interval", &s.Analysis.Interval)
	s.Analysis.IgnoreLatency = values["ignoreLatency"] != ""
	s.Webhooks = readHooks(values["webhooks"])
	metrics := typedMetrics(c.Request.PostForm)
	s.Analysis.Metrics = v.readMetrics(metrics, wrong)
	maps.Copy(values, toMap(metrics))
	return s, values, wrong
}

// readHooks reads ADDRESS and TYPE=ADDRESS, one a line.
func readHooks(text string) []canary.Webhook {
	var hooks []canary.Webhook
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		kind, address, ok := strings.Cut(line, "=")
		if !ok || strings.Contains(kind, ":") {
			kind, address = canary.HookEvent, line
		}
		hooks = append(hooks, canary.Webhook{Name: kind + "-" + strconv.Itoa(len(hooks)+1), Type: kind, URL: strings.TrimSpace(address)})
	}
	return hooks
}

// fieldOfSpec is the form's field that a field of a spec is typed in.
func fieldOfSpec(field string) string {
	if name, ok := fieldOfMetric(field); ok {
		return name
	}
	switch {
	case strings.HasPrefix(field, "steps"):
		return "steps"
	case strings.HasPrefix(field, "webhooks"):
		return "webhooks"
	case strings.HasPrefix(field, "analysis."):
		field = field[strings.LastIndexByte(field, '.')+1:]
	}
	if slices.Contains(rolloutFields(), field) && field != "target" {
		return field
	}
	return ""
}

// rolloutAgain shows the form with what was typed and what is wrong with it.
func (w *Web) rolloutAgain(c *gin.Context, v view, values, wrong map[string]string, refusal error) error {
	p := w.rolloutForm(v, values["target"])
	p.Values, p.Errors = values, wrong
	status := http.StatusUnprocessableEntity
	if refusal != nil {
		known, ok := asRefusal(refusal)
		switch {
		case !ok:
			return refusal
		case len(known.Violations) == 0:
			p.Error, status = known.Error(), statusOf(refusal)
		}
		for _, x := range known.Violations {
			if field := fieldOfSpec(x.Field); field != "" {
				p.Errors[field] = strings.TrimSpace(p.Errors[field] + " " + v.said(x))
			} else {
				p.Error = strings.TrimSpace(p.Error + " " + v.saidWhole(x))
			}
		}
	}
	if len(p.Nodes) == 0 {
		return mesh.Errorf(mesh.NotFound, "%s: there is no such route or split in mesh %s", shorten(p.Chosen), v.Mesh)
	}
	p.Metrics = v.metricList(toValues(values), p.Errors)
	return w.render(c, status, page.RolloutFormPage(p))
}

// startRollout reviews a rollout, or begins it when it has been reviewed.
func (w *Web) startRollout(sure bool) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "canaries", "canaries.new")
		if err != nil {
			return err
		}
		if w.Rollouts == nil {
			return mesh.Errorf(mesh.Unavailable, "this server carries out no rollouts")
		}
		spec, values, wrong := v.readRollout(c)
		if pressed := c.PostForm("do"); pressed != "" && !sure {
			return w.rolloutRows(c, v, values, pressed)
		}
		if len(wrong) > 0 {
			return w.rolloutAgain(c, v, values, wrong, nil)
		}
		by := canary.By{
			Author: author(c), Reason: strings.TrimSpace(c.PostForm("reason")), Override: strings.TrimSpace(c.PostForm("override")),
			Key: c.PostForm("key"), DryRun: !sure,
		}
		r, err := w.Rollouts.Start(c.Request.Context(), v.Mesh, spec, by)
		if err != nil {
			return w.rolloutAgain(c, v, values, wrong, err)
		}
		if sure {
			c.Redirect(http.StatusSeeOther, v.RolloutHref(r.ID))
			return nil
		}
		return w.reviewRollout(c, v, r, startTwins(v, spec, by.Reason), values)
	}
}

// reviewRollout shows the rollout that would begin, with the forecast.
func (w *Web) reviewRollout(c *gin.Context, v view, r canary.Rollout, twins page.Equivalents, values map[string]string) error {
	p := page.RolloutReview{
		Shell: v.Shell, Heading: v.L.T("canaries.new.of", "target", r.Spec.Target.Name), Steps: v.stepMarks(r), Notes: r.Notes, Twins: twins,
		Action: v.Href("/canaries/new/apply"), Apply: v.L.T("canaries.start", "canary", r.Spec.Canary), Reason: c.PostForm("reason"), Override: c.PostForm("override"),
		Cancel:   component.LinkTo{Name: v.L.T("canaries.new.back"), Href: v.Href("/canaries/new", "target", r.Spec.Target.Name)},
		Forecast: v.timeToSee(r),
		Sentences: []string{
			v.L.T("canaries.review.start", "canary", r.Spec.Canary, "stable", r.Spec.Stable, "target", r.Spec.Target.Name, "steps", len(r.Spec.Steps)),
			v.L.T("canaries.review.start.about", "alpha", v.L.Ratio(r.Spec.Analysis.Judge.Alpha), "deadline", v.L.Length(time.Duration(r.Spec.Deadline))),
		},
	}
	for _, name := range rolloutFields() {
		p.Hidden = append(p.Hidden, page.Field{Name: name, Value: values[name]})
	}
	p.Hidden = append(append(p.Hidden, metricHidden(values)...), page.Field{Name: "key", Value: rand.Text()})
	p.Title = p.Heading
	p.Resend = page.Resend{Form: "rollout-review", Action: v.Href("/canaries/new")}
	return w.render(c, http.StatusOK, page.RolloutReviewPage(p))
}

// timeToSee says how long a bad canary would stay unseen, and how long a good one takes.
func (v view) timeToSee(r canary.Rollout) []string {
	f := r.Analysis.Forecast
	if f == nil {
		return []string{v.L.T("canaries.forecast.none")}
	}
	first := ""
	for _, s := range r.Spec.Steps {
		if s.SetWeight != nil {
			first = v.L.Percent(*s.SetWeight)
			break
		}
	}
	said := []string{v.L.T("canaries.forecast", "weight", first, "detect", v.L.Age(f.Detect))}
	if f.Advance < judge.Never {
		said = append(said, v.L.T("canaries.forecast.advance", "advance", v.L.Age(f.Advance)))
	} else {
		said = append(said, v.L.T("canaries.forecast.never"))
	}
	if f.Late && f.Better > 0 {
		said = append(said, v.L.T("canaries.forecast.better", "weight", v.L.Share(f.Better), "detect", v.L.Age(f.BetterDetect)))
	}
	return said
}

// backToRollout leads from an address that is only posted to, to the form.
func (w *Web) backToRollout(c *gin.Context) error {
	c.Redirect(http.StatusSeeOther, w.frame(c, "canaries", "").Href("/canaries/new"))
	return nil
}

// targetQuery names a target in an address.
func targetQuery(s page.Shell, ref mesh.Ref) string {
	return s.Href("/canaries/new", "target", ref.Name)
}

// inMesh is the address of a mesh below the API's root.
func inMesh(name string) string { return "meshes/" + url.PathEscape(name) }
