package page

// History is the ledger, newest first, by day.
type History struct {
	Shell
	Days   []Day
	Older  string // the id before which older entries begin; "" at the end
	Object string // shown for one object only, in words
}

// Day is one day's changes.
type Day struct {
	Date    string
	Changes []ChangeLine
}
