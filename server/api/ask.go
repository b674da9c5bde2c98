package api

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/common/model"
	"golang.org/x/text/unicode/norm"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Asking is what every changing request takes beside its body.
type Asking struct {
	IfMatch        string `header:"If-Match" maxLength:"64" doc:"The version that was read, as its ETag; 412 when somebody changed the object since. * means that it has to exist."`
	IfNoneMatch    string `header:"If-None-Match" maxLength:"64" doc:"* means that the object must not exist yet."`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key is answered with the first one's change."`
	Author         string `header:"X-Weir-Author" maxLength:"256" doc:"Who asks, as declared by the caller; where people sign in, it is they. Up to 64 letters, digits, spaces and . _ - @ +"`
	DryRun         bool   `query:"dryRun" doc:"Answer what would happen and record nothing."`
	Reason         string `query:"reason" maxLength:"2000" doc:"Why, for the ledger."`
	ConfirmWithin  string `query:"confirmWithin" maxLength:"20" doc:"Revert unless the change is confirmed within this time, as in 60s."`
	Emergency      string `query:"emergency" maxLength:"2000" doc:"Why nobody can be waited for where the mesh asks for a second person, for the ledger; it takes an administrator of the mesh."`
	Override       string `query:"override" maxLength:"2000" doc:"Why guard rails are gone over, for the ledger; without it they hold."`
}

// Wish is what a body may say besides its subject; it goes before the query.
type Wish struct {
	Reason        string `json:"reason,omitempty" maxLength:"2000" doc:"Why, for the ledger."`
	ConfirmWithin string `json:"confirmWithin,omitempty" maxLength:"20" doc:"Revert unless the change is confirmed within this time, as in 60s."`
	Emergency     string `json:"emergency,omitempty" maxLength:"2000" doc:"Why nobody can be waited for where the mesh asks for a second person, for the ledger; it takes an administrator of the mesh."`
	Override      string `json:"override,omitempty" maxLength:"2000" doc:"Why guard rails are gone over, for the ledger; without it they hold."`
}

// Resolve has whoever is signed in be who asks.
func (a *Asking) Resolve(ctx huma.Context) []error {
	a.Author = authorIn(ctx.Context(), a.Author)
	return nil
}

// authorIn is who asks: whoever is signed in, and without sign-in whom the request declares.
func authorIn(ctx context.Context, declared string) string {
	if id, ok := auth.From(ctx); ok && id.Kind != auth.Anyone {
		return id.Name
	}
	return declared
}

// proposal begins a proposal for one mesh.
func (a Asking) proposal(meshName string, w Wish) (change.Proposal, error) {
	author, err := authorOf(a.Author)
	if err != nil {
		return change.Proposal{}, err
	}
	p := change.Proposal{
		Mesh: meshName, Author: author, Reason: a.Reason, IdempotencyKey: a.IdempotencyKey, DryRun: a.DryRun,
		Base: make(map[mesh.Ref]int64), Emergency: strings.TrimSpace(cmp.Or(w.Emergency, a.Emergency)), Override: strings.TrimSpace(cmp.Or(w.Override, a.Override)),
	}
	if w.Reason != "" {
		p.Reason = w.Reason
	}
	within := a.ConfirmWithin
	if w.ConfirmWithin != "" {
		within = w.ConfirmWithin
	}
	if p.ConfirmWithin, err = confirmWithin(within); err != nil {
		return change.Proposal{}, err
	}
	return p, nil
}

// by is who asks, for the verbs on changes.
func (a Asking) by(w Wish) (change.By, error) {
	p, err := a.proposal("", w)
	return change.By{Author: p.Author, Reason: p.Reason, Emergency: p.Emergency, DryRun: a.DryRun}, err
}

// base gives the version that the request is based on; ok is false when it does not say. current is the object's version
// now, zero when it does not exist.
func (a Asking) base(current int64) (version int64, ok bool, err error) {
	switch match := strings.TrimSpace(a.IfMatch); {
	case a.IfNoneMatch == "*" && match == "":
		return 0, true, nil
	case a.IfNoneMatch != "":
		return 0, false, mesh.Errorf(mesh.Invalid, "If-None-Match %q: a change takes only *, and not with If-Match", mesh.Shorten(a.IfNoneMatch))
	case match == "":
		return 0, false, nil
	case match == "*":
		if current == 0 {
			return 0, false, mesh.Errorf(mesh.NotFound, "If-Match *: the object does not exist: leave the header out to create it")
		}
		return current, true, nil
	default:
		version, err := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
		if err != nil || version < 1 {
			return 0, false, mesh.Errorf(mesh.Invalid, "If-Match %q: give one ETag as it was read, like \"3\"", mesh.Shorten(match))
		}
		return version, true, nil
	}
}

// authorOf reads who asks: a name by the rule of people's names (people.Name), with spaces where nobody signs in.
func authorOf(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "anonymous", nil
	}
	name := norm.NFC.String(s) // as names of people are kept
	strange := func(r rune) bool { return r != ' ' && !people.Letter(r) }
	if !utf8.ValidString(s) || utf8.RuneCountInString(name) > people.MaxName || strings.ContainsFunc(name, strange) {
		return "", mesh.Errorf(mesh.Invalid, "X-Weir-Author %q: up to %d letters, digits, spaces and . _ - @ +", mesh.Shorten(s), people.MaxName)
	}
	return name, nil
}

// confirmWithin reads a deadline.
func confirmWithin(s string) (time.Duration, error) {
	if s == "" || s == "0" {
		return 0, nil
	}
	d, err := model.ParseDuration(s)
	within := time.Duration(d)
	if err != nil || within < time.Second || within > 24*time.Hour {
		return 0, mesh.Errorf(mesh.Invalid, "confirmWithin %q: from 1s to 24h, as in 60s or 5m", mesh.Shorten(s))
	}
	return within, nil
}

// stale says whether an error means that somebody changed the object first.
func stale(err error) bool { return errors.Is(err, change.ErrStale) }
