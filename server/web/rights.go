package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// about is how it is found out which mesh a request is about.
type about int

const (
	ofNone     about = iota // about no mesh, or the form names it and the door asks
	ofChosen                // the one that the page shows
	ofEntry                 // that of a change, whatever the address says
	ofEvery                 // all of them
	ofRollout               // that of a rollout
	ofProposal              // that of a proposal
)

// need is what a request takes. What changes a mesh takes a role in it here; whether that covers the object is asked by the
// door.
type need int

const (
	free need = iota + 1 // whoever asks: assets
	pass                 // needs nobody, and knows whoever is there
	enter
	manage
	seeEvery
	see
	steer
	steerSome // the file names its mesh
	seeEntry
	steerEntry
	seeRollout
	steerRollout
	seeProposal
	steerProposal
)

// takes is the verb that a need takes, and what it is asked about. Of what is no need nobody but an administrator gets
// anything.
func (n need) takes() (auth.Verb, about) {
	switch n {
	case free, pass:
		return auth.Pass, ofNone
	case enter:
		return auth.Enter, ofNone
	case seeEvery:
		return auth.See, ofEvery
	case see:
		return auth.See, ofChosen
	case steer:
		return auth.Steer, ofChosen
	case steerSome:
		return auth.See, ofNone
	case seeEntry:
		return auth.See, ofEntry
	case steerEntry:
		return auth.Steer, ofEntry
	case seeRollout:
		return auth.See, ofRollout
	case steerRollout:
		return auth.Steer, ofRollout
	case seeProposal:
		return auth.See, ofProposal
	case steerProposal:
		return auth.Steer, ofProposal
	default: // manage
		return auth.Manage, ofNone
	}
}

// signInPath is where people sign in; next is where they wanted to go.
const signInPath = "/signin"

// rights answers whoever may not do what an address does before any handler does: a page that forgets to disable its button
// changes nothing all the same. Whoever is not signed in and wants to see a page is shown the way in.
func (w *Web) rights(n need) gin.HandlerFunc {
	return func(c *gin.Context) {
		if n != free {
			w.identify(c)
		}
		err := w.may(c, n)
		switch {
		case err == nil:
			return
		case mesh.CodeOf(err) == mesh.Unauthenticated && c.Request.Method == http.MethodGet && c.Query("fragment") == "":
			c.Redirect(http.StatusSeeOther, signInPath+"?next="+url.QueryEscape(c.Request.URL.RequestURI()))
		default:
			if w.Refused != nil && mesh.CodeOf(err) == mesh.Denied {
				w.Refused(c.Request, people.Denied, err.Error())
			}
			w.fail(c, err)
		}
		c.Abort()
	}
}

// identify finds out who asks.
func (w *Web) identify(c *gin.Context) {
	if w.Identify != nil {
		c.Request = c.Request.WithContext(w.Identify(c.Request))
	}
}

// may asks whether the reader may do what an address does.
func (w *Web) may(c *gin.Context, n need) error {
	ctx := c.Request.Context()
	verb, of := n.takes()
	if n == free {
		return nil
	}
	err := auth.Can(ctx, auth.Enter, auth.Resource{})
	if verb == auth.Pass && mesh.CodeOf(err) != mesh.Unavailable { // a sign-in that cannot be kept is none
		return nil
	}
	if err != nil { // before anything is looked up for nobody
		return err
	}
	name, err := w.meshOf(c, of)
	if err != nil {
		return err
	}
	if name == "" && of == ofChosen { // there is none that they may see: the page says so
		return nil
	}
	return auth.Can(ctx, verb, auth.Resource{Mesh: name})
}

// meshOf finds out which mesh a request is about.
func (w *Web) meshOf(c *gin.Context, of about) (string, error) {
	switch of {
	case ofChosen:
		return chosenMesh(c, w.visible(c)), nil
	case ofEvery:
		return auth.Every, nil
	case ofEntry:
		entry, err := w.Changes.Change(c.Request.Context(), c.Param("id"))
		return entry.Mesh, err
	case ofRollout:
		if w.Rollouts == nil {
			return "", nil
		}
		r, err := w.Rollouts.Get(c.Request.Context(), c.Param("id"))
		return r.Mesh, err
	case ofProposal:
		p, err := w.proposal(c)
		return p.Mesh, err
	}
	return "", nil
}

// visible lists the meshes that the reader may see.
func (w *Web) visible(c *gin.Context) []string {
	return slices.DeleteFunc(slices.Clone(w.Meshes.Meshes()), func(name string) bool {
		return auth.Can(c.Request.Context(), auth.See, auth.Resource{Mesh: name}) != nil
	})
}

// refusal is why the reader of a request may change nothing in a mesh, "" when they may.
func (w *Web) refusal(c *gin.Context, name string) string {
	if name == "" {
		return ""
	}
	if err := auth.Can(c.Request.Context(), auth.Steer, auth.Resource{Mesh: name}); err != nil {
		return err.Error()
	}
	return ""
}

// author is who a change is by.
func author(c *gin.Context) string {
	if id, ok := auth.From(c.Request.Context()); ok && id.Name != "" {
		return id.Name
	}
	return "console"
}
