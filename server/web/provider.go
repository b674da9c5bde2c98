package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/ui/page"
)

// Provider is an identity provider through which people sign in; oidc.Provider does that.
type Provider interface {
	// Label is what its button is called.
	Label() string
	// Origins are the hosts that signing in and out lead to, for the form-action of pages whose forms do.
	Origins() []string
	Begin(ctx context.Context, next string) (redirectURL string, cookie people.Cookie, err error)
	Finish(ctx context.Context, query url.Values) (who people.Person, cookie people.Cookie, next string, err error)
	Logout(ctx context.Context) (redirectURL string, cookie people.Cookie, err error)
}

// providerRoutes are the addresses of signing in through an identity provider.
func (w *Web) providerRoutes() []route {
	if w.Admission.Provider == nil {
		return nil
	}
	return []route{
		{http.MethodGet, signInPath + "/oidc", pass, w.beginSignIn},
		{http.MethodGet, signInPath + "/oidc/callback", pass, w.finishSignIn},
	}
}

// beginSignIn sends a browser to the provider. Whoever is signed in already goes on.
func (w *Web) beginSignIn(c *gin.Context) error {
	next := oidc.Local(c.Query("next"))
	if _, known := auth.From(c.Request.Context()); known {
		c.Redirect(http.StatusSeeOther, next)
		return nil
	}
	to, cookie, err := w.Admission.Provider.Begin(c.Request.Context(), next)
	if err != nil {
		return w.refuseSignIn(c, next, err)
	}
	w.Admission.Keep(c.Writer, c.Request, cookie)
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// finishSignIn takes the provider's answer. An error stands on the page to sign in, from where it can be tried again.
func (w *Web) finishSignIn(c *gin.Context) error {
	_, cookie, next, err := w.Admission.Provider.Finish(c.Request.Context(), c.Request.URL.Query())
	if err != nil {
		return w.refuseSignIn(c, oidc.Local(next), err)
	}
	w.Admission.Keep(c.Writer, c.Request, cookie)
	c.Redirect(http.StatusSeeOther, oidc.Local(next))
	return nil
}

// refuseSignIn says on the page to sign in why the provider did not let somebody in.
func (w *Web) refuseSignIn(c *gin.Context, next string, err error) error {
	status, _ := standing(err)
	if status == http.StatusInternalServerError {
		return err
	}
	return w.showSignIn(c, status, page.SignIn{Next: next, ProviderError: err.Error()})
}

// showSignIn shows the page to sign in.
func (w *Web) showSignIn(c *gin.Context, status int, p page.SignIn) error {
	p.Shell = w.frame(c, "", "signin.title")
	if w.Admission.Provider != nil {
		p.Provider, p.ProviderTo = w.Admission.Provider.Label(), signInPath+"/oidc?next="+url.QueryEscape(p.Next)
	}
	// Another language asks for the page anew, without what came of it.
	p.Here.Path, p.Here.RawPath, p.Here.RawQuery = signInPath, "", url.Values{"next": {p.Next}}.Encode()
	return w.render(c, status, page.SignInPage(p))
}

// policyWith is the policy of a console whose forms may lead to an identity provider.
func policyWith(origins []string) string {
	if len(origins) == 0 {
		return policy
	}
	return strings.Replace(policy, "form-action 'self'", "form-action 'self' "+strings.Join(origins, " "), 1)
}
