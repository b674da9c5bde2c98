package journal

import (
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// OfApproval gives the event of a proposal that waits for a second person, or that one decided about: those who may approve
// are to be told.
func OfApproval(a change.Approval, now time.Time) Event {
	e := Event{
		At: now.UTC(), Mesh: a.Mesh, Kind: KindApproval, Subject: mesh.Ref{Kind: mesh.KindMesh, Name: a.Mesh}.Path(), Severity: Info,
		What: "approval." + string(a.State), With: map[string]string{"author": a.Author, "by": a.DecidedBy, "summary": a.Summary},
		Detail: a.Reason, Change: a.Change,
	}
	if len(a.Objects) == 1 {
		e.Subject = a.Objects[0].Path()
	}
	switch a.State {
	case change.ApprovalWaiting:
		e.At, e.Severity = a.At.UTC(), Warning // somebody should look before it expires
	case change.ApprovalDeclined:
		e.Detail = a.Note
	}
	return e
}

// approvalSentences are those of what OfApproval gives.
func approvalSentences() map[string]string {
	return map[string]string{
		"approval.waiting":   "{author} asks for a second person: {summary}",
		"approval.approved":  "{by} approved what {author} proposed: {summary}",
		"approval.declined":  "{by} declined what {author} proposed: {summary}",
		"approval.withdrawn": "{author} withdrew: {summary}",
		"approval.expired":   "nobody approved in time what {author} proposed: {summary}",
	}
}
