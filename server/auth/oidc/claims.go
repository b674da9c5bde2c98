package oidc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// rules say what the provider's claims mean here.
type rules struct {
	groups, name string // claims
	roles        map[string][]auth.Grant
	fallback     []auth.Grant
}

// needs tells whether something that decides is not among the claims.
func (r rules) needs(claims map[string]any) bool {
	_, name := lookup(claims, r.name)
	_, groups := lookup(claims, r.groups)
	return !name || !groups && len(r.roles) > 0
}

// claim says what somebody is here. Its name is filled in with an error too, where it is known. Errors: mesh.Invalid when the
// claims cannot be read, mesh.Denied when they allow nothing.
func (r rules) claim(issuer string, claims map[string]any) (people.Claim, error) {
	subject, _ := claims["sub"].(string)
	out := people.Claim{Issuer: issuer, Subject: subject}
	value, _ := lookup(claims, r.name)
	name, ok := value.(string)
	if !ok || name == "" {
		return out, mesh.Errorf(mesh.Invalid,
			"the identity provider does not say by which name you go, in the claim %s: whoever runs Weir has to set oidc.nameClaim to one that it sends (%s)", r.name, names(claims))
	}
	if verified, given := claims["email_verified"]; r.name == "email" && given && verified != true && verified != "true" {
		return out, mesh.Errorf(mesh.Denied, "the identity provider has not verified that the address %s is yours: do that there first", mesh.Shorten(name))
	}
	out.Name = name
	groups, given, err := r.member(claims)
	if err != nil {
		return out, err
	}
	out.Grants = r.grants(groups)
	if len(out.Grants) > 0 {
		return out, nil
	}
	_, left := claims["_claim_names"].(map[string]any)
	switch {
	case given:
		return out, mesh.Errorf(mesh.Denied, "%s, the identity provider names %s of yours, of which none may use Weir: ask whoever runs it to name one under oidc.roles", mesh.Shorten(name), count(len(groups)))
	case left:
		return out, mesh.Errorf(mesh.Denied, "%s, you are in more groups than the identity provider sends: whoever runs Weir has to make it send only those of oidc.roles", mesh.Shorten(name))
	}
	return out, mesh.Errorf(mesh.Denied, "%s, the identity provider does not say in which groups you are, in the claim %s: whoever runs Weir has to make it send that, or set oidc.groupsClaim", mesh.Shorten(name), r.groups)
}

func count(groups int) string {
	if groups == 1 {
		return "one group"
	}
	return fmt.Sprintf("%d groups", groups)
}

// member reads the groups; false: the claim is not there.
func (r rules) member(claims map[string]any) ([]string, bool, error) {
	value, given := lookup(claims, r.groups)
	switch value := value.(type) {
	case nil:
		return nil, false, nil
	case string:
		return []string{value}, given, nil
	case []any:
		list := make([]string, 0, len(value))
		for _, one := range value {
			name, ok := one.(string)
			if !ok {
				return nil, given, r.unreadable()
			}
			list = append(list, name)
		}
		return list, given, nil
	}
	return nil, given, r.unreadable()
}

func (r rules) unreadable() error {
	return mesh.Errorf(mesh.Invalid, "the identity provider's claim %s is no list of names: whoever runs Weir has to set oidc.groupsClaim to one that is", r.groups)
}

// grants is all that the groups give, each once, in an order that does not depend on theirs: a person is changed when it
// differs. The fallback counts where they give nothing.
func (r rules) grants(groups []string) []auth.Grant {
	var out []auth.Grant
	for _, group := range groups {
		out = append(out, r.roles[group]...)
	}
	if len(out) == 0 {
		out = slices.Clone(r.fallback)
	}
	slices.SortFunc(out, func(a, b auth.Grant) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(out, func(a, b auth.Grant) bool { return a.String() == b.String() })
}

// lookup finds a claim: of that very name, since names may be addresses, or else an inner one.
func lookup(claims map[string]any, name string) (any, bool) {
	if value, ok := claims[name]; ok {
		return value, value != nil
	}
	outer, inner, found := strings.Cut(name, ".")
	if !found {
		return nil, false
	}
	within, ok := claims[outer].(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(within, inner)
}
