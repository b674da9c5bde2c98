package change

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// motion is a draft as it is kept while it waits: the whole of it, so that it goes through the door again as it was asked
// for.
type motion struct {
	Put           []motionObject  `json:"put,omitempty"`
	Delete        []mesh.Ref      `json:"delete,omitempty"`
	Base          []motionVersion `json:"base,omitempty"`
	Pins          []motionVersion `json:"pins,omitempty"`
	Seen          []motionVersion `json:"seen"` // of every object that it changes, as it was when it was proposed
	Key           string          `json:"key,omitempty"`
	ConfirmWithin time.Duration   `json:"confirmWithin,omitempty"`
	Undoes        string          `json:"undoes,omitempty"`
	Takes         State           `json:"takes,omitempty"`
	Override      string          `json:"override,omitempty"`
	Back          bool            `json:"back,omitempty"`
	Note          string          `json:"note,omitempty"`
	Digest        string          `json:"digest"`
}

type motionObject struct {
	Kind   mesh.Kind       `json:"kind"`
	Object json.RawMessage `json:"object"`
}

type motionVersion struct {
	Ref     mesh.Ref `json:"ref"`
	Version int64    `json:"version"`
}

// motion gives what is kept of a draft that would make these edits.
func (t draft) motion(digest string, edits []Edit) (motion, error) {
	m := motion{
		Delete: t.Patch.Delete, Base: versionsOf(t.Base), Pins: versionsOf(t.pins), Key: t.IdempotencyKey, ConfirmWithin: t.ConfirmWithin,
		Undoes: t.Undoes, Takes: t.takes, Override: t.Override, Back: t.back, Note: t.note, Digest: digest,
	}
	for _, o := range t.Patch.Put {
		data, err := json.Marshal(o)
		if err != nil {
			return motion{}, fmt.Errorf("encode %s: %w", o.Ref(), err)
		}
		m.Put = append(m.Put, motionObject{o.Ref().Kind, data})
	}
	for _, e := range edits {
		m.Seen = append(m.Seen, motionVersion{e.Ref, e.Version - 1})
	}
	return m, nil
}

func versionsOf(of map[mesh.Ref]int64) []motionVersion {
	list := make([]motionVersion, 0, len(of))
	for _, ref := range slices.SortedFunc(maps.Keys(of), func(a, b mesh.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		list = append(list, motionVersion{ref, of[ref]})
	}
	return list
}

func versionMap(list []motionVersion) map[mesh.Ref]int64 {
	if len(list) == 0 {
		return nil
	}
	of := make(map[mesh.Ref]int64, len(list))
	for _, v := range list {
		of[v.Ref] = v.Version
	}
	return of
}

// motionOf reads what a proposal asks for.
func motionOf(a Approval) (motion, error) {
	var m motion
	if err := json.Unmarshal(a.Asked, &m); err != nil {
		return motion{}, mesh.Errorf(mesh.Internal, "proposal %s cannot be read: %w", a.ID, err)
	}
	return m, nil
}

// draft gives the draft again that a proposal was made of.
func (m motion) draft(a Approval) (draft, error) {
	t := draft{
		Proposal: Proposal{
			Mesh: a.Mesh, Author: a.Author, Reason: a.Reason, Base: versionMap(m.Base), IdempotencyKey: m.Key, ConfirmWithin: m.ConfirmWithin,
			Undoes: m.Undoes, Override: m.Override, Patch: mesh.Patch{Delete: m.Delete},
		},
		pins: versionMap(m.Pins), takes: m.Takes, back: m.Back, note: m.Note, approves: &a,
	}
	for _, each := range m.Put {
		o, err := mesh.DecodeObject(each.Kind, each.Object)
		if err != nil {
			return draft{}, err
		}
		t.Patch.Put = append(t.Patch.Put, o)
	}
	return t, nil
}

// standing gives a proposal as it stands now, with what it asks for: one whose time is over has expired, whether or not
// somebody wrote that down.
func (d *Door) standing(a Approval) (Approval, error) {
	m, err := motionOf(a)
	if err != nil {
		return Approval{}, err
	}
	a.Objects = make([]mesh.Ref, len(m.Seen))
	for i, v := range m.Seen {
		a.Objects[i] = v.Ref
	}
	a.Override, a.Undoes = m.Override, m.Undoes
	if m.ConfirmWithin > 0 {
		a.ConfirmWithin = m.ConfirmWithin.String()
	}
	if a.State == ApprovalWaiting && !d.now().Before(a.Expires) {
		by := a.Expires
		a.State, a.DecidedAt = ApprovalExpired, &by
	}
	return a, nil
}
