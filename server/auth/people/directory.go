package people

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/mesh"
)

// remember is how long a person is taken from memory: what another replica changed counts here after that at the latest.
const remember = time.Second

// Directory is the persons: who there is, how they prove it, what they may do. What manages others asks the context for
// auth.Manage itself, whoever calls.
type Directory struct {
	store  Store
	hasher *password.Hasher
	audit  *Audit
	pace   *pace
	now    func() time.Time
	ids    ids

	mu      sync.Mutex
	changed uint64 // counts changes: what was read before one is not remembered after it
	cache   map[string]remembered
}

type remembered struct {
	person Person
	until  time.Time
}

func newDirectory(o Options, audit *Audit) *Directory {
	return &Directory{
		store: o.Store, hasher: o.Hasher, audit: audit, pace: newPace(), now: o.Now,
		cache: make(map[string]remembered),
	}
}

// Person gives a person by ID, no older than a second. Error: mesh.NotFound.
func (d *Directory) Person(ctx context.Context, id string) (Person, error) {
	now := d.now()
	d.mu.Lock()
	known, ok := d.cache[id]
	before := d.changed
	d.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.person.clone(), nil
	}
	p, err := d.store.Person(ctx, id)
	if err != nil {
		return Person{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == before {
		d.cache[id] = remembered{person: p.clone(), until: now.Add(remember)}
	}
	return p, nil
}

func (p Person) clone() Person {
	p.Grants = slices.Clone(p.Grants)
	return p
}

// forget makes the next question be asked of the store.
func (d *Directory) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed++
	delete(d.cache, id)
}

// Named gives a person by name, whatever its case. Error: mesh.NotFound.
func (d *Directory) Named(ctx context.Context, name string) (Person, error) {
	return d.store.PersonNamed(ctx, Fold(name))
}

// List gives everybody, sorted by name, to whoever may manage people. Errors: mesh.Denied, mesh.Unauthenticated.
func (d *Directory) List(ctx context.Context) ([]Person, error) {
	if err := d.audit.manage(ctx, "list people"); err != nil {
		return nil, err
	}
	list, err := d.store.Persons(ctx)
	sortByName(list)
	return list, err
}

// Empty tells whether there is nobody yet: Weir has to be set up.
func (d *Directory) Empty(ctx context.Context) (bool, error) {
	list, err := d.store.Persons(ctx)
	return len(list) == 0, err
}

// identity is what a person may be taken for now. Error: mesh.Unauthenticated when they may not sign in any more.
func (d *Directory) identity(ctx context.Context, id string) (auth.Identity, error) {
	p, err := d.Person(ctx, id)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound:
		return auth.Identity{}, errGone()
	case err != nil:
		return auth.Identity{}, err
	case p.Disabled:
		return auth.Identity{}, errGone()
	}
	return p.Identity(), nil
}

func errGone() error {
	return mesh.Errorf(mesh.Unauthenticated, "the sign-in is over: sign in again")
}
