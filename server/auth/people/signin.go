package people

import (
	"context"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/mesh"
)

// errSignIn is what every failed sign-in is answered with: an unknown name, a wrong password and a disabled account look
// the same.
func errSignIn() error {
	return mesh.Errorf(mesh.Unauthenticated, "the name or the password is not right")
}

// SignIn checks a name and a password. Unknown names, wrong passwords and people who may not sign in cost the same and are
// answered with the same mesh.Unauthenticated. After failures from one address (of the context's Visit) for one name it
// waits before it looks, up to ten seconds; the right password is always let in. Error besides: mesh.TooMany, of which
// RetryAfter tells how long to wait. It signs nobody in: that is Sessions.Start.
func (d *Directory) SignIn(ctx context.Context, name, pass string) (Person, error) {
	name = mesh.Shorten(name)
	at := place{name: Fold(name), network: network(visitOf(ctx).Address)}
	if err := d.paced(ctx, at, name); err != nil {
		return Person{}, err
	}
	p, verdict, err := d.check(ctx, name, pass)
	if err != nil {
		d.pace.leave(at)
		return Person{}, err
	}
	if !verdict.Right || p.Disabled {
		d.pace.failed(at, d.now())
		d.audit.Record(ctx, Entry{Event: SignInFailed, Who: name})
		return Person{}, errSignIn()
	}
	d.pace.succeeded(at)
	p.Seen = d.now().UTC()
	if err := d.store.SignedIn(ctx, p, d.rehash(ctx, pass, verdict)); err != nil {
		return Person{}, err
	}
	d.audit.Record(ctx, Entry{Event: SignIn, Who: p.Name, Note: "by password"})
	return p, nil
}

// paced waits for the turn of a place.
func (d *Directory) paced(ctx context.Context, at place, name string) error {
	waited, err := d.pace.enter(ctx, at, d.now())
	if err != nil || waited > 0 {
		d.audit.Record(ctx, Entry{Event: SignInDelayed, Who: name, Note: waited.String()})
	}
	return err
}

// check looks somebody up and checks the password, at the same cost when there is nobody.
func (d *Directory) check(ctx context.Context, name, pass string) (Person, password.Verdict, error) {
	var p Person
	if _, err := Name(name); err == nil { // nobody has another, and not every database takes it
		p, err = d.store.PersonNamed(ctx, Fold(name))
		if err != nil && mesh.CodeOf(err) != mesh.NotFound {
			return Person{}, password.Verdict{}, err
		}
	}
	verdict, err := d.hasher.Check(ctx, p.Hash, pass)
	if mesh.CodeOf(err) == mesh.Internal {
		d.audit.logger.ErrorContext(ctx, "a password could not be checked", "person", p.Name, "error", err)
		err = nil
	}
	return p, verdict, err
}

// rehash gives the hash by today's parameters; empty when the recorded one has them, or the machine is busy: then next time.
func (d *Directory) rehash(ctx context.Context, pass string, v password.Verdict) string {
	if !v.Stale {
		return ""
	}
	hash, err := d.hasher.Make(ctx, pass)
	if err != nil {
		return ""
	}
	return string(hash)
}

// ChangePassword replaces the password of whoever the context names, who has to give the present one, and ends their other
// sessions; renew the present one after it (Sessions.Renew). Errors: mesh.Unauthenticated when the present one is wrong,
// mesh.Invalid for the new one, mesh.Denied for whoever has none, mesh.TooMany.
func (d *Directory) ChangePassword(ctx context.Context, present, next string) error {
	id, ok := auth.From(ctx)
	if !ok || id.Kind != auth.Person {
		return mesh.Errorf(mesh.Denied, "only a person who is signed in has a password to change")
	}
	p, err := d.store.Person(ctx, id.ID)
	if err != nil {
		return err
	}
	if p.Issuer != "" {
		return mesh.Errorf(mesh.Denied, "you sign in through %s: change your password there", p.Issuer)
	}
	if err := password.Allow(next, p.Name); err != nil {
		return err
	}
	if err := d.present(ctx, p, present); err != nil {
		return err
	}
	if p.Hash, err = d.hasher.Make(ctx, next); err != nil {
		return err
	}
	p.Version++
	err = d.store.ChangePerson(ctx, p, nil)
	d.forget(p.ID)
	if err != nil {
		return err
	}
	d.audit.Record(ctx, Entry{Event: PasswordChanged, Of: p.Name})
	_, err = d.store.EndSessions(ctx, SessionQuery{Person: p.ID, Except: id.Session})
	return err
}

// present checks the present password as a sign-in does, delays included: a browser left open is no way to guess it.
func (d *Directory) present(ctx context.Context, p Person, pass string) error {
	at := place{name: Fold(p.Name), network: network(visitOf(ctx).Address)}
	if err := d.paced(ctx, at, p.Name); err != nil {
		return err
	}
	verdict, err := d.hasher.Check(ctx, p.Hash, pass)
	switch {
	case err != nil:
		d.pace.leave(at)
		return err
	case !verdict.Right:
		d.pace.failed(at, d.now())
		d.audit.Record(ctx, Entry{Event: SignInFailed, Who: p.Name, Note: "the present password, to change it"})
		return mesh.Errorf(mesh.Unauthenticated, "the present password is not right")
	}
	d.pace.succeeded(at)
	return nil
}
