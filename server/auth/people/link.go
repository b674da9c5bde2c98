package people

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/mesh"
)

// linkFor is how long a link is good.
const linkFor = 24 * time.Hour

// Link is a one-use link's secret, which is shown once: it goes at the end of the address of the page that takes it.
type Link struct {
	Secret  string
	Expires time.Time
}

// String keeps the secret out of logs.
func (l Link) String() string {
	return "a link until " + l.Expires.UTC().Format(time.RFC3339)
}

// setupID is the ID of the only setup link there is at a time.
const setupID = "start00000"

// Setup makes the link by which the first administrator is made, while there is nobody; earlier ones are not good any more.
// false: there is somebody, and nothing was made.
func (d *Directory) Setup(ctx context.Context) (Link, bool, error) {
	if empty, err := d.Empty(ctx); err != nil || !empty {
		return Link{}, false, err
	}
	link, err := d.makeLink(ctx, Token{ID: setupID, Kind: KindSetup})
	return link, err == nil, err
}

func (d *Directory) makeLink(ctx context.Context, t Token) (Link, error) {
	secret := newSecret(linkSecret)
	t.Hash, t.At = hashOf(secret), d.now().UTC()
	t.Expires = t.At.Add(linkFor)
	if err := d.store.KeepLink(ctx, t); err != nil {
		return Link{}, err
	}
	d.audit.Record(ctx, Entry{Event: LinkMade, Of: t.Name, Note: string(t.Kind)})
	return Link{Secret: join("", t.ID, secret), Expires: t.Expires}, nil
}

// findLink gives the link that a secret belongs to, if it is good. Error: mesh.Unauthenticated.
func (d *Directory) findLink(ctx context.Context, kind TokenKind, secret string) (Token, error) {
	id, half, ok := split("", strings.TrimSpace(secret), linkSecret)
	if !ok {
		return Token{}, d.refuseLink(ctx, "malformed")
	}
	t, err := d.store.Token(ctx, id)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound:
		return Token{}, d.refuseLink(ctx, "unknown")
	case err != nil:
		return Token{}, err
	case t.Kind != kind || !sameHash(t.Hash, hashOf(half)):
		return Token{}, d.refuseLink(ctx, "unknown")
	case !t.Used.IsZero() || !t.Valid(d.now()):
		return Token{}, d.refuseLink(ctx, "used or expired")
	}
	return t, nil
}

func (d *Directory) refuseLink(ctx context.Context, why string) error {
	d.audit.Record(ctx, Entry{Event: LinkRefused, Note: why})
	return errLink()
}

// CheckSetup tells whether Begin would take a secret, so that a page can say so before anybody fills it in. Error:
// mesh.Unauthenticated.
func (d *Directory) CheckSetup(ctx context.Context, secret string) error {
	_, err := d.findLink(ctx, KindSetup, secret)
	return err
}

// Begin makes the first person, an administrator of all of Weir, by the secret of a setup link. Of two at once one wins.
// Errors: mesh.Unauthenticated for the link, mesh.Conflict when there is somebody, mesh.Invalid for name and password.
func (d *Directory) Begin(ctx context.Context, secret, name, pass string) (Person, error) {
	link, err := d.findLink(ctx, KindSetup, secret)
	if err != nil {
		return Person{}, err
	}
	return d.first(ctx, name, pass, link.Hash)
}

// Bootstrap makes the first person, an administrator of all of Weir, with the password that a file holds; nothing when there
// is somebody. The end of a last line is no part of the password. false: nothing was made. Errors: mesh.Invalid for the
// name, the file and what it holds.
func (d *Directory) Bootstrap(ctx context.Context, name, file string) (bool, error) {
	if empty, err := d.Empty(ctx); err != nil || !empty {
		return false, err
	}
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 4<<10 {
		return false, mesh.Errorf(mesh.Invalid, "password file %s: there is no such file, or it cannot be one of a password: %w", file, err)
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator's own file
	if err != nil {
		return false, mesh.Errorf(mesh.Invalid, "password file %s cannot be read: %w", file, err)
	}
	pass := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	_, err = d.first(ctx, name, pass, nil)
	switch mesh.CodeOf(err) {
	case "":
		return true, nil
	case mesh.Conflict: // another replica was faster
		return false, nil
	case mesh.Invalid:
		return false, mesh.Errorf(mesh.Invalid, "password file %s: %w", file, err)
	}
	return false, err
}

func (d *Directory) first(ctx context.Context, name, pass string, linkHash []byte) (Person, error) {
	p, err := d.newPerson(name, []auth.Grant{{Role: auth.Admin}})
	if err != nil {
		return Person{}, err
	}
	if err := password.Allow(pass, p.Name); err != nil {
		return Person{}, err
	}
	if p.Hash, err = d.hasher.Make(ctx, pass); err != nil {
		return Person{}, err
	}
	if linkHash != nil { // whoever opened the link is in now
		p.Seen = p.At
	}
	if err := d.store.FirstPerson(ctx, p, linkHash); err != nil {
		return Person{}, err
	}
	d.audit.Record(ctx, Entry{Event: PersonAdded, Who: p.Name, Of: p.Name, Note: "the first: " + words(p.Grants)})
	return p, nil
}

func (d *Directory) invite(ctx context.Context, p Person) (Link, error) {
	if p.Issuer != "" {
		return Link{}, mesh.Errorf(mesh.Conflict, "%s signs in through %s and has no password here", p.Name, p.Issuer)
	}
	return d.makeLink(ctx, Token{ID: d.ids.next(d.now()), Kind: KindInvite, Name: p.Name, Owner: p.ID})
}

// Invited gives whom an invitation is for. Error: mesh.Unauthenticated.
func (d *Directory) Invited(ctx context.Context, secret string) (Person, error) {
	_, p, err := d.invited(ctx, secret)
	return p, err
}

func (d *Directory) invited(ctx context.Context, secret string) (Token, Person, error) {
	link, err := d.findLink(ctx, KindInvite, secret)
	if err != nil {
		return Token{}, Person{}, err
	}
	p, err := d.store.Person(ctx, link.Owner)
	if mesh.CodeOf(err) == mesh.NotFound || err == nil && p.Disabled {
		return Token{}, Person{}, d.refuseLink(ctx, "its person is disabled or gone")
	}
	return link, p, err
}

// Accept sets the password of whom an invitation is for, and ends their sessions. Errors: mesh.Unauthenticated for the link,
// mesh.Invalid for the password, mesh.TooMany.
func (d *Directory) Accept(ctx context.Context, secret, pass string) (Person, error) {
	link, p, err := d.invited(ctx, secret)
	if err != nil {
		return Person{}, err
	}
	if err := password.Allow(pass, p.Name); err != nil {
		return Person{}, err
	}
	if p.Hash, err = d.hasher.Make(ctx, pass); err != nil {
		return Person{}, err
	}
	p.Version++
	link.Used = d.now().UTC()
	p.Seen = link.Used // whoever opened the link is in now
	err = d.store.UseLink(ctx, link, p)
	d.forget(p.ID)
	if err != nil {
		return Person{}, err
	}
	d.audit.Record(ctx, Entry{Event: LinkUsed, Who: p.Name, Of: p.Name, Note: "chose a password"})
	_, err = d.store.EndSessions(ctx, SessionQuery{Person: p.ID})
	return p, err
}
