package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// How many entries of the ledger are read at once when only some of them are looked for, and how many in all for one page.
const (
	ledgerBatch = 200
	ledgerMost  = 4000
)

// sought is which entries of the ledger are looked for; what is empty does not restrict.
type sought struct {
	who, object, text string // parts of names and sentences, in small letters
	query             change.Query
}

// readSought reads what is looked for from an address, and puts it back into the page's form.
func (v view) readSought(c *gin.Context) (s sought, f page.LedgerFilter, err error) {
	f = page.LedgerFilter{
		Who: strings.TrimSpace(c.Query("who")), Object: strings.TrimSpace(c.Query("object")), State: c.Query("state"), Text: strings.TrimSpace(c.Query("q")),
		From: c.Query("from"), To: c.Query("to"),
	}
	s = sought{who: strings.ToLower(f.Who), object: strings.ToLower(f.Object), text: strings.ToLower(f.Text)}
	s.query = change.Query{Mesh: v.Mesh, Before: c.Query("before"), NoEdits: true}
	if kind, name, ok := strings.Cut(f.Object, "/"); ok {
		if known, unknown := mesh.ParseKind(kind); unknown == nil {
			s.query.Object, s.object = mesh.Ref{Kind: known, Name: name}, ""
		}
	}
	states := []change.State{change.Pending, change.Kept, change.Reverted, change.Undone, change.Superseded}
	for _, state := range states {
		f.States = append(f.States, string(state))
	}
	if f.State != "" && !slices.Contains(f.States, f.State) {
		return s, f, mesh.Errorf(mesh.Invalid, "state %.20q: one of %s", f.State, strings.Join(f.States, ", "))
	}
	s.query.State = change.State(f.State)
	if s.query.After, err = parseMoment("from", f.From, v.Now); err != nil {
		return s, f, err
	}
	if s.query.Until, err = parseMoment("to", f.To, v.Now.Add(24*time.Hour)); err != nil {
		return s, f, err
	}
	if !s.query.After.IsZero() && !s.query.Until.IsZero() && s.query.Until.Before(s.query.After) {
		return s, f, mesh.Errorf(mesh.Invalid, "from %s, to %s: give the earlier moment first", page.ISO(s.query.After), page.ISO(s.query.Until))
	}
	f.From, f.To = momentField(s.query.After), momentField(s.query.Until)
	return s, f, nil
}

func momentField(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fieldText(at)
}

// narrow says that not every entry of the mesh is looked for by words that the ledger itself does not search.
func (s sought) narrow() bool { return s.who != "" || s.object != "" || s.text != "" }

// matches says whether an entry is looked for. What a change does is searched in the reader's language too.
func (s sought) matches(c change.Change, said string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), s.text) }
	named := func(ref mesh.Ref) bool { return strings.Contains(strings.ToLower(ref.String()), s.object) }
	return strings.Contains(strings.ToLower(c.Author), s.who) &&
		(s.object == "" || slices.ContainsFunc(c.Objects, named)) &&
		(s.text == "" || has(c.Summary) || has(said) || has(c.Reason) || has(c.Author) || has(c.ID))
}

// seek gives a page of the ledger, newest first, and the entry before which the next one begins; "" at the end. When
// what is looked for is rare it reads up to ledgerMost entries and leaves the rest to the next page.
func (w *Web) seek(ctx context.Context, v view, s sought) (found []change.Change, older string, err error) {
	query := s.query
	query.Limit = historyPage + 1
	if s.narrow() {
		query.Limit = ledgerBatch
	}
	for read := 0; read < ledgerMost; {
		batch, err := w.Changes.Changes(ctx, query)
		if err != nil {
			return nil, "", err
		}
		read += len(batch)
		for _, each := range batch {
			if !s.matches(each, summaryText(v.L, each.Summary)) {
				continue
			}
			if len(found) == historyPage {
				return found, found[historyPage-1].ID, nil
			}
			found = append(found, each)
		}
		if len(batch) < query.Limit {
			return found, "", nil
		}
		query.Before = batch[len(batch)-1].ID
	}
	return found, query.Before, nil
}

// ledgerLine is an entry with what can be done about it and the ways to look at its effect.
func (w *Web) ledgerLine(v view, c change.Change) page.LedgerLine {
	line := page.LedgerLine{ChangeLine: v.changeLine(c), Refusal: v.Refusal}
	card := v.changeCard(c)
	// What took in more than one object is taken back on its own page, where one sees what else would go.
	card.CanUndo = card.CanUndo && len(c.Objects) == 1
	line.CanUndo, line.CanKeep, line.CanRevert, line.Left, line.Deadline = card.CanUndo, card.CanKeep, card.CanRevert, card.Left, card.Deadline
	if w.Timeline != nil {
		before, after := aroundChange(c.At, v.Now)
		line.Effect, line.Then = v.CompareHref(before, after), v.PastHref(before)
	}
	return line
}
