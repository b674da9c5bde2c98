package people

import (
	"context"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/mesh"
)

// Add makes a person who chooses a password by a link, which is good once, for a day. Whoever the context names has to
// manage people. Errors: mesh.Invalid, mesh.Conflict when the name is taken, mesh.Denied.
func (d *Directory) Add(ctx context.Context, name string, grants []auth.Grant) (Person, Link, error) {
	p, err := d.add(ctx, name, "", grants)
	if err != nil {
		return Person{}, Link{}, err
	}
	link, err := d.invite(ctx, p)
	return p, link, err
}

// AddWithPassword makes a person with a password, for automation: a link is better, since nobody but its person then knows
// the password. Errors as Add's, and mesh.TooMany.
func (d *Directory) AddWithPassword(ctx context.Context, name, pass string, grants []auth.Grant) (Person, error) {
	if err := d.audit.manage(ctx, "add person"); err != nil {
		return Person{}, err
	}
	if err := password.Allow(pass, strings.TrimSpace(name)); err != nil {
		return Person{}, err
	}
	hash, err := d.hasher.Make(ctx, pass)
	if err != nil {
		return Person{}, err
	}
	return d.add(ctx, name, hash, grants)
}

func (d *Directory) add(ctx context.Context, name string, hash password.Hash, grants []auth.Grant) (Person, error) {
	if err := d.audit.manage(ctx, "add person"); err != nil {
		return Person{}, err
	}
	p, err := d.newPerson(name, grants)
	if err != nil {
		return Person{}, err
	}
	p.Hash = hash
	if err := d.store.AddPerson(ctx, p, roomForOne); err != nil {
		return Person{}, err
	}
	d.audit.Record(ctx, Entry{Event: PersonAdded, Of: p.Name, Note: words(p.Grants)})
	return p, nil
}

// newPerson is a person as they are recorded first.
func (d *Directory) newPerson(name string, grants []auth.Grant) (Person, error) {
	name, err := Name(name)
	if err != nil {
		return Person{}, err
	}
	if err := checkGrants(grants); err != nil {
		return Person{}, err
	}
	now := d.now().UTC()
	return Person{ID: d.ids.next(now), Name: name, Grants: slices.Clone(grants), At: now, Version: 1}, nil
}

func roomForOne(all []Person) error {
	if len(all) > MaxPeople {
		return mesh.Errorf(mesh.Conflict, "there are %d people already and there is room for no more: remove some, or use an identity provider for fewer", MaxPeople)
	}
	return nil
}

// Invite makes a link by which a person chooses a password, the first or a new one; it is good once, for a day, and earlier
// ones are not any more. A present password counts until then. Errors: mesh.NotFound, mesh.Denied, mesh.Conflict for whoever
// signs in through an identity provider.
func (d *Directory) Invite(ctx context.Context, id string) (Link, error) {
	if err := d.audit.manage(ctx, "invite"); err != nil {
		return Link{}, err
	}
	p, err := d.store.Person(ctx, id)
	if err != nil {
		return Link{}, err
	}
	return d.invite(ctx, p)
}

// Grant replaces what a person may do. version is that of the record it was decided on, 0 for any. Errors: mesh.Invalid,
// mesh.NotFound, mesh.Denied, mesh.Conflict when somebody changed the person first or nobody could manage Weir any more.
func (d *Directory) Grant(ctx context.Context, id string, version int64, grants []auth.Grant) (Person, error) {
	if err := checkGrants(grants); err != nil {
		return Person{}, err
	}
	return d.edit(ctx, id, version, func(p *Person) string {
		p.Grants = slices.Clone(grants)
		return "may " + words(grants)
	})
}

// Disable keeps a person from signing in and ends their sessions; their tokens stop counting. Errors as Grant's.
func (d *Directory) Disable(ctx context.Context, id string) (Person, error) {
	p, err := d.edit(ctx, id, 0, func(p *Person) string {
		p.Disabled = true
		return "disabled"
	})
	if err != nil {
		return Person{}, err
	}
	_, err = d.store.EndSessions(ctx, SessionQuery{Person: id})
	return p, err
}

// Enable lets a person sign in again; their tokens count again. Errors as Grant's.
func (d *Directory) Enable(ctx context.Context, id string) (Person, error) {
	return d.edit(ctx, id, 0, func(p *Person) string {
		p.Disabled = false
		return "enabled"
	})
}

// tries is how often a change is made again that somebody else's came before.
const tries = 5

// edit changes a person's record and sees that somebody is left who manages Weir.
func (d *Directory) edit(ctx context.Context, id string, version int64, change func(*Person) (note string)) (Person, error) {
	if err := d.audit.manage(ctx, "change person "+id); err != nil {
		return Person{}, err
	}
	for try := 1; ; try++ {
		p, err := d.store.Person(ctx, id)
		if err != nil {
			return Person{}, err
		}
		if version != 0 && version != p.Version {
			return Person{}, mesh.Errorf(mesh.Conflict, "%s was changed by somebody else meanwhile: look at it and try again", p.Name)
		}
		note := change(&p)
		p.Version++
		err = d.store.ChangePerson(ctx, p, somebodyManages)
		d.forget(id)
		if mesh.CodeOf(err) == mesh.Conflict && try < tries && version == 0 && !lastAdmin(err) {
			continue
		}
		if err != nil {
			return Person{}, err
		}
		d.audit.Record(ctx, Entry{Event: PersonChanged, Of: p.Name, Note: note})
		return p, nil
	}
}

// Remove forgets a person, ends their sessions and revokes their tokens. Errors as Grant's.
func (d *Directory) Remove(ctx context.Context, id string) error {
	if err := d.audit.manage(ctx, "remove person "+id); err != nil {
		return err
	}
	p, err := d.store.Person(ctx, id)
	if err != nil {
		return err
	}
	err = d.store.RemovePerson(ctx, p, actor(ctx), d.now(), somebodyManages)
	d.forget(id)
	if err != nil {
		return err
	}
	d.audit.Record(ctx, Entry{Event: PersonRemoved, Of: p.Name})
	return nil
}

// words writes grants as commands take them.
func words(grants []auth.Grant) string {
	if len(grants) == 0 {
		return "nothing"
	}
	list := make([]string, len(grants))
	for i, g := range grants {
		list[i] = g.String()
	}
	return strings.Join(list, " ")
}
