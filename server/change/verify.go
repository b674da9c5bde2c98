package change

import (
	"fmt"

	"github.com/weirmesh/weir/server/mesh"
)

// verifier reads a mesh's entries from the newest to the oldest.
type verifier struct {
	Verification
	top     head
	now     Current
	later   *Record           // the entry that was read before, which follows in the ledger
	objects map[mesh.Ref]bool // whose newest edit was compared with the mesh
	undone  map[string]string // by ID of an entry, which later one takes it back
}

func (v *verifier) fail(r *Record, format string, args ...any) {
	v.Broken = append(v.Broken, Break{})
	b := &v.Broken[len(v.Broken)-1]
	b.Message = fmt.Sprintf(format, args...)
	if r != nil {
		b.ID, b.Revision = r.Change.ID, r.Change.Accepted.Revision
	}
	if len(v.Broken) > maxBreaks {
		v.Broken = v.Broken[:maxBreaks]
	}
}

// take reads the next older entry.
func (v *verifier) take(r Record) error {
	if err := v.link(&r); err != nil {
		return err
	}
	v.Entries++
	if r.Change.Hash == "" {
		v.Unchained++
	} else {
		v.Chained++
	}
	v.states(&r)
	v.compare(&r)
	v.later = &r
	return nil
}

// link checks the entry that was read before against this one, or the newest against what the door wrote last.
func (v *verifier) link(r *Record) error {
	c := r.Change
	if v.later == nil {
		if c.ID != v.top.id || c.Accepted.Revision != v.now.Revision {
			v.fail(r, "the ledger ends here, and the newest entry should be %s, revision %d: entries were removed", v.top.id, v.now.Revision)
		} else if c.Hash != v.top.hash {
			v.fail(r, "its hash is not the one that was written")
		}
		return nil
	}
	if was := v.later.Change.Accepted.Revision; c.Accepted.Revision != was-1 {
		v.fail(v.later, "before it comes revision %d: entries were removed or inserted", c.Accepted.Revision)
	}
	return v.check(v.later, c.Hash)
}

// check computes an entry's hash again.
func (v *verifier) check(r *Record, previous string) error {
	hash := r.Change.Hash
	if hash == "" {
		if previous != "" {
			v.fail(r, "it has no hash, and the entry before it has one: the hash was removed")
		}
		return nil
	}
	want, err := Seal(previous, *r)
	if err != nil {
		return err
	}
	if want != hash {
		v.fail(r, "it is not what was recorded: it was altered, or the one before it was")
	}
	return nil
}

// states compares an entry's state with the entries that take others back, which are part of the chain.
func (v *verifier) states(r *Record) {
	c := r.Change
	by, taken := v.undone[c.ID]
	switch back := c.State == Undone || c.State == Reverted; {
	case taken && (!back || c.UndoneBy != by):
		v.fail(r, "change %s takes it back, and its state is %s", by, c.State)
	case back && !taken && c.UndoneBy <= v.top.id: // a later one may have come while this is read
		v.fail(r, "its state is %s, and no change takes it back", c.State)
	}
	if c.Undoes != "" {
		v.undone[c.Undoes] = c.ID
	}
}

// compare holds an object's newest edit against the mesh.
func (v *verifier) compare(r *Record) {
	for _, e := range r.Edits {
		if v.objects[e.Ref] {
			continue
		}
		v.objects[e.Ref] = true
		o, exists := v.now.Mesh.Get(e.Ref)
		if exists != (e.After != nil) || exists && !equal(o, e.After) {
			v.fail(r, "%s is not what its newest entry made it: the mesh was altered beside the ledger", e.Ref)
		}
	}
}

// end checks the oldest entry.
func (v *verifier) end() error {
	if v.later == nil {
		v.fail(nil, "the ledger is empty, and revision %d was recorded", v.now.Revision)
	} else {
		if v.later.Change.Accepted.Revision != 1 {
			v.fail(v.later, "it is the oldest entry, and revision 1 should be: entries were removed")
		}
		if err := v.check(v.later, ""); err != nil {
			return err
		}
	}
	v.OK = len(v.Broken) == 0
	return nil
}
