package web

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// account is who the reader is, where they are signed in, and their tokens.
func (w *Web) account(c *gin.Context) error {
	p, err := w.accountOf(c)
	if err != nil {
		return err
	}
	p.Done = c.Query("done")
	return w.render(c, http.StatusOK, page.AccountPage(p))
}

// accountOf reads what the page of the reader shows.
func (w *Web) accountOf(c *gin.Context) (page.Account, error) {
	ctx := c.Request.Context()
	id, _ := auth.From(ctx)
	p := page.Account{Shell: w.frame(c, "account", "account.title"), Days: int(people.DefaultFor / (24 * time.Hour)), Roles: roles()}
	p.Refusal = "" // it is about a mesh
	who, err := w.Admission.People.Person(ctx, id.Person)
	if err != nil {
		return p, err
	}
	p.Name, p.Grants, p.Provider = who.Name, grantList(who.Grants), who.Issuer
	p.Token.Days, p.Token.Rows = strconv.Itoa(p.Days), []page.GrantRow{{Role: string(auth.Viewer)}}
	sessions, err := w.Admission.Sessions.List(ctx, id.Person)
	if err != nil {
		return p, err
	}
	for _, s := range sessions {
		p.Sessions = append(p.Sessions, page.Session{
			Name: s.Name, Agent: cmp.Or(agentWords(s.Agent), p.L.T("sessions.unknown")), Address: s.Address, At: s.At, Seen: s.Seen, Own: s.Name == id.Session,
		})
	}
	tokens, err := w.Admission.Tokens.List(ctx, id.Person)
	if err != nil {
		return p, err
	}
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, w.tokenRow(p.Shell, t))
	}
	return p, nil
}

func (w *Web) tokenRow(s page.Shell, t people.Token) page.Token {
	row := page.Token{ID: t.ID, Name: t.Name, Grants: grantList(t.Grants), At: t.At, Expires: t.Expires, Used: t.Used, Key: t.Kind == people.KindKey}
	switch {
	case !t.Revoked.IsZero():
		row.State = "revoked"
	case !t.Valid(s.Now):
		row.State = "expired"
	default:
		row.State = "valid"
	}
	return row
}

// changePassword replaces the reader's password; their other sessions end.
func (w *Web) changePassword(c *gin.Context) error {
	ctx := c.Request.Context()
	refuse := func(status int, errs map[string]string) error {
		p, err := w.accountOf(c)
		if err != nil {
			return err
		}
		p.Errors = errs
		return w.render(c, status, page.AccountPage(p))
	}
	if errs := w.chosen(c, page.Shell{L: w.locale(c)}); errs != nil {
		return refuse(http.StatusUnprocessableEntity, errs)
	}
	if err := w.Admission.Standing.ChangePassword(ctx, c.PostForm(presentField), c.PostForm(passwordField)); err != nil {
		status, ok := inForm(c, err)
		if !ok {
			return err
		}
		field := passwordField
		if code := mesh.CodeOf(err); code != mesh.Invalid {
			field = presentField
		}
		return refuse(status, map[string]string{field: err.Error()})
	}
	cookie, err := w.Admission.Sessions.Renew(ctx)
	if err != nil {
		return err
	}
	w.Admission.Keep(c.Writer, c.Request, cookie)
	c.Redirect(http.StatusSeeOther, accountPath+"?done=password")
	return nil
}

// endSession ends one of the reader's sessions. One that is over already is no error.
func (w *Web) endSession(c *gin.Context) error {
	err := w.Admission.Sessions.Close(c.Request.Context(), c.PostForm("session"))
	if err != nil && mesh.CodeOf(err) != mesh.NotFound {
		return err
	}
	c.Redirect(http.StatusSeeOther, accountPath+"?done=session")
	return nil
}

// tokenForm mints a token, which is shown once, on the answer itself, or revokes one.
func (w *Web) tokenForm(c *gin.Context) error {
	ctx := c.Request.Context()
	if c.PostForm("do") == "revoke" {
		if err := w.Admission.Tokens.Revoke(ctx, c.PostForm("token")); err != nil {
			return err
		}
		c.Redirect(http.StatusSeeOther, accountPath+"?done=revoked")
		return nil
	}
	form := page.TokenForm{Name: c.PostForm("name"), Days: c.PostForm("days"), Rows: rowsOf(c)}
	minted, failed := w.mint(c, form)
	status := http.StatusCreated
	if failed != nil {
		ok := false
		if status, ok = inForm(c, failed); !ok {
			return failed
		}
	}
	p, err := w.accountOf(c)
	if err != nil {
		return err
	}
	if failed != nil {
		p.Token, p.Token.Error = form, failed.Error()
	} else {
		p.Secret, p.SecretOf = minted.Secret, minted.Name
	}
	return w.render(c, status, page.AccountPage(p))
}

// mint makes the token that a form describes.
func (w *Web) mint(c *gin.Context, form page.TokenForm) (people.Minted, error) {
	most := int(people.MaxFor / (24 * time.Hour))
	days, err := strconv.Atoi(form.Days)
	if err != nil || days < 1 || days > most {
		return people.Minted{}, mesh.Errorf(mesh.Invalid, "days: a whole number from 1 to %d", most)
	}
	grants, err := grantsOf(c)
	if err != nil {
		return people.Minted{}, err
	}
	return w.Admission.Tokens.Mint(c.Request.Context(), people.Wish{Name: form.Name, Grants: grants, For: time.Duration(days) * 24 * time.Hour})
}
