package server

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/gate"
)

// firstAdmin is the name of the administrator that AdminPasswordFile makes.
const firstAdmin = "admin"

// PeopleOptions are those of sign-in. Zero fields mean the defaults of server/auth/people.
type PeopleOptions struct {
	KeyFile           string         // seals access keys; empty: one in the data directory
	Idle              time.Duration  // a session that is not used for so long ends
	Lifetime          time.Duration  // a session ends however much it is used
	AdminPasswordFile string         // the first administrator's password, where nobody can open a link; empty: a link is made
	Provider          *oidc.Options  // through which people sign in, too; nil: by a password only
	Trusted           []netip.Prefix // proxies in front of the console, whose X-Forwarded-For is believed
}

// admit builds what lets people in. A Weir without sign-in has nobody to let in.
func (s *Server) admit(ctx context.Context) error {
	if s.opts.Open {
		return nil
	}
	o := s.opts.People
	key, err := people.LoadKey(cmp.Or(o.KeyFile, filepath.Join(s.opts.Data, people.KeyFile)))
	if err != nil {
		return err
	}
	s.people, err = people.New(people.Options{
		Store: s.store, Logger: s.opts.Logger.With("part", "people"), Key: key, Idle: o.Idle, Lifetime: o.Lifetime,
	})
	if err != nil {
		return err
	}
	if s.authority, err = authority.New(authority.Options{Store: s.store, Key: key, Logger: s.opts.Logger.With("part", "authority")}); err != nil {
		return err
	}
	if o.AdminPasswordFile != "" {
		if _, err := s.people.Directory.Bootstrap(ctx, firstAdmin, o.AdminPasswordFile); err != nil {
			return err
		}
	}
	s.setup, _, err = s.people.Directory.Setup(ctx)
	if err != nil {
		return err
	}
	if o.Provider != nil {
		by := *o.Provider
		by.Directory, by.Sessions, by.Audit = s.people.Directory, s.people.Sessions, s.people.Audit
		by.Logger = s.opts.Logger.With("part", "oidc")
		if s.provider, err = oidc.New(by); err != nil {
			return err
		}
	}
	s.gate = gate.New(gate.Options{Sessions: s.people.Sessions, Tokens: s.people.Tokens, Still: s.people.Still, Trusted: o.Trusted})
	return nil
}

// refused writes down what somebody was refused.
func (s *Server) refused(r *http.Request, event people.Event, why string) {
	s.people.Audit.Record(r.Context(), people.Entry{Event: event, Of: r.Method + " " + r.URL.Path, Note: why})
}

// SetupURL is the link by which the first administrator is made, good once; empty when there is somebody, or no sign-in.
func (s *Server) SetupURL() string {
	if s.setup.Secret == "" {
		return ""
	}
	return s.URL() + "/setup/" + s.setup.Secret
}
