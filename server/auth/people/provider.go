package people

import (
	"context"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// Claim is what an identity provider says of somebody who has proved who they are to it.
type Claim struct {
	Issuer  string // required
	Subject string // required: who they are there, for good
	Name    string // by which they are known here
	Grants  []auth.Grant
}

// Recognise gives the person that a provider vouches for, and makes one at the first time. Their name and what they may do
// are the provider's word, and follow it at each sign-in, also when that leaves nobody to manage Weir: the provider can make
// another administrator. A name that somebody else has here is refused, since they could be anybody. Errors: mesh.Conflict for
// the name, mesh.Invalid for a claim, mesh.Unauthenticated for whoever is disabled here. It signs nobody in: that is
// Sessions.Start.
func (d *Directory) Recognise(ctx context.Context, c Claim) (Person, error) {
	if c.Issuer == "" || c.Subject == "" || len(c.Issuer) > maxClaim || len(c.Subject) > maxClaim {
		return Person{}, mesh.Errorf(mesh.Invalid, "the identity provider names no issuer and subject of at most %d bytes", maxClaim)
	}
	want, err := d.newPerson(c.Name, c.Grants)
	if err != nil {
		return Person{}, err
	}
	want.Issuer, want.Subject, want.Seen = c.Issuer, c.Subject, d.now().UTC()
	p, err := d.store.PersonOf(ctx, c.Issuer, c.Subject)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound:
		if err := d.store.AddPerson(ctx, want, roomForOne); err != nil {
			return Person{}, err
		}
		p = want
		d.audit.Record(ctx, Entry{Event: PersonAdded, Who: p.Name, Of: p.Name, Note: "by " + c.Issuer + ": " + words(p.Grants)})
	case err != nil:
		return Person{}, err
	case p.Disabled:
		d.audit.Record(ctx, Entry{Event: SignInFailed, Who: p.Name, Note: "disabled here; " + c.Issuer})
		return Person{}, errSignIn()
	default:
		if p, err = d.follow(ctx, p, want); err != nil {
			return Person{}, err
		}
	}
	d.audit.Record(ctx, Entry{Event: SignIn, Who: p.Name, Note: "through " + c.Issuer})
	return p, nil
}

// maxClaim is the length of an issuer and of a subject in bytes.
const maxClaim = 1 << 10

// follow makes a person what their provider says.
func (d *Directory) follow(ctx context.Context, p, want Person) (Person, error) {
	for try := 1; ; try++ {
		is := words(want.Grants)
		if p.Name == want.Name && words(p.Grants) == is {
			p.Seen = want.Seen
			return p, d.store.SignedIn(ctx, p, "")
		}
		next := p
		next.Name, next.Grants, next.Seen = want.Name, want.Grants, want.Seen
		next.Version++
		err := d.store.ChangePerson(ctx, next, nil)
		d.forget(p.ID)
		if err == nil {
			d.audit.Record(ctx, Entry{Event: PersonChanged, Who: next.Name, Of: next.Name, Note: "by " + next.Issuer + ": may " + is})
			return next, nil
		}
		// Two browsers of one person sign in at once: the second finds what the first recorded.
		again, lost := d.store.Person(ctx, p.ID)
		if lost != nil || again.Version == p.Version || mesh.CodeOf(err) != mesh.Conflict || try == tries {
			return Person{}, err
		}
		p = again
	}
}
