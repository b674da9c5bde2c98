package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// People are those who may come in; people.Directory knows them and asks whether the caller may manage them.
type People interface {
	List(ctx context.Context) ([]people.Person, error)
	Named(ctx context.Context, name string) (people.Person, error)
	Add(ctx context.Context, name string, grants []auth.Grant) (people.Person, people.Link, error)
	Grant(ctx context.Context, id string, version int64, grants []auth.Grant) (people.Person, error)
	Invite(ctx context.Context, id string) (people.Link, error)
}

// Standing is whether people may come in at all; people.Directory changes it.
type Standing interface {
	Disable(ctx context.Context, id string) (people.Person, error)
	Enable(ctx context.Context, id string) (people.Person, error)
	Remove(ctx context.Context, id string) error
}

// Person is somebody who may sign in.
type Person struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Grants   []string   `json:"grants" nullable:"false" doc:"What they may do: operator, operator@shop, operator@shop/reviews*"`
	Issuer   string     `json:"issuer,omitempty" doc:"The identity provider that they sign in through; left out: a password."`
	Invited  bool       `json:"invited,omitempty" doc:"They have not chosen a password yet."`
	Disabled bool       `json:"disabled,omitempty"`
	At       time.Time  `json:"at" doc:"When they were added."`
	Seen     *time.Time `json:"seen,omitempty" doc:"When they signed in last."`
	Version  int64      `json:"version"`
	Invite   *Invite    `json:"invite,omitempty" doc:"Of somebody who was just invited: the link by which they choose a password."`
}

// Invite is a link that is good once. It is answered once and cannot be found out again.
type Invite struct {
	Path    string    `json:"path" doc:"Below the console's address."`
	Expires time.Time `json:"expires"`
}

// Me is who asks.
type Me struct {
	Kind   auth.Kind `json:"kind" enum:"person,token,key,open"`
	Name   string    `json:"name,omitempty"`
	Grants []string  `json:"grants" nullable:"false"`
	Limit  []string  `json:"limit,omitempty" nullable:"false" doc:"Of a token: what it is narrowed to."`
}

// PersonNamed names somebody in an address.
type PersonNamed struct {
	Name string `path:"name" maxLength:"256"`
}

type addPersonInput struct {
	Body struct {
		Name   string   `json:"name" required:"true" maxLength:"256"`
		Grants []string `json:"grants,omitempty" nullable:"false" maxItems:"100" doc:"operator, operator@shop, operator@shop/reviews*"`
	}
}

type grantInput struct {
	PersonNamed
	Body struct {
		Grants  []string `json:"grants" required:"true" nullable:"false" maxItems:"100" doc:"All that they may do from now on."`
		Version int64    `json:"version,omitempty" doc:"The version that was read; 409 when somebody changed it since. Left out: any."`
	}
}

// peopleRoutes adds the addresses of people.
func (a *API) peopleRoutes() {
	huma.Register(a.huma, operation("get-me", http.MethodGet, "/me", "Show who asks, and what they may do"), a.getMe)
	huma.Register(a.huma, operation("list-people", http.MethodGet, "/people", "List who may sign in"), a.listPeople)
	add := operation("add-person", http.MethodPost, "/people", "Let somebody in: they choose a password by a link")
	add.DefaultStatus = http.StatusCreated
	huma.Register(a.huma, add, a.addPerson)
	huma.Register(a.huma, operation("get-person", http.MethodGet, "/people/{name}", "Show somebody"), func(ctx context.Context, in *PersonNamed) (*answer[Person], error) {
		return a.onPerson(ctx, in.Name, func(p people.Person) (people.Person, error) { return p, nil })
	})
	huma.Register(a.huma, operation("grant-person", http.MethodPut, "/people/{name}/grants", "Say what somebody may do"), func(ctx context.Context, in *grantInput) (*answer[Person], error) {
		return a.onPerson(ctx, in.Name, func(p people.Person) (people.Person, error) {
			grants, err := grantsOf(in.Body.Grants)
			if err != nil {
				return p, err
			}
			return a.o.People.Grant(ctx, p.ID, in.Body.Version, grants)
		})
	})
	for _, v := range []struct {
		name, summary string
		do            func(ctx context.Context, id string) (people.Person, error)
	}{
		{"disable", "Keep somebody from signing in; their tokens stop counting", func(ctx context.Context, id string) (people.Person, error) { return a.o.Standing.Disable(ctx, id) }},
		{"enable", "Let somebody sign in again", func(ctx context.Context, id string) (people.Person, error) { return a.o.Standing.Enable(ctx, id) }},
	} {
		huma.Register(a.huma, operation(v.name+"-person", http.MethodPost, "/people/{name}/"+v.name, v.summary), func(ctx context.Context, in *PersonNamed) (*answer[Person], error) {
			return a.onPerson(ctx, in.Name, func(p people.Person) (people.Person, error) { return v.do(ctx, p.ID) })
		})
	}
	huma.Register(a.huma, operation("invite-person", http.MethodPost, "/people/{name}/invite", "Make a link by which somebody chooses a password; earlier ones are not good any more"), a.invitePerson)
	huma.Register(a.huma, operation("remove-person", http.MethodDelete, "/people/{name}", "Forget somebody; their sessions and tokens end"), func(ctx context.Context, in *PersonNamed) (*answer[Person], error) {
		return a.onPerson(ctx, in.Name, func(p people.Person) (people.Person, error) { return p, a.o.Standing.Remove(ctx, p.ID) })
	})
}

