package config

import (
	"path/filepath"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
)

// OIDC configures the identity provider that people may sign in through.
type OIDC struct {
	Issuer           string            `yaml:"issuer"`                     // exactly as the provider writes it
	ClientID         string            `yaml:"clientId"`                   // what the provider calls Weir
	ClientSecretFile string            `yaml:"clientSecretFile,omitempty"` // none: a public client
	Label            string            `yaml:"label,omitempty"`            // of the button; the issuer's host
	Scopes           []string          `yaml:"scopes,omitempty"`           // beside openid: profile, email, groups
	GroupsClaim      string            `yaml:"groupsClaim,omitempty"`      // which groups somebody is in: groups
	NameClaim        string            `yaml:"nameClaim,omitempty"`        // by which name they go: preferred_username
	Roles            map[string]Grants `yaml:"roles,omitempty"`            // what the members of a group may do
	Default          Grants            `yaml:"default,omitempty"`          // what everybody else may do; none: they are refused
	Loopback         bool              `yaml:"loopback,omitempty"`         // the provider is on this machine
}

// Grants are what somebody may do, written as commands take it: operator@shop.
type Grants []auth.Grant

// UnmarshalYAML reads a list of grants, or one.
func (g *Grants) UnmarshalYAML(unmarshal func(any) error) error {
	var list []string
	if err := unmarshal(&list); err != nil {
		var one string
		if unmarshal(&one) != nil {
			return err
		}
		list = []string{one}
	}
	*g = make(Grants, 0, len(list))
	for _, text := range list {
		grant, err := auth.ParseGrant(text)
		if err != nil {
			return err
		}
		*g = append(*g, grant)
	}
	return nil
}

// MarshalYAML writes the grants as they are read.
func (g Grants) MarshalYAML() (any, error) {
	list := make([]string, len(g))
	for i, grant := range g {
		list[i] = grant.String()
	}
	return list, nil
}

// Provider gives the identity provider as server/auth/oidc takes it; what of Weir it needs besides is not in a file. false:
// people sign in with passwords alone.
func (c Config) Provider() (oidc.Options, bool) {
	o := c.OIDC
	if o == nil {
		return oidc.Options{}, false
	}
	roles := make(map[string][]auth.Grant, len(o.Roles))
	for group, grants := range o.Roles {
		roles[group] = grants
	}
	return oidc.Options{
		Issuer: o.Issuer, ClientID: o.ClientID, SecretFile: o.ClientSecretFile, PublicURL: c.PublicURL, Label: o.Label, Loopback: o.Loopback,
		Scopes: o.Scopes, GroupsClaim: o.GroupsClaim, NameClaim: o.NameClaim, Roles: roles, Default: o.Default,
	}, true
}

// checkProvider refuses an address of the console that cannot be one, and what the provider could not be asked with.
func (c Config) checkProvider() error {
	if o, ok := c.Provider(); ok {
		return o.Check()
	}
	if c.PublicURL == "" {
		return nil
	}
	return oidc.CheckPublicURL(c.PublicURL)
}

func (o *OIDC) setDirectory(dir string) {
	if o != nil && o.ClientSecretFile != "" && !filepath.IsAbs(o.ClientSecretFile) {
		o.ClientSecretFile = filepath.Join(dir, o.ClientSecretFile)
	}
}
