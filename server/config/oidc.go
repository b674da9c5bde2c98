package config

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
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

// maxLabel is how long the words on the button may be, in characters.
const maxLabel = 40

// check refuses what the provider could not be asked with.
func (o *OIDC) check(publicURL string) error {
	if o == nil {
		return nil
	}
	if publicURL == "" {
		return mesh.Errorf(mesh.Invalid, "oidc needs publicUrl, the address that people call the console by: the provider sends them back there")
	}
	u, err := webAddress("oidc.issuer", o.Issuer)
	if err != nil {
		return err
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()):
		return mesh.Errorf(mesh.Invalid, "oidc.issuer %q: it has to begin with https://, or be on this machine", mesh.Shorten(o.Issuer))
	case strings.TrimSpace(o.ClientID) == "":
		return mesh.Errorf(mesh.Invalid, "oidc.clientId is missing: the provider gave it to you when you registered Weir there")
	case len([]rune(o.Label)) > maxLabel:
		return mesh.Errorf(mesh.Invalid, "oidc.label %q: at most %d characters, since it is on a button", mesh.Shorten(o.Label), maxLabel)
	case slices.Contains(o.Scopes, ""), strings.ContainsAny(strings.Join(o.Scopes, ""), " \t\"\\"):
		return mesh.Errorf(mesh.Invalid, "oidc.scopes %q: write each as an entry of its own, without spaces and quotes", o.Scopes)
	case len(o.Roles) == 0 && len(o.Default) == 0:
		return mesh.Errorf(mesh.Invalid, "oidc.roles names no group, so that nobody could sign in: write which group may do what, as in roles: {weir-admins: [admin]}")
	}
	return nil
}

func (o *OIDC) setDirectory(dir string) {
	if o != nil && o.ClientSecretFile != "" && !filepath.IsAbs(o.ClientSecretFile) {
		o.ClientSecretFile = filepath.Join(dir, o.ClientSecretFile)
	}
}

// checkPublic refuses what cannot be the console's address.
func checkPublic(s string) error {
	if s == "" {
		return nil
	}
	u, err := webAddress("publicUrl", s)
	if err == nil && strings.Trim(u.Path, "/") != "" {
		return mesh.Errorf(mesh.Invalid, "publicUrl %q: leave out the path %s: the console is at the root of its host", mesh.Shorten(s), u.Path)
	}
	return err
}

func webAddress(key, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, mesh.Errorf(mesh.Invalid, "%s %q: write an address such as https://host.example.com, without user, ? and #", key, mesh.Shorten(s))
	}
	return u, nil
}
