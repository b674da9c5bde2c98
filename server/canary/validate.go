package canary

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// Bounds of what a spec may hold.
const (
	maxSteps    = 50
	maxMetrics  = 20
	maxHooks    = 20
	maxName     = 100
	maxQuery    = 4000
	maxURL      = 2000
	maxMetadata = 50
	maxPause    = 30 * 24 * time.Hour
	maxRetries  = 5
)

// checker collects what is wrong with a spec.
type checker struct{ found []mesh.Violation }

func (c *checker) fail(field, value, rule string) {
	c.found = append(c.found, mesh.Violation{Field: field, Value: mesh.Shorten(value), Rule: rule})
}

func (c *checker) between(field string, d mesh.Duration, low, high time.Duration) {
	if time.Duration(d) < low || time.Duration(d) > high {
		c.fail(field, d.String(), fmt.Sprintf("is from %v to %v", low, high))
	}
}

// Validate refuses, with one mesh.Error of code Invalid and a violation per field, a filled spec that cannot be carried
// out in a mesh; a target that is not there is NotFound. parse says what is wrong with a question in PromQL.
func (s Spec) Validate(m mesh.Mesh, parse func(expr string) error) error {
	if s.Target.Kind != mesh.KindRoute && s.Target.Kind != mesh.KindSplit {
		return mesh.Errorf(mesh.Invalid, "a rollout moves the weights of a route or of a split, not of %s", mesh.Shorten(s.Target.String()))
	}
	at := find(m, s.Target)
	if !at.ok {
		return mesh.Errorf(mesh.NotFound, "there is no %s in mesh %s: a rollout needs a route or a split with two targets", mesh.Shorten(s.Target.String()), m.Name)
	}
	if at.split != "" {
		return mesh.Errorf(mesh.Invalid, "%s takes its targets from split %s: roll out the split, and all its routes move together", s.Target, at.split)
	}
	var c checker
	c.arms(s, at.targets)
	c.steps(s, exactShare(at.targets, s.Stable, s.Canary))
	c.analysis(s.Analysis, parse)
	c.hooks(s.Webhooks)
	c.between("deadline", s.Deadline, time.Second, maxPause)
	if len(c.found) == 0 {
		return nil
	}
	return &mesh.Error{Code: mesh.Invalid, Message: "the rollout of " + s.Target.String() + " cannot begin", Violations: c.found}
}

func (c *checker) arms(s Spec, targets []mesh.WeightedTarget) {
	var names []string
	for _, t := range targets {
		names = append(names, t.Node)
	}
	list := strings.Join(names, ", ")
	if len(targets) < 2 {
		c.fail("target", s.Target.Name, "has one target, "+list+": add the canary as a second one with weight 0 first")
		return
	}
	for _, arm := range []struct{ field, node string }{{"stable", s.Stable}, {"canary", s.Canary}} {
		switch {
		case arm.node == "":
			c.fail(arm.field, "", "is required: one of "+list)
		case !has(targets, arm.node):
			c.fail(arm.field, arm.node, "is one of the targets, "+list)
		}
	}
	switch {
	case s.Stable != "" && s.Stable == s.Canary:
		c.fail("canary", s.Canary, "is another node than stable")
	case len(c.found) == 0 && weightOf(targets, s.Stable)+weightOf(targets, s.Canary) == 0:
		c.fail("stable", s.Stable, "has traffic: the weights of stable and canary are both 0")
	case len(c.found) == 0 && weightOf(targets, s.Stable) == 0:
		c.fail("stable", s.Stable, "has traffic: its weight is 0, and canary has all of it already")
	}
}

// steps refuses steps that go nowhere or back.
func (c *checker) steps(s Spec, begin float64) {
	if len(s.Steps) > maxSteps {
		c.fail("steps", strconv.Itoa(len(s.Steps)), fmt.Sprintf("are at most %d", maxSteps))
		return
	}
	weight, analysed, weights := begin, false, 0
	for i, step := range s.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		set := 0
		if step.SetWeight != nil {
			set++
			weights++
			c.weight(at+".setWeight", *step.SetWeight, weight)
			weight, analysed = max(weight, float64(*step.SetWeight)), false
		}
		if step.Pause != nil {
			set++
			if d := step.Pause.Duration; d != 0 {
				c.between(at+".pause.duration", d, time.Millisecond, maxPause)
			}
		}
		if step.Analysis != nil {
			set++
			switch {
			case weight <= 0:
				c.fail(at+".analysis", "", "comes after a weight: canary has no traffic to judge there")
			case weight >= 100:
				c.fail(at+".analysis", "", "comes before 100 %: there stable has no traffic to compare with")
			case analysed:
				c.fail(at+".analysis", "", "goes nowhere: the step before has judged this weight already")
			}
			analysed = true
		}
		if set != 1 {
			c.fail(at, "", "has exactly one of setWeight, pause and analysis")
		}
	}
	if weights == 0 && len(s.Steps) > 0 {
		c.fail("steps", "", "set a weight at least once")
	}
}

func (c *checker) weight(field string, percent int, before float64) {
	value := strconv.Itoa(percent)
	switch {
	case percent < 1 || percent > 100:
		c.fail(field, value, "is from 1 to 100, in percent")
	case float64(percent) == before:
		c.fail(field, value, "goes nowhere: canary has that weight already")
	case float64(percent) < before:
		c.fail(field, value, fmt.Sprintf("goes back: canary has %s %% before it", strconv.FormatFloat(before, 'f', -1, 64)))
	}
}

