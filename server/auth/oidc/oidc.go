// Package oidc signs people in through an identity provider (OpenID Connect Core 1.0): the authorization code flow with PKCE,
// state and nonce, and signing out there too (RP-Initiated Logout 1.0).
//
// It proves who somebody is and maps the groups that the provider names to grants; the person is recorded by
// people.Directory and the browser signed in by people.Sessions. It knows no pages and no routes: server/web calls Begin,
// Finish and Logout. The provider may be away when Weir starts: it is asked when somebody signs in.
package oidc

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// CallbackPath is where the provider sends people back to, and SignInPath where it sends those who signed out: their addresses
// below the public one have to be registered there.
const (
	CallbackPath = "/signin/oidc/callback"
	SignInPath   = "/signin"
)

// defaultTimeout is how long one call of the provider may take.
const defaultTimeout = 5 * time.Second

// Directory makes and updates the person that a provider vouches for.
type Directory interface {
	Recognise(ctx context.Context, c people.Claim) (people.Person, error)
}

// Sessions keeps what a browser must not lose between its two visits, and signs it in and out.
type Sessions interface {
	Put(ctx context.Context, name, value string) (people.Cookie, error)
	Pop(ctx context.Context, name string) (string, error)
	Start(ctx context.Context, p people.Person) (people.Cookie, error)
	End(ctx context.Context) (people.Cookie, error)
}

// Audit is the security log.
type Audit interface {
	Record(ctx context.Context, e people.Entry)
}

// Options says which provider, and what its word is worth.
type Options struct {
	Issuer     string // required: exactly as the provider writes it; https, or http on this machine
	ClientID   string // required
	SecretFile string // holds the client's secret, and is read again at each sign-in; empty: a public client
	PublicURL  string // required: the address that people call the console by, without a path
	Label      string // of the button; empty: the provider's host
	Loopback   bool   // the provider may be on this machine although its issuer does not say so

	Scopes      []string                // beside openid; nil: profile, email and groups
	GroupsClaim string                  // empty: groups. Inner claims are reached with dots: realm_access.roles
	NameClaim   string                  // empty: preferred_username
	Roles       map[string][]auth.Grant // what the members of a group may do
	Default     []auth.Grant            // what those may do who are in no such group; none: they are refused

	Directory Directory    // required
	Sessions  Sessions     // required
	Audit     Audit        // required
	Logger    *slog.Logger // required

	Timeout time.Duration    // of one call of the provider; 5 seconds
	Now     func() time.Time // nil: the clock
}

// Provider is an identity provider. It may be used by many goroutines.
type Provider struct {
	o      Options
	host   string // of the issuer
	rules  rules
	client *http.Client
	found  discovery
}

// maxLabel is how long the words on the button may be, in characters.
const maxLabel = 40

// Check refuses what the provider could not be asked with; it calls nobody and opens no file. Error: mesh.Invalid, naming the
// key of the configuration file.
func (o Options) Check() error {
	if o.PublicURL == "" {
		return mesh.Errorf(mesh.Invalid, "oidc needs publicUrl, the address that people call the console by: the provider sends them back there")
	}
	if err := CheckPublicURL(o.PublicURL); err != nil {
		return err
	}
	issuer, err := address("oidc.issuer", o.Issuer)
	switch {
	case err != nil:
		return err
	case issuer.Scheme != "https" && !loopback(issuer.Hostname()):
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

// CheckPublicURL refuses what cannot be the address that people call the console by. Error: mesh.Invalid.
func CheckPublicURL(s string) error {
	u, err := address("publicUrl", s)
	if err == nil && strings.Trim(u.Path, "/") != "" {
		return mesh.Errorf(mesh.Invalid, "publicUrl %q: leave out the path %s: the console is at the root of its host", mesh.Shorten(s), u.Path)
	}
	return err
}

// New makes a Provider; it does not call it. Errors: those of Check, and mesh.Invalid for the secret's file.
func New(o Options) (*Provider, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	issuer, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, err
	}
	setDefaults(&o, issuer)
	o.PublicURL = origin(o.PublicURL)
	p := &Provider{o: o, host: issuer.Host, client: newClient(o.Timeout, loopback(issuer.Hostname()) || o.Loopback), found: newDiscovery()}
	p.rules = rules{groups: o.GroupsClaim, name: o.NameClaim, roles: o.Roles, fallback: o.Default}
	if _, err := p.secret(); err != nil {
		return nil, err
	}
	return p, nil
}

func setDefaults(o *Options, issuer *url.URL) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile", "email", "groups"}
	}
	if !slices.Contains(o.Scopes, "openid") {
		o.Scopes = append([]string{"openid"}, o.Scopes...)
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.NameClaim == "" {
		o.NameClaim = "preferred_username"
	}
	if o.Label == "" {
		o.Label = issuer.Host
	}
}

// Label is what the button is called.
func (p *Provider) Label() string { return p.o.Label }

// Origins are the scheme and host of wherever signing in and out may lead, for the form-action of a page with a form that
// does: browsers hold redirects of forms to it. Those of the provider's pages are known once it was asked.
func (p *Provider) Origins() []string {
	list := []string{origin(p.o.Issuer)}
	if m := p.found.last(); m != nil {
		list = append(list, origin(m.config.Endpoint.AuthURL))
		if m.endSession != "" {
			list = append(list, origin(m.endSession))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// address reads one of the configuration's. Error: mesh.Invalid.
func address(key, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, mesh.Errorf(mesh.Invalid, "%s %q: write an address such as https://host.example.com, without user, ? and #", key, mesh.Shorten(s))
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
