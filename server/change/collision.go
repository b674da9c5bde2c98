package change

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// Collision is an object that a change set and that others have set since: taking the change back is not as simple as
// setting what was before. Base is what the change made it, Theirs what it is now, Yours what it was before the change.
type Collision struct {
	Object  mesh.Ref `json:"object"`
	Version int64    `json:"version"`      // of Theirs, for whoever decides by what was seen
	By      string   `json:"by,omitempty"` // the change that made Theirs
	Fields  []Ways   `json:"fields"`       // those in which the three differ, sorted; a whole object that one lacks is the field ""

	base, theirs, yours mesh.Object
}

// Ways are three values of one field as JSON, empty where there is none.
type Ways struct {
	Field  string `json:"field"`
	Base   string `json:"base,omitempty"`
	Theirs string `json:"theirs,omitempty"`
	Yours  string `json:"yours,omitempty"`
	// Clean says that nobody but the change touched the field, so that taking it back takes nothing else away.
	Clean bool `json:"clean"`
	// Foreign says that the change did not touch the field: others did.
	Foreign bool `json:"foreign"`
}

// Collisions is the error that an undo leads to when others touched the same objects since. It is an ErrStale.
type Collisions struct {
	Change string // that was to be taken back
	List   []Collision
}

// Error says how many objects collide.
func (c *Collisions) Error() string {
	return fmt.Sprintf("%d objects of change %s were changed since", len(c.List), c.Change)
}

// Is makes it an ErrStale.
func (c *Collisions) Is(target error) bool { return target == ErrStale }

// Pick is what to take back of one object: the fields named take the value from before the change, all others stay as they
// are now.
type Pick struct {
	Object  mesh.Ref
	Version int64    // that was seen; zero: whatever it is
	Fields  []string // "" is the whole object
}

// collide says how what an entry set differs from what is now.
func collide(t draft, current Current, moved []mesh.Ref) error {
	c := &Collisions{Change: t.Undoes}
	for _, e := range t.undoes {
		if slices.Contains(moved, e.Ref) {
			c.List = append(c.List, collision(e, current))
		}
	}
	return c
}

func collision(e Edit, current Current) Collision {
	now, _ := current.Mesh.Get(e.Ref)
	c := Collision{Object: e.Ref, Version: current.Versions[e.Ref], By: current.Changed[e.Ref], base: e.After, theirs: now, yours: e.Before}
	base, theirs, yours := fieldsOf(c.base), fieldsOf(c.theirs), fieldsOf(c.yours)
	if base == nil || theirs == nil || yours == nil { // as a whole or not at all
		base, theirs, yours = wholeOf(c.base), wholeOf(c.theirs), wholeOf(c.yours)
	}
	names := slices.Concat(fieldOrder(base, theirs), fieldOrder(yours, nil))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		b, t, y := base[name], theirs[name], yours[name]
		if bytes.Equal(b, t) && bytes.Equal(t, y) {
			continue
		}
		c.Fields = append(c.Fields, Ways{
			Field: name, Base: string(b), Theirs: string(t), Yours: string(y), Clean: bytes.Equal(b, t), Foreign: bytes.Equal(b, y),
		})
	}
	return c
}

// fieldsOf gives an object's fields, nil for none.
func fieldsOf(o mesh.Object) map[string]json.RawMessage {
	if o == nil {
		return nil
	}
	return fields(o)
}

// wholeOf gives an object as its one field.
func wholeOf(o mesh.Object) map[string]json.RawMessage {
	if o == nil {
		return nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	return map[string]json.RawMessage{"": data}
}

// merge sets the fields that were picked to what they were; a nil object: it is to be deleted.
func (c Collision) merge(pick []string) (mesh.Object, error) {
	if slices.Contains(pick, "") {
		return c.yours, nil
	}
	now, before := fieldsOf(c.theirs), fieldsOf(c.yours)
	for _, name := range pick {
		if !slices.ContainsFunc(c.Fields, func(w Ways) bool { return w.Field == name }) {
			return nil, mesh.Errorf(mesh.Invalid, "%s: field %q is not among those that differ: %s", c.Object, mesh.Shorten(name), c.names())
		}
		if value, ok := before[name]; ok {
			now[name] = value
		} else {
			delete(now, name)
		}
	}
	if c.theirs == nil {
		return nil, nil
	}
	data, err := json.Marshal(now)
	if err != nil {
		return nil, fmt.Errorf("merge %s: %w", c.Object, err)
	}
	return mesh.DecodeObject(c.Object.Kind, data)
}

// names lists the fields that can be picked.
func (c Collision) names() string {
	list := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		list[i] = f.Field
	}
	return strings.Join(list, ", ")
}

// UndoFields takes back of a change what is picked of the objects that others touched since, and all of the others. Errors
// as Undo's; mesh.Invalid for a field or an object that does not collide; mesh.Conflict when an object is not any more as it
// was seen.
func (d *Door) UndoFields(ctx context.Context, id string, by By, picks []Pick) (Change, error) {
	return d.pass(ctx, func(ctx context.Context) (draft, error) {
		t, err := d.reverse(ctx, id, by, Undone)
		if err != nil {
			return draft{}, err
		}
		current := d.current(t.Mesh)
		t.Patch = mesh.Patch{}
		for _, e := range t.undoes {
			i := slices.IndexFunc(picks, func(p Pick) bool { return p.Object == e.Ref })
			if i < 0 { // as in Undo: it collides as a whole if it was touched
				t.takeBack(e)
				continue
			}
			if err := t.mergeBack(collision(e, current), picks[i]); err != nil {
				return draft{}, err
			}
		}
		for _, p := range picks {
			if !slices.ContainsFunc(t.undoes, func(e Edit) bool { return e.Ref == p.Object }) {
				return draft{}, mesh.Errorf(mesh.Invalid, "change %s did not touch %s", t.Undoes, p.Object)
			}
		}
		return t, nil
	})
}

// mergeBack adds what was picked of one object.
func (t *draft) mergeBack(c Collision, p Pick) error {
	if p.Version != 0 && p.Version != c.Version {
		return mesh.Errorf(mesh.Conflict, "%s is version %d now, and version %d was looked at: look at it again", c.Object, c.Version, p.Version)
	}
	delete(t.pins, c.Object)
	o, err := c.merge(p.Fields)
	switch {
	case err != nil:
		return err
	case o != nil:
		t.Patch.Put = append(t.Patch.Put, o)
	case c.theirs != nil:
		t.Patch.Delete = append(t.Patch.Delete, c.Object)
	}
	return nil
}

// Ways gives the three versions of every object of a change that others touched since, none when it can be taken back as it
// is. Errors: as Undo's, without the collisions.
func (d *Door) Ways(ctx context.Context, id string) ([]Collision, error) {
	r, err := d.record(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := takeable(r.Change, r.Change.Mesh); err != nil {
		return nil, err
	}
	current := d.current(r.Change.Mesh)
	var list []Collision
	for _, e := range r.Edits {
		if current.Versions[e.Ref] != e.Version {
			list = append(list, collision(e, current))
		}
	}
	return list, nil
}
