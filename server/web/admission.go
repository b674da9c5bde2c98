package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/ui/page"
)

// Entrance lets people in by a password or by a link that is good once; people.Directory does.
type Entrance interface {
	SignIn(ctx context.Context, name, pass string) (people.Person, error)
	CheckSetup(ctx context.Context, secret string) error
	Begin(ctx context.Context, secret, name, pass string) (people.Person, error)
	Invited(ctx context.Context, secret string) (people.Person, error)
	Accept(ctx context.Context, secret, pass string) (people.Person, error)
}

// People are those who may come in; people.Directory knows them and asks whether the reader may manage them.
type People interface {
	List(ctx context.Context) ([]people.Person, error)
	Person(ctx context.Context, id string) (people.Person, error)
	Add(ctx context.Context, name string, grants []auth.Grant) (people.Person, people.Link, error)
	Grant(ctx context.Context, id string, version int64, grants []auth.Grant) (people.Person, error)
	Invite(ctx context.Context, id string) (people.Link, error)
}

// Standing is whether people may come in at all, and by which password; people.Directory changes it.
type Standing interface {
	// Empty tells whether there is nobody yet.
	Empty(ctx context.Context) (bool, error)
	Disable(ctx context.Context, id string) (people.Person, error)
	Enable(ctx context.Context, id string) (people.Person, error)
	Remove(ctx context.Context, id string) error
	ChangePassword(ctx context.Context, present, next string) error
}

// Sessions are the browsers in which people are signed in; people.Sessions does.
type Sessions interface {
	Start(ctx context.Context, p people.Person) (people.Cookie, error)
	End(ctx context.Context) (people.Cookie, error)
	Renew(ctx context.Context) (people.Cookie, error)
	List(ctx context.Context, person string) ([]people.Session, error)
	Close(ctx context.Context, name string) error
}

// Tokens are what programs show; people.Tokens does.
type Tokens interface {
	Mint(ctx context.Context, w people.Wish) (people.Minted, error)
	List(ctx context.Context, person string) ([]people.Token, error)
	Revoke(ctx context.Context, id string) error
}

// Admission is sign-in. All of it but Provider is required.
type Admission struct {
	Entrance Entrance
	People   People
	Standing Standing
	Sessions Sessions
	Tokens   Tokens
	Provider Provider // nil: people sign in by a password only
	// Keep has the browser keep a cookie, or throw it away when it is empty.
	Keep func(w http.ResponseWriter, r *http.Request, c people.Cookie)
	// Encrypted tells whether the browser's connection is.
	Encrypted func(r *http.Request) bool
}

// admissionRoutes are the addresses of sign-in; there are none where everybody may come in.
func (w *Web) admissionRoutes() []route {
	if w.Admission == nil {
		return nil
	}
	return append(w.providerRoutes(), []route{
		{http.MethodGet, signInPath, pass, w.signInPage},
		{http.MethodPost, signInPath, pass, w.signIn},
		{http.MethodPost, "/signout", pass, w.signOut},
		{http.MethodGet, "/setup/:secret", pass, w.setupPage},
		{http.MethodPost, "/setup/:secret", pass, w.setup},
		{http.MethodGet, "/invite/:secret", pass, w.invitePage},
		{http.MethodPost, "/invite/:secret", pass, w.accept},
		{http.MethodGet, accountPath, enter, w.account},
		{http.MethodPost, accountPath + "/password", enter, w.changePassword},
		{http.MethodGet, accountPath + "/password", enter, backTo(accountPath)},
		{http.MethodPost, accountPath + "/sessions", enter, w.endSession},
		{http.MethodPost, accountPath + "/tokens", enter, w.tokenForm},
		{http.MethodGet, accountPath + "/tokens", enter, backTo(accountPath)},
		{http.MethodGet, peoplePath, manage, w.people},
		{http.MethodPost, peoplePath, manage, w.addPerson},
		{http.MethodGet, peoplePath + "/:id", manage, w.personPage},
		{http.MethodPost, peoplePath + "/:id", manage, w.changePerson},
	}...)
}

const (
	accountPath = "/account"
	peoplePath  = "/people"
)

// backTo leads from an address that only takes forms to the page that they are on.
func backTo(path string) handler {
	return func(c *gin.Context) error {
		c.Redirect(http.StatusSeeOther, path)
		return nil
	}
}

// who is the reader as the shell shows them; nil where nobody signs in.
func (w *Web) who(c *gin.Context) *page.Who {
	id, known := auth.From(c.Request.Context())
	if w.Admission == nil || !known || id.Person == "" {
		return nil
	}
	return &page.Who{Name: id.Name, Manages: id.Can(auth.Manage, auth.Resource{}) == nil}
}

// linkTo is the address of a page that takes a one-use link, as somebody else opens it.
func (w *Web) linkTo(c *gin.Context, path string, l people.Link) string {
	scheme := "http"
	if w.Admission.Encrypted(c.Request) {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: c.Request.Host, Path: path + l.Secret}).String()
}
