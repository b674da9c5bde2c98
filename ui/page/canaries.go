package page

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/ui/component"
)

// Canaries is the list of a mesh's rollouts.
type Canaries struct {
	Shell
	Off    bool // this server carries none out
	Active []RolloutRow
	Past   []RolloutRow // newest first
	Older  string       // where older ones are; "" at the end
	Newest string       // back to the newest; "" when they are shown
}

// RolloutRow is one rollout in a list, and the head of its page.
type RolloutRow struct {
	ID             string
	Target         component.LinkTo // the route or the split
	Stable, Canary string
	Phase          string
	Waits          bool // for a person
	Weight         string
	Steps          []StepMark
	Done, All      int // steps
	Began          string
	BeganISO       string
	BeganAgo       string
	Author, Reason string
	Attempt        int
	Why            string
	Abort, Advance EvidenceGauge
}

// StepMark is one step and where it stands: "done", "now", "stopped" or "next".
type StepMark struct {
	Text  string
	State string
}

// EvidenceGauge is how much of its bound an evidence has reached.
type EvidenceGauge struct {
	Known bool
	Part  float64 // 0 to 1
	Words string
}

// Rollout is one rollout's page.
type Rollout struct {
	Shell
	Row     RolloutRow
	Running bool // it may still turn
	Facts   []RolloutFact
	Plot    EvidencePlot
	Arms    []ArmFigure
	Checks  []CheckRow
	Hooks   []HookRow
	Changes []ChangeLine
	Notes   []string
	Verbs   []RolloutVerb
	Twins   Equivalents
	Action  string // where the verbs are sent
	// CanOverride says that a verb's next move may run into guard rails, Railed that the last one did.
	CanOverride, Railed bool
}

// RolloutFact is a name with its value and what it means.
type RolloutFact struct{ Key, Name, Value, About string }

// RolloutVerb is a button, and why it cannot be pressed; "" when it can.
type RolloutVerb struct{ Verb, Why string }

// CheckRow is the newest answer to a metric of one's own.
type CheckRow struct {
	Name, Value, Bounds, Message, Ago string
	OK                                bool
}

// HookRow is the newest answer of a webhook.
type HookRow struct {
	Name, Type, Message, Ago string
	OK                       bool
}

// ArmFigure is one metric of both arms.
type ArmFigure struct {
	Name     string
	Guilty   bool    // the evidence against canary is of it
	Evidence string  // to abort
	Top      float64 // the largest ratio that is drawn, above 0
	TopText  string
	Arms     []Arm
}

// Arm is the ratio of one version, with its 95 % interval; ratios are from 0 to 1.
type Arm struct {
	Name             string
	Series           int
	Ratio, Low, High float64
	Text, Range      string
	Requests         string
	Known            bool
}

// EvidencePlot is the evidence over time. Its values are natural logarithms of e-values.
type EvidencePlot struct {
	Points     []EvidencePoint
	Bound      float64
	BoundText  string // as an e-value
	AbortNow   string
	AdvanceNow string
	Marks      []time.Time // when the weight moved
}

// EvidencePoint is the evidence after one window.
type EvidencePoint struct {
	At                time.Time
	Abort, Advance    float64
	AbortText, AdText string
}

// The evidence's picture: its size in units of its own, and the least that is drawn, as a logarithm.
const (
	evidenceWide   = 1000
	evidenceHeight = 170
	evidenceRows   = 40 // of the table
	evidenceFloor  = -2 * math.Ln10
)

func (p EvidencePlot) top() float64 {
	top := p.Bound * 1.15
	for _, point := range p.Points {
		top = max(top, point.Abort, point.Advance)
	}
	return min(top, 6*p.Bound) // what is far beyond its bound need not be seen in full
}

// y is where a value is drawn, from the top.
func (p EvidencePlot) y(log float64) float64 {
	log = min(max(log, evidenceFloor), p.top())
	return 4 + (evidenceHeight-8)*(p.top()-log)/(p.top()-evidenceFloor)
}

// x is where a moment is drawn, 0 to 1.
func (p EvidencePlot) x(at time.Time) float64 {
	first, last := p.Points[0].At, p.Points[len(p.Points)-1].At
	if !last.After(first) {
		return 1
	}
	return float64(at.Sub(first)) / float64(last.Sub(first))
}

