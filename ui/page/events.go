package page

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/component"
)

// Events is what happened around a service, newest first, by day.
type Events struct {
	Shell
	Name    string
	Spans   SpanLinks
	Days    []EventDay
	More    int    // events that are not listed
	Off     bool   // no history is kept: only the ledger and the proxies speak
	Problem string // why the health of the past cannot be told, in English
	Notes   []string
}

// EventDay is one day's events.
type EventDay struct {
	Date   string
	Events []Event
}

// Event is one of them.
type Event struct {
	Kind       string // "change", "refusal", "came", "gone", "turn"
	At         time.Time
	ISO        string // for machines
	Clock, Ago string
	Text       component.LinkTo
	Detail     string
	Code       bool        // Detail is a proxy's own words
	Health     mesh.Health // what a call became, of a turn
	State      string      // of a change
	Severity   string      // of what the journal tells
	Refusals   []provider.Rejection
	Past       string // the topology at that time; "" when there is no history
}

func (e Event) icon() string {
	switch e.Kind {
	case "refusal", "gone":
		return string(component.Bad)
	case "came":
		return string(component.Done)
	}
	switch e.Severity {
	case "problem":
		return string(component.Bad)
	case "warning":
		return "warn"
	case "info":
		return string(component.Done)
	}
	return "undo"
}
