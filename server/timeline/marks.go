package timeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// maxChanges is how many changes one answer names.
const maxChanges = 500

// changes gives what was recorded after one moment and up to another, oldest first, and a note when that is too much to
// name: then the newest are there.
func (t *Timeline) changes(ctx context.Context, name string, after, until time.Time) (found []change.Change, note string, err error) {
	found, err = t.o.Ledger.Changes(ctx, change.Query{Mesh: name, After: after, Until: until, Limit: maxChanges + 1, NoEdits: true})
	if err != nil {
		return nil, "", err
	}
	if len(found) > maxChanges {
		found = found[:maxChanges]
		note = fmt.Sprintf("more than %d changes were made meanwhile: only the newest are listed", maxChanges)
	}
	slices.Reverse(found)
	if found == nil {
		found = []change.Change{}
	}
	return found, note, nil
}

// marks gives the changes within a span that concern a subject, oldest first.
func (t *Timeline) marks(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (marks []Mark, note string, err error) {
	// A change at the very start belongs to the picture.
	found, note, err := t.changes(ctx, name, over.Start.Add(-time.Nanosecond), over.End)
	if err != nil {
		return nil, "", err
	}
	concerned, err := t.concerned(ctx, name, of, over, len(found))
	if err != nil {
		return nil, "", err
	}
	marks = []Mark{}
	for _, c := range found {
		if concerned == nil || slices.ContainsFunc(c.Objects, func(ref mesh.Ref) bool { return concerned[ref] }) {
			marks = append(marks, Mark{ID: c.ID, At: c.At, Author: c.Author, Summary: c.Summary, State: string(c.State)})
		}
	}
	return marks, note, nil
}

// concerned gives the objects whose changes concern a subject, as configured at either end of a span; nil stands for
// all.
func (t *Timeline) concerned(ctx context.Context, name string, of mesh.Subject, over mesh.Span, changes int) (map[mesh.Ref]bool, error) {
	if of == (mesh.Subject{}) || changes == 0 {
		return nil, nil
	}
	refs := map[mesh.Ref]bool{{Kind: mesh.KindMesh, Name: name}: true}
	for _, at := range []time.Time{over.Start, over.End} {
		m, _, err := t.o.Ledger.MeshAt(ctx, name, at)
		if mesh.CodeOf(err) == mesh.NotFound {
			continue // it began, or ended, in between
		}
		if err != nil {
			return nil, err
		}
		concern(m, of, refs)
	}
	return refs, nil
}

// concern adds the objects of a mesh that decide what a subject carries: its ends, the services and routers by which the
// destination is called with their routes, and the routes of a gateway that calls.
func concern(m mesh.Mesh, of mesh.Subject, refs map[mesh.Ref]bool) {
	for _, id := range []string{of.From, of.To} {
		if id != "" {
			refs[refOf(id)] = true
		}
	}
	to := refOf(of.To)
	routers := make(map[string]bool)
	for _, r := range m.Routes {
		if to.Kind == mesh.KindNode && slices.ContainsFunc(r.Targets, func(w mesh.WeightedTarget) bool { return w.Node == to.Name }) {
			routers[r.Router] = true
		}
	}
	services := make(map[string]bool)
	for _, s := range m.Services {
		if s.Ref() == to && s.Router != "" {
			routers[s.Router] = true
		}
	}
	for _, s := range m.Services {
		if s.Ref() == to || s.Node != "" && to == (mesh.Ref{Kind: mesh.KindNode, Name: s.Node}) || s.Router != "" && routers[s.Router] {
			services[s.Name], refs[s.Ref()] = true, true
		}
	}
	for _, r := range m.Routers {
		if routers[r.Name] {
			refs[r.Ref()] = true
		}
	}
	for _, r := range m.Routes {
		if routers[r.Router] {
			refs[r.Ref()] = true
		}
	}
	from := refOf(of.From)
	for _, r := range m.GatewayRoutes {
		calls := from.Kind == mesh.KindGateway && r.Gateway == from.Name && services[r.Target.Service]
		if calls || to.Kind == mesh.KindGateway && r.Gateway == to.Name {
			refs[r.Ref()] = true
		}
	}
}
