// Package people is who may come in: persons and their passwords, the link by which the first one sets Weir up, sessions,
// API tokens, proxies' tokens, App Mesh access keys, and the log of what happened to them.
//
// It turns what somebody shows (a cookie, a bearer token, a name and a password) into an auth.Identity, or refuses; what an
// identity may do is said in server/auth. It knows no HTTP: server/gate reads headers and writes cookies. Secrets are
// kept as hashes, shown once, and never logged.
package people

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/mesh"
)

// Person is somebody who may sign in.
type Person struct {
	ID       string
	Name     string        // what they sign in with and sign changes with
	Hash     password.Hash // empty: signs in through a provider, or was invited and has not chosen a password yet
	Issuer   string        // of the identity provider; empty: a local account
	Subject  string        // who they are to the provider
	Grants   []auth.Grant
	Disabled bool
	At       time.Time // when they were added
	Seen     time.Time // when they signed in last; zero: never
	Version  int64     // of the record, for compare-and-set
}

// Invited tells whether they were added and have not chosen a password yet.
func (p Person) Invited() bool { return p.Hash == "" && p.Issuer == "" }

// Manages tells whether they can sign in as an administrator of all of Weir.
func (p Person) Manages() bool {
	return !p.Disabled && !p.Invited() && p.Identity().Can(auth.Manage, auth.Resource{}) == nil
}

// Identity is what they are to the rest of Weir.
func (p Person) Identity() auth.Identity {
	return auth.Identity{Kind: auth.Person, ID: p.ID, Person: p.ID, Name: p.Name, Grants: slices.Clone(p.Grants)}
}

// Limits of a directory, so that nobody fills the disk through it.
const (
	MaxName   = 64 // characters of a person's name
	MaxPeople = 5000
	MaxGrants = 100 // of a person or a token
)

// Letter tells whether names of people may hold a character: letters of any script, digits and . _ - @ +
func Letter(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r) || strings.ContainsRune("._-@+", r)
}

// Name gives a person's name as it is kept. Error: mesh.Invalid.
func Name(s string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(s))
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", mesh.Errorf(mesh.Invalid, "there is no name: 1 to %d letters, digits and . _ - @ +", MaxName)
	case !utf8.ValidString(name) || n > MaxName || strings.ContainsFunc(name, func(r rune) bool { return !Letter(r) }):
		return "", mesh.Errorf(mesh.Invalid, "name %q: 1 to %d letters, digits and . _ - @ +", mesh.Shorten(name), MaxName)
	case slices.Contains([]string{"anonymous", "weir", "rollout", "deadline", "open"}, Fold(name)):
		return "", mesh.Errorf(mesh.Invalid, "name %q: Weir signs with it itself: choose another", name)
	}
	return name, nil
}

// Fold gives what names are compared by: without case, whatever the script, and however its letters are composed (RFC 8265's
// UsernameCaseMapped, with Unicode's folding).
func Fold(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name))))
}

// sortByName sorts persons as they are listed.
func sortByName(list []Person) {
	slices.SortFunc(list, func(a, b Person) int { return cmp.Or(cmp.Compare(Fold(a.Name), Fold(b.Name)), cmp.Compare(a.ID, b.ID)) })
}

// checkGrants refuses too many, wrong and none. Error: mesh.Invalid.
func checkGrants(grants []auth.Grant) error {
	if len(grants) > MaxGrants {
		return mesh.Errorf(mesh.Invalid, "%d grants are too many: at most %d; patterns such as operator@shop-* cover several meshes", len(grants), MaxGrants)
	}
	for _, g := range grants {
		if err := g.Validate(); err != nil {
			return err
		}
	}
	return nil
}