func (a *API) getMe(ctx context.Context, _ *struct{}) (*answer[Me], error) {
	id, _ := auth.From(ctx) // rights let nobody come here who is not known
	me := Me{Kind: id.Kind, Name: id.Name, Grants: grantWords(id.Grants)}
	if id.Limit != nil {
		me.Limit = grantWords(id.Limit)
	}
	return &answer[Me]{Status: http.StatusOK, Body: me}, nil
}

func (a *API) listPeople(ctx context.Context, _ *struct{}) (*answer[list[Person]], error) {
	if a.o.People == nil {
		return nil, noSignIn()
	}
	found, err := a.o.People.List(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	items := make([]Person, len(found))
	for i, p := range found {
		items[i] = personOf(p)
	}
	return &answer[list[Person]]{Status: http.StatusOK, Body: list[Person]{Items: items}}, nil
}

func (a *API) addPerson(ctx context.Context, in *addPersonInput) (*answer[Person], error) {
	if a.o.People == nil {
		return nil, noSignIn()
	}
	grants, err := grantsOf(in.Body.Grants)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p, link, err := a.o.People.Add(ctx, in.Body.Name, grants)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := personOf(p)
	out.Invite = inviteOf(link)
	return &answer[Person]{Status: http.StatusCreated, Body: out}, nil
}

func (a *API) invitePerson(ctx context.Context, in *PersonNamed) (*answer[Person], error) {
	var link people.Link
	out, err := a.onPerson(ctx, in.Name, func(p people.Person) (people.Person, error) {
		var err error
		link, err = a.o.People.Invite(ctx, p.ID)
		return p, err
	})
	if err != nil {
		return nil, err
	}
	out.Body.Invite = inviteOf(link)
	return out, nil
}

// onPerson does something to somebody and answers with them as they are then.
func (a *API) onPerson(ctx context.Context, name string, do func(people.Person) (people.Person, error)) (*answer[Person], error) {
	if a.o.People == nil {
		return nil, noSignIn()
	}
	p, err := a.o.People.Named(ctx, name)
	if err == nil {
		p, err = do(p)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[Person]{Status: http.StatusOK, Body: personOf(p)}, nil
}

func noSignIn() error {
	return problem(http.StatusNotImplemented, "this Weir has no sign-in, so there are no people and no tokens: start it without --open")
}

func personOf(p people.Person) Person {
	return Person{
		ID: p.ID, Name: p.Name, Grants: grantWords(p.Grants), Issuer: p.Issuer, Invited: p.Invited(), Disabled: p.Disabled,
		At: p.At, Seen: moment(p.Seen), Version: p.Version,
	}
}

func inviteOf(l people.Link) *Invite { return &Invite{Path: "/invite/" + l.Secret, Expires: l.Expires} }

func grantWords(grants []auth.Grant) []string {
	words := make([]string, len(grants))
	for i, g := range grants {
		words[i] = g.String()
	}
	return words
}

// grantsOf reads grants as callers write them.
func grantsOf(words []string) ([]auth.Grant, error) {
	grants := make([]auth.Grant, len(words))
	for i, word := range words {
		var err error
		if grants[i], err = auth.ParseGrant(word); err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "grants[%d]: %w", i, err)
		}
	}
	return grants, nil
}
