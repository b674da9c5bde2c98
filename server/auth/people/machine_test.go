package people_test

import (
	"errors"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// TestSomebodyAlwaysManages has administrators do to each other what they like: what is recorded is what was answered, and
// once somebody could manage Weir, somebody always can.
func TestSomebodyAlwaysManages(t *testing.T) {
	w := newWorld(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		for _, p := range must[[]people.Person](t)(w.store.Persons(t.Context())) {
			if err := w.store.RemovePerson(t.Context(), p, "", w.clock(), nil); err != nil {
				t.Fatal(err)
			}
		}
		ctx, model := root(t), map[string]people.Person{}
		first := w.add(t, "boss"+strconv.Itoa(round), "admin")
		model[first.ID] = first
		pick := func() people.Person {
			list := must[[]people.Person](t)(w.Directory.List(ctx))
			return list[rapid.IntRange(0, len(list)-1).Draw(rt, "who")]
		}
		settle := func(p people.Person, err error, next people.Person) {
			without := 0
			for id, other := range model {
				if id != p.ID && other.Manages() {
					without++
				}
			}
			last := without == 0 && !next.Manages()
			if (err == nil) == last || last && !errors.Is(err, people.ErrLastAdmin) {
				rt.Fatalf("%s from %+v to %+v with %d others: %v", p.Name, p.Grants, next.Grants, without, err)
			}
		}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				p, _, err := w.Directory.Add(ctx, "p"+strconv.Itoa(len(model))+"-"+strconv.Itoa(round)+"-"+strconv.Itoa(rapid.IntRange(0, 1000).Draw(rt, "name")), grants(t, "admin"))
				if mesh.CodeOf(err) == mesh.Conflict {
					continue
				}
				model[p.ID] = p
			case 1:
				p := pick()
				may := grants(t, rapid.SampledFrom([]string{"", "viewer", "admin", "admin@shop", "operator viewer"}).Draw(rt, "grants"))
				next := p
				next.Grants = may
				got, err := w.Directory.Grant(ctx, p.ID, 0, may)
				if settle(p, err, next); err == nil {
					model[p.ID] = got
				}
			case 2:
				p := pick()
				next := p
				next.Disabled = true
				got, err := w.Directory.Disable(ctx, p.ID)
				if settle(p, err, next); err == nil {
					model[p.ID] = got
				}
			case 3:
				p := pick()
				got, err := w.Directory.Enable(ctx, p.ID)
				if err != nil {
					rt.Fatal(err)
				}
				model[p.ID] = got
			case 4:
				p := pick()
				err := w.Directory.Remove(ctx, p.ID)
				if settle(p, err, people.Person{}); err == nil {
					delete(model, p.ID)
				}
			}
			agree(rt, must[[]people.Person](t)(w.Directory.List(ctx)), model)
		}
	})
}

// agree holds what is recorded against what was answered.
func agree(t *rapid.T, list []people.Person, model map[string]people.Person) {
	managers := 0
	for _, p := range list {
		m, ok := model[p.ID]
		if !ok || m.Disabled != p.Disabled || m.Version != p.Version || len(m.Grants) != len(p.Grants) {
			t.Fatalf("%+v is recorded, %+v was answered", p, m)
		}
		if p.Manages() {
			managers++
		}
		if p.Disabled && p.Identity().Can(auth.Manage, auth.Resource{}) == nil && p.Manages() {
			t.Fatalf("%+v", p)
		}
	}
	if managers == 0 || len(list) != len(model) {
		t.Fatalf("%d manage, %d are recorded, %d are known", managers, len(list), len(model))
	}
}
