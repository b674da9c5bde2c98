package page

import (
	"time"

	"github.com/weirmesh/weir/ui/component"
)

// Review is a draft before it is applied: what it says, what it does to those who receive more, and how to say the
// same elsewhere. Nothing has been recorded.
type Review struct {
	Shell
	Title     string
	Sentences []string // the first one is the change in a sentence
	Before    []component.Segment
	After     []component.Segment
	Forecast  *Forecast // nil: nothing is forecast
	Loads     []Load    // where nothing is forecast
	Proxies   []component.LinkTo
	Diff      string
	Nothing   bool   // the draft is what is in force
	Unplugged bool   // no proxy is concerned: it changes how things are judged
	Back      string // what the way back says; "": to the service
	Danger    bool   // it takes something away: the question is asked
	Twins     Equivalents
	Form      ReviewForm
}

// Load is what one target receives now and would receive.
type Load struct {
	Node        string
	Before      float64 // requests per second
	After       float64
	Instances   int
	Pools       []LoadPool
	Overflowing bool // it refuses requests already
}

// LoadPool is one limit of a target: its use now, and the use to be expected if it grows with the traffic.
type LoadPool struct {
	Name            string
	Use, Then, Most float64
}

// ReviewForm carries the draft to where it is applied.
type ReviewForm struct {
	Desk
	Action        string
	Hidden        []Field
	Apply         string // what the button says will happen
	Cancel        string // where Cancel leads
	Reason        string
	ReasonError   string
	ConfirmWithin string // as the choice's value: "" or "60s"
	ConfirmError  string
	Blocked       bool   // something stands in the way that only an override goes over
	Override      string // the reason for it, as it was filled in
	Rails         []Rail // guard rails in the way
	OverrideError string

	Second         bool   // the mesh asks for a second person: applying proposes
	Emergency      string // the reason for not waiting, as it was filled in
	EmergencyNo    string // why the reader cannot go past the second person; "" when they can
	EmergencyError string
}

// Field is a form field that is carried along.
type Field struct{ Name, Value string }

// confirmChoices are the times within which a change may have to be confirmed; "" is none.
func confirmChoices() []string { return []string{"", "30s", "60s", "5m0s", "15m0s"} }

// Conflict is a draft that somebody else's change overtook. The draft is kept.
type Conflict struct {
	Shell
	What    string // the object
	Message string // the door's words
	Rows    []ConflictRow
	Since   []ChangeLine // what happened to the object since it was read
	Form    ReviewForm   // leads to a review of the draft against what is in force now
}

// ConflictRow is one value: when it was read, now, and in the draft.
type ConflictRow struct{ Name, Read, Now, Draft string }

// Review is the page's headline.
func (r Review) Review() string { return r.L.T("review.title", "what", r.Title) }

func (r Review) back() string {
	if r.Back != "" {
		return r.Back
	}
	return r.L.T("review.back")
}

func (l Load) perInstance() float64 { return l.After / float64(max(l.Instances, 1)) }

func (s Shell) confirmLabel(choice string) string {
	if choice == "" {
		return s.L.T("review.confirm.none")
	}
	d, err := time.ParseDuration(choice)
	if err != nil {
		return choice
	}
	return s.L.T("review.confirm.within", "time", s.L.Age(d))
}
