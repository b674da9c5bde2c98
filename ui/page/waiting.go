package page

// waitingMost is how many changes the notice names; the others are in the ledger.
const waitingMost = 3

// Waiting is a change that is taken back unless somebody keeps it in time.
type Waiting struct {
	ID, Summary string
	Clock, ISO  string // its deadline
	Left        string // until then
}

// WaitingHref is where all of them are listed.
func (s Shell) WaitingHref() string { return s.Href("/history", "state", "pending") }

// named are the changes that the notice names, the next deadline first.
func (s Shell) named() []Waiting { return s.Waiting[:min(len(s.Waiting), waitingMost)] }

// waitingBeat is how often the notice is renewed, in milliseconds: every second while it counts down.
func (s Shell) waitingBeat() string {
	if len(s.Waiting) > 0 {
		return "1000"
	}
	return "4000"
}
