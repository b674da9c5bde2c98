package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// ApproveWithin is how long a proposal waits for a second person.
const ApproveWithin = 24 * time.Hour

// MaxWaiting is how many proposals of a mesh wait at a time.
const MaxWaiting = 100

// ApprovalState is where a proposal stands.
type ApprovalState string

// The states of a proposal. All but the first are final.
const (
	ApprovalWaiting   ApprovalState = "waiting"
	ApprovalApproved  ApprovalState = "approved" // it became an entry of the ledger
	ApprovalDeclined  ApprovalState = "declined"
	ApprovalWithdrawn ApprovalState = "withdrawn" // by whoever proposed it
	ApprovalExpired   ApprovalState = "expired"   // nobody decided in time
)

// Approval is a change that a second person has been asked for: a proposal, as people call it. Nothing of it is in effect.
type Approval struct {
	ID        string        `json:"id"` // sorts by time
	Mesh      string        `json:"mesh"`
	Author    string        `json:"author"`
	Person    string        `json:"-"` // whose doing it is: nobody approves their own
	Reason    string        `json:"reason,omitempty"`
	Summary   string        `json:"summary"`
	Diff      string        `json:"diff"` // unified, of the objects' YAML, against the mesh as it was then
	Objects   []mesh.Ref    `json:"objects"`
	At        time.Time     `json:"at"`
	Expires   time.Time     `json:"expires"`
	State     ApprovalState `json:"state"`
	DecidedBy string        `json:"decidedBy,omitempty"`
	DecidedAt *time.Time    `json:"decidedAt,omitempty"`
	Note      string        `json:"note,omitempty"`   // why it was declined
	Change    string        `json:"change,omitempty"` // the entry of the ledger that it became
	// ConfirmWithin is how long it will wait to be kept once it is approved: "60s". Empty: it stands at once.
	ConfirmWithin string `json:"confirmWithin,omitempty"`
	Override      string `json:"override,omitempty"` // the reason for going over guard rails
	Undoes        string `json:"undoes,omitempty"`

	// Asked is all that the door needs to take it up again. Stores keep it as it is.
	Asked json.RawMessage `json:"-"`
}

// Approvals keeps what waits for a second person.
type Approvals interface {
	// AddApproval records a proposal, and those of its mesh that expired before it.
	AddApproval(ctx context.Context, a Approval) error
	// DecideApproval records how a proposal was decided if it still waits. Errors: mesh.Conflict (ErrDecided), mesh.NotFound.
	DecideApproval(ctx context.Context, a Approval) error
	// Approval gives one proposal. Error: mesh.NotFound.
	Approval(ctx context.Context, id string) (Approval, error)
	// Approvals finds proposals, newest first.
	Approvals(ctx context.Context, q ApprovalQuery) ([]Approval, error)
}

// ApprovalQuery selects proposals. Zero fields do not restrict.
type ApprovalQuery struct {
	Mesh   string
	State  ApprovalState
	Before string // older than this ID
	Limit  int    // 100 when zero
}

// Whoever is who asks, as far as the door has to know them to tell two people apart.
type Whoever struct {
	// Person is whose doing it is; that of a token is its owner. Empty: it is no person who has signed in.
	Person string
	// Name is what entries are signed with.
	Name string
	// Overrides says why they may not go past the second person in an emergency; nil: they may.
	Overrides func(mesh string) error
}

// Who tells who the context names.
type Who func(ctx context.Context) Whoever

// nobody is who asks where nobody is known.
func nobody(context.Context) Whoever {
	return Whoever{Overrides: func(string) error {
		return mesh.Errorf(mesh.Denied, "whoever asks is not known here: an emergency takes an administrator of the mesh")
	}}
}

// ErrDecided is in the chain of the conflict that deciding about a proposal leads to which does not wait any more.
var ErrDecided = errors.New("the proposal was decided already")

// ErrSecond is in the chain of the error that a change leads to which only a second person can let through, and for which
// nobody can be asked.
var ErrSecond = errors.New("a second person is needed")

// Held is in the chain of the error that Propose, Undo and UndoFields lead to when the change waits for a second person:
// nothing of it is in effect. It is an error so that nobody who does not know of it takes the change for made.
type Held struct{ Approval Approval }

// Error says what it waits for.
func (h *Held) Error() string {
	a := h.Approval
	return fmt.Sprintf("mesh %s asks for a second person: nothing was changed yet, and proposal %s waits until %s for somebody else who may make this change to approve it",
		a.Mesh, a.ID, stamp(a.Expires))
}

// waits gives a proposal in the shape of the change that it is to become: without an ID, and accepted by nobody.
func (a Approval) waits() Change {
	c := Change{
		Mesh: a.Mesh, Kind: mesh.KindMesh, Name: a.Mesh, Objects: a.Objects, Summary: a.Summary, Author: a.Author, Reason: a.Reason,
		At: a.At, Diff: a.Diff, Undoes: a.Undoes, State: Waiting, Override: a.Override, Waits: &a,
	}
	if len(a.Objects) == 1 {
		c.Kind, c.Name = a.Objects[0].Kind, a.Objects[0].Name
	}
	return c
}

// HeldBack tells whether an error says that a change waits for a second person, and gives it in the shape of the change that
// it is to become.
func HeldBack(err error) (Change, bool) {
	h, ok := errors.AsType[*Held](err)
	if !ok {
		return Change{}, false
	}
	return h.Approval.waits(), true
}

// Motions carries every proposal that this process records or decides, and what Hear is told of.
func (d *Door) Motions() *event.Bus[Approval] { return &d.motions }

// Approval gives a proposal as it stands. The ID may be written in capitals. Error: mesh.NotFound.
func (d *Door) Approval(ctx context.Context, id string) (Approval, error) {
	if d.approvals == nil {
		return Approval{}, noApproval(id)
	}
	a, err := d.approvals.Approval(ctx, ident.Canonical(id))
	if mesh.CodeOf(err) == mesh.NotFound {
		return Approval{}, noApproval(id)
	}
	if err != nil {
		return Approval{}, err
	}
	return d.standing(a)
}

func noApproval(id string) error {
	return mesh.Errorf(mesh.NotFound, "there is no proposal %q", mesh.Shorten(id))
}

// Approvals finds proposals as they stand, newest first.
func (d *Door) Approvals(ctx context.Context, q ApprovalQuery) ([]Approval, error) {
	if d.approvals == nil {
		return nil, nil
	}
	q.Before = ident.Canonical(q.Before)
	wanted := q.State
	if wanted == ApprovalExpired { // nobody may have written that down
		q.State = ""
	}
	found, err := d.approvals.Approvals(ctx, q)
	if err != nil {
		return nil, err
	}
	list := make([]Approval, 0, len(found))
	for _, a := range found {
		if a, err = d.standing(a); err != nil {
			return nil, err
		}
		if wanted == "" || a.State == wanted {
			list = append(list, a)
		}
	}
	return list, nil
}

// HearApproval tells of a proposal that another replica recorded or decided. Errors: as Approval's.
func (d *Door) HearApproval(ctx context.Context, id string) error {
	a, err := d.Approval(ctx, id)
	if err == nil {
		d.motions.Publish(a)
	}
	return err
}
