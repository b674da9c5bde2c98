// Package journal is the stream of what happened: changes, rollouts, verdicts, refusals, proxies that come and go, turns
// of health, guard rails that were gone over. Pure functions turn facts into events and keep the flood small; Run
// records them in batches and publishes them; Teller hands them to webhooks. It decides nothing about meshes.
package journal

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what sort of thing happened.
type Kind string

// The kinds of events.
const (
	KindChange   Kind = "change"   // an entry of the ledger moved
	KindApproval Kind = "approval" // a change waits for a second person, or one decided
	KindRollout  Kind = "rollout"  // a rollout turned
	KindVerdict  Kind = "verdict"  // evidence says something of a change or of a rollout
	KindRejected Kind = "rejected" // proxies refuse configuration, or take it after all
	KindProxy    Kind = "proxy"    // proxies came, left or were not let in
	KindHealth   Kind = "health"   // a service or a call became ill or well
	KindGuard    Kind = "guard"    // guard rails held something up, or were gone over
	KindWebhook  Kind = "webhook"  // a webhook cannot be told, or can again
)

// Kinds lists every kind, those that people look for first at the beginning.
func Kinds() []Kind {
	return []Kind{KindChange, KindApproval, KindRollout, KindVerdict, KindRejected, KindProxy, KindHealth, KindGuard, KindWebhook}
}

// Severity is how much an event matters to whoever is on call.
type Severity string

// The severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning" // somebody should know
	Problem Severity = "problem" // somebody should look
)

// Event is one thing that happened. Events are never altered.
type Event struct {
	ID       int64     `json:"id"` // grows with every event of the installation
	At       time.Time `json:"at"`
	Mesh     string    `json:"mesh"` // empty: not of one mesh
	Kind     Kind      `json:"kind"`
	Subject  string    `json:"subject"` // an object's path (route/reviews/primary), an id of the graph, a call (A → B), a proxy
	Severity Severity  `json:"severity"`
	// What names the sentence, and With holds its words: Sentences has them in English, the console in other languages.
	What string            `json:"what"`
	With map[string]string `json:"with,omitempty"`
	Text string            `json:"text"` // the sentence in English
	// Detail is what somebody else said about it: a reason, a refusal in a proxy's own words.
	Detail  string `json:"detail,omitempty"`
	Change  string `json:"change,omitempty"`  // the entry of the ledger
	Rollout string `json:"rollout,omitempty"` // the rollout
	Proxy   string `json:"proxy,omitempty"`   // the proxy
}

// Query selects events. Zero fields do not restrict.
type Query struct {
	Mesh    string // of this mesh, and of none
	Kinds   []Kind
	Subject string
	After   int64 // newer than this ID, the oldest first
	Before  int64 // older than this ID
	Limit   int   // 100 when zero
	// Forward gives the oldest first, also after ID 0.
	Forward bool
}

// Matches says whether an event is one that the query selects, leaving Limit aside.
func (q Query) Matches(e Event) bool {
	return (q.Mesh == "" || e.Mesh == "" || q.Mesh == e.Mesh) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) &&
		(q.Subject == "" || q.Subject == e.Subject) && e.ID > q.After && (q.Before == 0 || e.ID < q.Before)
}

// Store keeps events.
type Store interface {
	// RecordEvents adds events, whose IDs grow, and lets the oldest go where there are too many.
	RecordEvents(ctx context.Context, list []Event) error
	// Events finds events: the newest first, or the oldest first with After or Forward.
	Events(ctx context.Context, q Query) ([]Event, error)
}

// The longest that what others wrote may be in an event, in characters, and how many names a sentence lists.
const (
	maxWords = 400
	maxNames = 3
)

// clip keeps what others wrote to one line of bounded length.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if utf8.RuneCountInString(s) <= maxWords {
		return s
	}
	return string([]rune(s)[:maxWords-1]) + "…"
}

// names lists the first of many.
func names(list []string) string {
	text := strings.Join(list[:min(len(list), maxNames)], ", ")
	if len(list) > maxNames {
		text += " …"
	}
	return text
}