func (c *checker) analysis(a Analysis, parse func(string) error) {
	if e, ok := a.Judge.Validate().(*mesh.Error); ok && e != nil { //nolint:errorlint // Validate gives this type and no other
		for _, v := range e.Violations {
			c.fail("analysis.judge."+v.Field, v.Value, v.Rule)
		}
	}
	c.between("analysis.interval", a.Interval, time.Second, 10*time.Minute)
	c.between("analysis.warmup", a.Warmup, time.Millisecond, 10*time.Minute)
	if len(a.Metrics) > maxMetrics {
		c.fail("analysis.metrics", strconv.Itoa(len(a.Metrics)), fmt.Sprintf("are at most %d", maxMetrics))
		return
	}
	seen := make(map[string]bool)
	for i, m := range a.Metrics {
		at := fmt.Sprintf("analysis.metrics[%d].", i)
		c.name(at+"name", m.Name, seen)
		c.between(at+"interval", m.Interval, time.Second, time.Hour)
		if m.FailureLimit < 1 || m.FailureLimit > 100 {
			c.fail(at+"failureLimit", strconv.Itoa(m.FailureLimit), "is from 1 to 100")
		}
		switch {
		case m.Min == nil && m.Max == nil:
			c.fail(at+"min", "", "or max is required: nothing says which values are good")
		case m.Min != nil && m.Max != nil && *m.Min > *m.Max:
			c.fail(at+"min", strconv.FormatFloat(*m.Min, 'g', -1, 64), "is not above max")
		}
		c.query(at+"query", m.Query, parse)
	}
}

func (c *checker) query(field, expr string, parse func(string) error) {
	switch {
	case strings.TrimSpace(expr) == "":
		c.fail(field, "", "is required: a question in PromQL that answers with one number")
		return
	case len(expr) > maxQuery || !utf8.ValidString(expr):
		c.fail(field, expr, fmt.Sprintf("is text of at most %d bytes", maxQuery))
		return
	}
	filled := fill(expr, blanks{mesh: "m", stable: "s", canary: "c", window: time.Minute})
	if left := unknownBlank.FindString(filled); left != "" {
		c.fail(field, left, "is not known: {{mesh}}, {{stable}}, {{canary}} and {{window}} are filled in")
		return
	}
	if parse == nil {
		return
	}
	if err := parse(filled); err != nil {
		c.fail(field, expr, "is PromQL: "+mesh.Shorten(err.Error()))
	}
}

func (c *checker) name(field, name string, seen map[string]bool) {
	switch {
	case strings.TrimSpace(name) == "":
		c.fail(field, "", "is required")
	case utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		c.fail(field, name, fmt.Sprintf("is one line of at most %d characters", maxName))
	case seen[name]:
		c.fail(field, name, "is used once")
	}
	seen[name] = true
}

// hookTypes lists the types of webhooks.
func hookTypes() []string {
	return []string{HookEvent, HookConfirmRollout, HookPreRollout, HookRollout, HookConfirmPromotion, HookPostRollout, HookRollback}
}

func (c *checker) hooks(list []Webhook) {
	if len(list) > maxHooks {
		c.fail("webhooks", strconv.Itoa(len(list)), fmt.Sprintf("are at most %d", maxHooks))
		return
	}
	seen := make(map[string]bool)
	for i, w := range list {
		at := fmt.Sprintf("webhooks[%d].", i)
		c.name(at+"name", w.Name, seen)
		if !slices.Contains(hookTypes(), w.Type) {
			c.fail(at+"type", w.Type, "is one of "+strings.Join(hookTypes(), ", "))
		}
		u, err := url.Parse(w.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			c.fail(at+"url", w.URL, "is an address that begins with http:// or https://")
		case len(w.URL) > maxURL:
			c.fail(at+"url", w.URL, fmt.Sprintf("is at most %d bytes long", maxURL))
		case u.User != nil:
			c.fail(at+"url", u.Redacted(), "has no user and password in it")
		}
		c.between(at+"timeout", w.Timeout, time.Millisecond, time.Minute)
		if w.Retries < 0 || w.Retries > maxRetries {
			c.fail(at+"retries", strconv.Itoa(w.Retries), fmt.Sprintf("are from 0 to %d", maxRetries))
		}
		size := 0
		for k, v := range w.Metadata {
			size += len(k) + len(v)
		}
		if len(w.Metadata) > maxMetadata || size > maxQuery {
			c.fail(at+"metadata", strconv.Itoa(len(w.Metadata)), fmt.Sprintf("are at most %d pairs of %d bytes together", maxMetadata, maxQuery))
		}
	}
}

// blanks are what a check's question is filled in with.
type blanks struct {
	mesh, stable, canary string
	window               time.Duration
}

// unknownBlank finds what fill has left.
var unknownBlank = regexp.MustCompile(`\{\{\s*[a-zA-Z.]*\s*\}\}`)

// fill fills a question in. Names are escaped for the inside of a quoted label value.
func fill(expr string, b blanks) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`, "\n", `\n`)
	window := strconv.FormatInt(max(cmp.Or(b.window, time.Minute).Milliseconds(), 1), 10) + "ms"
	return strings.NewReplacer(
		"{{mesh}}", escape.Replace(b.mesh), "{{stable}}", escape.Replace(b.stable),
		"{{canary}}", escape.Replace(b.canary), "{{window}}", window,
	).Replace(expr)
}
