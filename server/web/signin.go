package web

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// The fields that hold a password, which no page ever shows again.
const (
	passwordField = "password"
	againField    = "again"
	presentField  = "present"
)

// signInPage asks for a name and a password. Whoever is signed in already goes on.
func (w *Web) signInPage(c *gin.Context) error {
	next := oidc.Local(c.Query("next"))
	if _, known := auth.From(c.Request.Context()); known {
		c.Redirect(http.StatusSeeOther, next)
		return nil
	}
	empty, err := w.Admission.Standing.Empty(c.Request.Context())
	if err != nil {
		return err
	}
	return w.showSignIn(c, http.StatusOK, page.SignIn{Next: next, Nobody: empty})
}

// signIn lets somebody in and leads to where they wanted to go.
func (w *Web) signIn(c *gin.Context) error {
	p := page.SignIn{Next: oidc.Local(c.PostForm("next")), Name: c.PostForm("name")}
	who, err := w.Admission.Entrance.SignIn(c.Request.Context(), p.Name, c.PostForm(passwordField))
	if err == nil {
		return w.enter(c, who, p.Next)
	}
	status, ok := inForm(c, err)
	if !ok {
		return err
	}
	p.Error = signInWords(w.locale(c), err)
	return w.showSignIn(c, status, p)
}

// signInWords says why somebody was not let in: the same words whatever was wrong.
func signInWords(l i18n.Locale, err error) string {
	if after, ok := people.RetryAfter(err); ok {
		return l.N("signin.wait", int(after.Seconds()))
	}
	if mesh.CodeOf(err) == mesh.Unauthenticated {
		return l.T("signin.wrong")
	}
	return err.Error()
}

// enter signs a person in.
func (w *Web) enter(c *gin.Context, who people.Person, next string) error {
	cookie, err := w.Admission.Sessions.Start(c.Request.Context(), who)
	if err != nil {
		return err
	}
	w.Admission.Keep(c.Writer, c.Request, cookie)
	c.Redirect(http.StatusSeeOther, next)
	return nil
}

// signOut ends the session, and the one at the identity provider that it came from. Doing it twice is no error.
func (w *Web) signOut(c *gin.Context) error {
	if w.Admission.Provider != nil {
		to, cookie, err := w.Admission.Provider.Logout(c.Request.Context())
		if err != nil {
			return err
		}
		w.Admission.Keep(c.Writer, c.Request, cookie)
		c.Redirect(http.StatusSeeOther, cmp.Or(to, signInPath))
		return nil
	}
	cookie, err := w.Admission.Sessions.End(c.Request.Context())
	if err != nil {
		return err
	}
	w.Admission.Keep(c.Writer, c.Request, cookie)
	c.Redirect(http.StatusSeeOther, signInPath)
	return nil
}

// inForm tells whether an error is about what somebody entered, so that it stands in the form, and its status.
func inForm(c *gin.Context, err error) (status int, ok bool) {
	status, _ = standing(err)
	switch mesh.CodeOf(err) {
	case mesh.TooMany:
		if after, known := people.RetryAfter(err); known {
			c.Header("Retry-After", strconv.Itoa(int(after.Seconds())))
		}
		return status, true
	case mesh.Invalid, mesh.Conflict, mesh.Unauthenticated, mesh.Denied:
		return status, true
	}
	return status, false
}

// setupPage asks the first administrator for a name and a password.
func (w *Web) setupPage(c *gin.Context) error {
	p := w.welcomeOf(c, "setup")
	err := w.Admission.Entrance.CheckSetup(c.Request.Context(), c.Param("secret"))
	return w.showWelcome(c, p, http.StatusOK, err)
}

// setup makes the first administrator and signs them in.
func (w *Web) setup(c *gin.Context) error {
	p := w.welcomeOf(c, "setup")
	p.Name = c.PostForm("name")
	if p.Errors = w.chosen(c, p.Shell); p.Errors != nil {
		return w.showWelcome(c, p, http.StatusUnprocessableEntity, w.Admission.Entrance.CheckSetup(c.Request.Context(), c.Param("secret")))
	}
	who, err := w.Admission.Entrance.Begin(c.Request.Context(), c.Param("secret"), p.Name, c.PostForm(passwordField))
	if err != nil {
		return w.refuseWelcome(c, p, err)
	}
	return w.enter(c, who, "/")
}

// invitePage asks somebody who was invited for a password.
func (w *Web) invitePage(c *gin.Context) error {
	p := w.welcomeOf(c, "invite")
	who, err := w.Admission.Entrance.Invited(c.Request.Context(), c.Param("secret"))
	p.Name = who.Name
	return w.showWelcome(c, p, http.StatusOK, err)
}

// accept sets the password of somebody who was invited, and signs them in.
func (w *Web) accept(c *gin.Context) error {
	ctx, p := c.Request.Context(), w.welcomeOf(c, "invite")
	who, err := w.Admission.Entrance.Invited(ctx, c.Param("secret"))
	p.Name = who.Name
	if p.Errors = w.chosen(c, p.Shell); err != nil || p.Errors != nil {
		return w.showWelcome(c, p, http.StatusUnprocessableEntity, err)
	}
	if who, err = w.Admission.Entrance.Accept(ctx, c.Param("secret"), c.PostForm(passwordField)); err != nil {
		return w.refuseWelcome(c, p, err)
	}
	return w.enter(c, who, "/")
}

// welcomeOf begins a page that a link leads to.
func (w *Web) welcomeOf(c *gin.Context, kind string) page.Welcome {
	return page.Welcome{Shell: w.frame(c, "", "welcome.title."+kind), Kind: kind, Action: "/" + kind + "/" + c.Param("secret")}
}

// showWelcome shows a link's page, or says that the link is not good.
func (w *Web) showWelcome(c *gin.Context, p page.Welcome, status int, err error) error {
	if mesh.CodeOf(err) == mesh.Unauthenticated {
		p.Over, status, err = true, http.StatusNotFound, nil
	}
	if err != nil {
		return err
	}
	return w.render(c, status, page.WelcomePage(p))
}

// refuseWelcome says on a link's page why what was entered was not taken.
func (w *Web) refuseWelcome(c *gin.Context, p page.Welcome, err error) error {
	status, ok := inForm(c, err)
	switch {
	case !ok:
		return err
	case mesh.CodeOf(err) == mesh.Unauthenticated, mesh.CodeOf(err) == mesh.Conflict: // somebody else was first
		p.Over = true
	case mesh.CodeOf(err) == mesh.TooMany:
		p.Error = signInWords(p.L, err)
	default:
		p.Errors = besideField(err)
	}
	return w.render(c, status, page.WelcomePage(p))
}

// chosen checks that a password was typed alike twice.
func (w *Web) chosen(c *gin.Context, s page.Shell) map[string]string {
	if c.PostForm(passwordField) != c.PostForm(againField) {
		return map[string]string{againField: s.L.T("password.differs")}
	}
	return nil
}

// besideField puts an error about a name or a password beside its field.
func besideField(err error) map[string]string {
	said := err.Error()
	for _, about := range []string{"name ", "there is no name"} {
		if len(said) >= len(about) && said[:len(about)] == about {
			return map[string]string{"name": said}
		}
	}
	return map[string]string{passwordField: said}
}