// path is one of the two lines.
func (p EvidencePlot) path(of func(EvidencePoint) float64) string {
	var b strings.Builder
	for i, point := range p.Points {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(strconv.FormatFloat(p.x(point.At)*evidenceWide, 'f', 1, 64) + " " + strconv.FormatFloat(p.y(of(point)), 'f', 1, 64))
	}
	if len(p.Points) == 1 {
		b.WriteString("h-12")
	}
	return b.String()
}

func abortOf(p EvidencePoint) float64   { return p.Abort }
func advanceOf(p EvidencePoint) float64 { return p.Advance }

// levels are the e-values on the axis, as logarithms: powers of ten, few enough to be read.
func (p EvidencePlot) levels() []float64 {
	step := 2.0
	for (p.top()-evidenceFloor)/math.Ln10/step > 5 {
		step *= 2
	}
	var list []float64
	for power := -2.0; power*math.Ln10 <= p.top(); power += step {
		list = append(list, power*math.Ln10)
	}
	return list
}

// levelText writes a power of ten.
func levelText(log float64) string {
	power := int(math.Round(log / math.Ln10))
	switch {
	case power == -2:
		return "0.01"
	case power <= 3:
		return strconv.FormatFloat(math.Pow10(power), 'f', -1, 64)
	}
	return "10^" + strconv.Itoa(power)
}

// table are the points of the table: the newest first, and not every one of many.
func (p EvidencePlot) table() []EvidencePoint {
	var rows []EvidencePoint
	each := max((len(p.Points)+evidenceRows-1)/evidenceRows, 1)
	for i := len(p.Points) - 1; i >= 0; i -= each {
		rows = append(rows, p.Points[i])
	}
	return rows
}

// RolloutHref is the address of a rollout's page.
func (s Shell) RolloutHref(id string) string { return s.Href("/canaries/" + id) }

func evidenceLevel(g EvidenceGauge) string {
	switch {
	case g.Part >= 1:
		return "full"
	case g.Part >= 0.5:
		return "near"
	}
	return "calm"
}

// RolloutForm asks for a rollout.
type RolloutForm struct {
	Shell
	Off      bool
	Choices  []RolloutChoice // what can be rolled out, while nothing is chosen
	Chosen   string          // "reviews/primary", or a split
	Of       component.LinkTo
	Action   string
	Nodes    []string
	Presets  []StepPreset
	Values   map[string]string // of the fields, by name
	Errors   map[string]string // likewise
	Error    string
	Held     component.LinkTo // the rollout that holds it already; no name: none does
	Single   string           // the only target; "" when there are more
	Defaults map[string]string
	Metrics  KnobList // checks of one's own
}

// rowsOf is what the rows of the form's checks hang on: the ids of their fields begin with it.
func (f RolloutForm) rowsOf() Knob { return Knob{ID: "rollout"} }

// RolloutChoice is a route or a split that can be chosen.
type RolloutChoice struct {
	Name, Service, Href string
	Targets             []component.Segment
	Held                component.LinkTo
	Single              bool
}

// StepPreset is a list of steps that people often take.
type StepPreset struct{ Key, Steps string }

func (f RolloutForm) invalid(field string) string { return strconv.FormatBool(f.Errors[field] != "") }

// RolloutReview is what somebody is about to do to a rollout, or the rollout that they are about to begin.
type RolloutReview struct {
	Shell
	Heading   string
	Sentences []string
	Forecast  []string
	Steps     []StepMark
	Before    []component.Segment
	After     []component.Segment
	Notes     []string
	Twins     Equivalents
	Action    string
	Hidden    []Field
	Apply     string
	Cancel    component.LinkTo
	Reason    string
	Override  string
	Error     string
	Danger    bool
}

// analysed says whether anything about the analysis is set or wrong.
func (f RolloutForm) analysed() bool {
	for _, name := range []string{"alpha", "delta", "deadline", "interval", "minRequests", "tolerance", "ignoreLatency"} {
		if f.Values[name] != "" || f.Errors[name] != "" {
			return true
		}
	}
	return false
}

func answerStage(ok bool) string {
	if ok {
		return "done"
	}
	return "bad"
}

func stepNow(m StepMark) string {
	if m.State == "now" {
		return "step"
	}
	return "false"
}
