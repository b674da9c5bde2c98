package page

import (
	"strconv"
	"time"
)

// Rail is a guard rail that a change runs into, in words.
type Rail struct{ Message string }

// EntryMore is what an entry of the ledger has to tell besides its truths.
type EntryMore struct {
	Note     string // what was not taken back, and why
	Override string // why guard rails were gone over
	Rails    []Rail // those
	Readings []ReadingLine
	Moments  []MomentLine
	Hash     string
}

// ReadingLine is what traffic was like before a change, or after it.
type ReadingLine struct {
	Name                       string
	Window                     string
	Requests, Errors, P50, P95 string
}

// MomentLine is when something about a change moved.
type MomentLine struct{ ISO, Clock, What, Text string }

// empty says that there is nothing to tell.
func (e EntryMore) empty() bool {
	return e.Note == "" && e.Override == "" && len(e.Readings) == 0 && len(e.Moments) == 0 && e.Hash == ""
}

// Undo is the page on which one chooses what to take back of a change that others have changed since.
type Undo struct {
	Shell
	ID      string
	Summary string
	Problem string // why it was refused
	Reason  string
	Objects []UndoObject
}

// UndoObject is one object that others touched since.
type UndoObject struct {
	Path    string // "route/reviews/primary"
	Name    string
	Version int64
	By      string // the change that made it what it is now
	Fields  []UndoField
}

// UndoField is one field: as the change set it, as it is now, and as it was before.
type UndoField struct {
	Name                string // as it is written in the object; empty: the whole object
	Base, Theirs, Yours string
	Who                 string // who touched it, in words
	Taken               bool
}

func (o UndoObject) version() string { return strconv.FormatInt(o.Version, 10) }

// extendChoices are the times by which a deadline can be moved.
func extendChoices() []string { return []string{"5m", "15m", "1h"} }

// extendLabel writes a time as a button says it.
func (s Shell) extendLabel(within string) string {
	d, err := time.ParseDuration(within)
	if err != nil {
		return within
	}
	return s.L.Age(d)
}
