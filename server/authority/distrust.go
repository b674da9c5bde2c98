package authority

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// distrustTries is how often it is tried to have a root in the place of one that is distrusted.
const distrustTries = 3

// Distrust forgets a root, by its ID, whose key somebody else may have: no certificate under it counts any more, here at once
// and on other replicas as soon as they look. Another root is made before, if none is left, so that proxies can enrol again
// at once. Errors: mesh.NotFound, mesh.Unavailable; then the root is trusted still.
func (a *Authority) Distrust(ctx context.Context, id string) error {
	id = strings.ToLower(strings.TrimSpace(id))
	for range distrustTries {
		kept, err := a.store.Authorities(ctx)
		if err != nil {
			return err
		}
		roots, err := readRoots(kept)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(roots, func(r root) bool { return r.ID == id }) {
			return mesh.Errorf(mesh.NotFound, "the authority for proxies has no root %q: weir certificate authority --ids lists them", mesh.Shorten(id))
		}
		after := roots[len(roots)-1].ID
		rest := slices.DeleteFunc(roots, func(r root) bool { return r.ID == id })
		if due(rest, a.now()) {
			made, err := a.newRoot()
			if err != nil {
				return err
			}
			err = a.store.AddAuthority(ctx, made, after)
			if mesh.CodeOf(err) == mesh.Conflict { // another replica was first
				continue
			}
			if err != nil {
				return err
			}
		}
		if err := a.store.RemoveAuthority(ctx, id); err != nil {
			return err
		}
		a.forget(id)
		a.log.Warn("a root of the authority for proxies is distrusted: its certificates count no more", "root", id)
		return nil
	}
	return mesh.Errorf(mesh.Unavailable, "root %s was not distrusted, since other replicas made roots in the same moment: try again", mesh.Shorten(id))
}

// forget leaves a root out of what is known, and has the rest read again.
func (a *Authority) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone[id] = true
	a.roots = slices.DeleteFunc(slices.Clone(a.roots), func(r root) bool { return r.ID == id })
	a.looked = a.looked.Add(-lookEvery)
}

// Signers gives the IDs of the roots whose certificates count, as they were known a moment ago at most. Error:
// mesh.Unavailable when none was ever read.
func (a *Authority) Signers(ctx context.Context) ([]string, error) {
	roots, err := a.known(ctx, lookAgain)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(roots))
	for i, r := range roots {
		ids[i] = r.ID
	}
	return ids, nil
}

// stillSigns tells whether the root of one of its own certificates is among those that are known; it asks nobody.
func (a *Authority) stillSigns(leaf *x509.Certificate) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.roots, func(r root) bool { return bytes.Equal(r.cert.SubjectKeyId, leaf.AuthorityKeyId) })
}

// ID is that of a root, by which it is distrusted.
func ID(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }
