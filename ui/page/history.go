package page

// History is the ledger, newest first, by day.
type History struct {
	Shell
	Filter  LedgerFilter
	Problem string // what is wrong with the filter
	Days    []Day
	Older   string // where older entries are; "" at the end
	Newest  string // back to the newest; "" when they are shown
}

// LedgerFilter is which entries are shown, as the form has it.
type LedgerFilter struct {
	Who, Object, State, Text string
	From, To                 string   // as a browser's field of date and time writes them, in UTC
	States                   []string // to choose from
}

// On says that not every entry is shown.
func (f LedgerFilter) On() bool {
	return f.Who != "" || f.Object != "" || f.State != "" || f.Text != "" || f.From != "" || f.To != ""
}

// Day is one day's changes.
type Day struct {
	Date    string
	Changes []LedgerLine
}

// LedgerLine is an entry with what can be done about it.
type LedgerLine struct {
	ChangeLine
	CanUndo, CanKeep, CanRevert bool
	Left, Deadline              string // until it reverts, in words and for machines
	Refusal                     string // why the reader may do nothing; "" when they may
	Effect, Then                string // before and after it, and the topology just before it; "" without history
}
