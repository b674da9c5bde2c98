package journal

import (
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// changes knows which moves of the newest entries of the ledger are told.
type changes struct {
	told  map[string]map[string]bool // by ID of the entry: the sentences
	order []string                   // IDs, the oldest first
}

// maxChanges is of how many entries it is remembered what was told: entries that are older do not move any more.
const maxChanges = 4096

func newChanges() *changes { return &changes{told: make(map[string]map[string]bool)} }

// know takes over that an entry's move was told, perhaps by an earlier process.
func (c *changes) know(id, what string) {
	if c.told[id] == nil {
		if len(c.order) == maxChanges {
			delete(c.told, c.order[0])
			c.order = c.order[1:]
		}
		c.told[id] = make(map[string]bool)
		c.order = append(c.order, id)
	}
	c.told[id][what] = true
}

// take gives the events of an entry as it is now: those of its moves that were not told yet.
func (c *changes) take(entry change.Change, now time.Time) []Event {
	var list []Event
	for _, e := range movesOf(entry, now) {
		first := e.What
		if e.What == "change.pending" || e.What == "change.rollout" {
			first = "change.made"
		}
		if !c.told[entry.ID][first] {
			c.know(entry.ID, first)
			list = append(list, e.said())
		}
	}
	return list
}

// movesOf gives every move that an entry has made so far, the first at the beginning.
func movesOf(c change.Change, now time.Time) []Event {
	if c.DryRun {
		return nil
	}
	subject := mesh.Ref{Kind: c.Kind, Name: c.Name}.Path()
	var list []Event
	add := func(at time.Time, kind Kind, severity Severity, what, detail string, with ...string) {
		words := map[string]string{"summary": c.Summary}
		for i := 0; i+1 < len(with); i += 2 {
			words[with[i]] = with[i+1]
		}
		list = append(list, Event{
			At: at.UTC(), Mesh: c.Mesh, Kind: kind, Subject: subject, Severity: severity, What: what, With: words, Detail: detail,
			Change: c.ID, Rollout: c.Rollout,
		})
	}
	switch {
	case c.Rollout != "":
		add(c.At, KindChange, Info, "change.rollout", c.Reason)
	case c.State == change.Pending:
		add(c.At, KindChange, Info, "change.pending", c.Reason, "author", c.Author)
	default:
		add(c.At, KindChange, Info, "change.made", c.Reason, "author", c.Author)
	}
	if c.Override != "" && c.Rollout == "" {
		add(c.At, KindGuard, Warning, "guard.overridden", c.Override, "author", c.Author)
	}
	if p := c.Programmed; p != nil {
		if p.At != nil && p.Total > 0 {
			add(*p.At, KindChange, Info, "change.programmed", "", "acked", strconv.Itoa(p.Acked), "total", strconv.Itoa(p.Total))
		}
		if len(p.Rejected) > 0 {
			add(now, KindRejected, Problem, "rejected.change", p.Rejected[0].Message,
				"count", strconv.Itoa(len(p.Rejected)), "total", strconv.Itoa(max(p.Total, len(p.Rejected))))
		}
	}
	if o := c.Observed; o != nil && o.Agrees != nil {
		if *o.Agrees {
			add(now, KindVerdict, Info, "verdict.agrees", "")
		} else {
			add(now, KindVerdict, Warning, "verdict.contradicts", o.Note)
		}
	}
	switch {
	case c.State == change.Kept && c.ConfirmedBy != "":
		add(now, KindChange, Info, "change.kept", "", "author", c.ConfirmedBy)
	case c.State == change.Reverted:
		add(now, KindChange, Warning, "change.reverted", c.Note)
	case c.State == change.Undone:
		add(now, KindChange, Warning, "change.undone", "")
	}
	return list
}
