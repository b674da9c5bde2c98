package change

import (
	"context"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// maxPast is how many past revisions are kept decoded: somebody who looks through an incident asks for the same few
// again and again.
const maxPast = 16

// Past is a mesh as it was recorded at a moment.
type Past struct {
	Name     string
	Mesh     mesh.Mesh // the zero Mesh when it was deleted at the moment
	Revision int64     // zero: nothing was recorded yet
	// From is when the revision was recorded, Until when the next one was; zero: there is none. Before the first
	// revision only Until is set; both are zero for a mesh that was never recorded.
	From, Until time.Time
}

// holds says whether the mesh was so at a moment.
func (p Past) holds(at time.Time) bool {
	return !at.Before(p.From) && (p.Until.IsZero() || at.Before(p.Until))
}

// MeshAt gives a mesh as it was recorded at a moment, with its revision then; also one that is deleted by now. The
// caller may keep it but not change it. Errors: mesh.NotFound, which says since when there is or was such a mesh;
// mesh.Unavailable.
func (d *Door) MeshAt(ctx context.Context, name string, at time.Time) (mesh.Mesh, int64, error) {
	at = at.UTC()
	p, ok := d.recall(name, at)
	if !ok {
		var err error
		if p, err = d.store.MeshAt(ctx, name, at); err != nil {
			return mesh.Mesh{}, 0, err
		}
		d.keep(p)
	}
	switch {
	case p.Mesh.Name != "":
		return p.Mesh, p.Revision, nil
	case p.Revision > 0 && p.Until.IsZero():
		return mesh.Mesh{}, p.Revision, mesh.Errorf(mesh.NotFound, "mesh %s was deleted at %s: ask for an earlier moment", name, stamp(p.From))
	case p.Revision > 0:
		return mesh.Mesh{}, p.Revision, mesh.Errorf(mesh.NotFound, "mesh %s did not exist at %s: it was deleted at %s and recorded again at %s",
			name, stamp(at), stamp(p.From), stamp(p.Until))
	case p.Until.IsZero():
		_, err := d.Mesh(name)
		if err == nil { // recorded since the store was asked
			err = mesh.Errorf(mesh.NotFound, "mesh %s was only just recorded: ask for a later moment", name)
		}
		return mesh.Mesh{}, 0, err
	default:
		return mesh.Mesh{}, 0, mesh.Errorf(mesh.NotFound, "mesh %s was first recorded at %s: ask for a later moment", name, stamp(p.Until))
	}
}

// recall finds a kept revision that held at a moment. One that was the newest when it was read has to be the newest
// still.
func (d *Door) recall(name string, at time.Time) (Past, bool) {
	d.mu.RLock()
	newest := d.meshes[name].Revision
	d.mu.RUnlock()
	d.pastMu.Lock()
	defer d.pastMu.Unlock()
	i := slices.IndexFunc(d.past, func(p Past) bool {
		return p.Name == name && p.holds(at) && (!p.Until.IsZero() || p.Revision == newest)
	})
	if i < 0 {
		return Past{}, false
	}
	p := d.past[i]
	d.past = append(slices.Delete(d.past, i, i+1), p) // the one that was asked for last goes last
	return p, true
}

// keep remembers a revision.
func (d *Door) keep(p Past) {
	if p.Revision == 0 {
		return
	}
	d.mu.RLock()
	// Readers of the present hold the newest state already: sharing it spares memory and lets them see that it is the same.
	if now := d.meshes[p.Name]; now.Revision == p.Revision {
		p.Mesh = now.Mesh
	}
	d.mu.RUnlock()
	d.pastMu.Lock()
	defer d.pastMu.Unlock()
	d.past = slices.DeleteFunc(d.past, func(o Past) bool { return o.Name == p.Name && o.Revision == p.Revision })
	if len(d.past) >= maxPast {
		d.past = slices.Delete(d.past, 0, 1)
	}
	d.past = append(d.past, p)
}
