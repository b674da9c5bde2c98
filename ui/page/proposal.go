package page

import "github.com/a-h/templ"

// ProposalLine is a change that waits, or waited, for a second person.
type ProposalLine struct {
	ID, Summary, Author, Reason string
	State                       string
	Ago, Moment, ISO            string
	Left, Expires               string // until it expires, in words and for machines; "" when it does not wait
	DecidedBy                   string
}

// proposalsMost is how many proposals the notice names; the others are on their own page.
const proposalsMost = 3

// Proposals is the page at "/proposals".
type Proposals struct {
	Shell
	Required bool // the mesh asks for a second person
	Waiting  []ProposalLine
	Decided  []ProposalLine
}

// Proposal is the page at "/proposals/{id}".
type Proposal struct {
	Shell
	Line      ProposalLine
	Own       bool
	Objects   []Link
	Diff      string
	Forecast  *Forecast // nil: it does not wait, or nothing can be forecast
	Rails     []Rail    // guard rails in the way now
	Override  string    // the reason given for going over them
	Within    string    // how long it then waits to be kept; "" when it stands
	Obstacle  string    // what would refuse it now, though somebody else approved; "" nothing
	Refusal   string    // why the reader cannot approve it; "" when they can
	Problem   string    // why what the reader asked for was not done
	Note      string    // why it was declined
	Decided   string    // when it was
	Change    string    // the entry that it became
	DeclineNo string    // why the reader cannot decline
	Command   string    // what a second person types
}

// ProposalHref leads to a proposal.
func (s Shell) ProposalHref(id string) string { return s.Href("/proposals/" + id) }

// namedProposals are those that the notice names, the newest first.
func (s Shell) namedProposals() []ProposalLine {
	return s.Proposals[:min(len(s.Proposals), proposalsMost)]
}

// waits tells whether somebody can still decide.
func (p Proposal) waits() bool { return p.Line.State == "waiting" }

// describedBy leads from a control that cannot be used to the element that says why; none where it can be.
func describedBy(why, id string) templ.Attributes {
	if why == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": id}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
