package page

import "github.com/weirmesh/weir/ui/component"

// Journal is what happened in a mesh, newest first, by day.
type Journal struct {
	Shell
	Filter  JournalFilter
	Off     bool   // nothing is written down
	Problem string // what is wrong with the filter
	Days    []JournalDay
	Older   string // where older events are; "" at the end
	Newest  string // back to the newest; "" when they are shown
	Command string // the same on the command line
}

// JournalFilter is which events are shown, as the form has it.
type JournalFilter struct {
	Kind, Subject string
	Kinds         []string // to choose from
}

// On says that not every event is shown.
func (f JournalFilter) On() bool { return f.Kind != "" || f.Subject != "" }

// JournalDay is one day's events.
type JournalDay struct {
	Date   string
	Events []Happening
}

// Happening is one event.
type Happening struct {
	ID         string
	Kind       string // "change", "rollout" …
	Severity   string // "info", "warning", "problem"
	ISO        string // for machines
	Clock, Ago string
	Moment     string
	Text       component.LinkTo // Href is "" when there is nowhere to go
	Detail     string           // in English, or in somebody's own words
	Code       bool             // Detail is a proxy's own words
	Links      []component.LinkTo
}

func (h Happening) icon() string {
	switch h.Severity {
	case "problem":
		return string(component.Bad)
	case "warning":
		return "warn"
	}
	return string(component.Done)
}
