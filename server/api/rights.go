package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/api/prometheus"
	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// about is how it is found out which mesh a request is about.
type about int

const (
	ofWeir    about = iota // about no mesh, or the body names it and the door asks
	ofMesh                 // the address names it; where that is left out, all of them are meant
	ofEvery                // about all of them
	ofChange               // the ledger knows it
	ofRollout              // the rollout knows it
)

// need is what a request takes.
type need struct {
	verb auth.Verb
	of   about
}

// needs is what every address of the API takes, by method and path. One that is missing here is answered to nobody, and a
// test compares the list with what is served. What changes one object of a mesh takes a role in the mesh here; whether it
// covers the object is asked by the door.
func needs() map[string]need {
	var (
		pass, enter, anySee = need{auth.Pass, ofWeir}, need{auth.Enter, ofWeir}, need{auth.See, ofWeir}
		seeAll              = need{auth.See, ofEvery} // it may name any
		see, steer          = need{auth.See, ofMesh}, need{auth.Steer, ofMesh}
		seeEntry, steerIt   = need{auth.See, ofChange}, need{auth.Steer, ofChange}
		seeRoll, steerRoll  = need{auth.See, ofRollout}, need{auth.Steer, ofRollout}
	)
	const get, put, post, remove = "GET ", "PUT ", "POST ", "DELETE "
	const v1, one = "/api/v1", "/api/v1/meshes/:mesh"
	all := map[string]need{
		get + "/livez": pass, get + "/readyz": pass,
		get + v1 + "/openapi.json": pass, get + v1 + "/openapi.yaml": pass, get + v1 + "/version": enter, get + v1 + "/replicas": anySee,
		get + v1 + "/live":      anySee, // each view is asked about as it is opened
		get + v1 + "/live/poll": anySee,
		get + v1 + "/meshes":    enter, // those that the caller may see
		get + one:               see, put + one: steer, remove + one: {auth.Govern, ofMesh},
		post + v1 + "/apply": anySee, post + one + "/apply": steer,
		get + one + "/graph": see, get + one + "/graph/diff": see, get + one + "/graph/frames": see, get + one + "/plot": see,
		get + one + "/proxies": see, get + one + "/proxies/:name": see, get + one + "/proxies/:name/config": see,
		get + one + "/proxies/:name/stats": see, get + one + "/drift": see,
		get + one + "/proxy-tokens": steer, post + one + "/proxy-tokens": steer, remove + one + "/proxy-tokens/:id": steer,
		post + one + "/proxy-certificates": pass, get + v1 + "/authority": enter, remove + v1 + "/authority/:root": {auth.Manage, ofWeir}, // a proxy shows in the body who it is
		get + one + "/nodes/:name/advice": see, put + one + "/nodes/:name/connection-pool": steer,
		put + one + "/routers/:name/routes/:route/weights": steer, put + one + "/splits/:name/weights": steer,
		get + v1 + "/changes": see, get + v1 + "/changes/verify": see, get + v1 + "/changes/export": see,
		get + v1 + "/changes/:id": seeEntry, get + v1 + "/changes/:id/undo": seeEntry,
		get + one + "/canaries": see, post + one + "/canaries": steer, get + v1 + "/canaries/:id": seeRoll,
		get + one + "/proposals": see, get + one + "/proposals/:id": see, // the door asks more of who decides: another person
		post + one + "/proposals/:id/approve": steer, post + one + "/proposals/:id/decline": steer, post + one + "/proposals/:id/withdraw": steer,
		get + v1 + "/events": see, get + v1 + "/events/stream": see,
		get + v1 + "/webhooks": seeAll, get + v1 + "/sources": seeAll, get + v1 + "/targets": seeAll,
	}
	needsOfPeople(all)
	for _, verb := range []string{"confirm", "revert", "undo", "extend"} {
		all[post+v1+"/changes/:id/"+verb] = steerIt
	}
	for _, verb := range []string{"pause", "resume", "promote", "abort", "retry"} {
		all[post+v1+"/canaries/:id/"+verb] = steerRoll
	}
	for _, kind := range mesh.Kinds()[1:] {
		path := one + "/" + kind.Plural()
		all[get+path] = see
		path += "/:name"
		if kind == mesh.KindRoute || kind == mesh.KindGatewayRoute {
			path = one + "/" + kind.Plural() + "/:parent/:name"
		}
		all[get+path], all[put+path], all[remove+path] = see, steer, steer
	}
	for _, r := range prometheus.Routes() { // a question in PromQL may be about any mesh
		all[r.Method+" "+ginPath(r.Path)] = seeAll
	}
	return all
}

// needsOfPeople adds the addresses of people and of what is theirs.
func needsOfPeople(all map[string]need) {
	const people = "/api/v1/people"
	enter, manage := need{auth.Enter, ofWeir}, need{auth.Manage, ofWeir}
	all["GET /api/v1/me"] = enter
	for _, own := range []string{"GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/:id"} {
		all[own] = enter
	}
	all["GET "+people], all["POST "+people] = manage, manage
	all["GET "+people+"/:name"], all["DELETE "+people+"/:name"], all["PUT "+people+"/:name/grants"] = manage, manage, manage
	for _, verb := range []string{"disable", "enable", "invite"} {
		all["POST "+people+"/:name/"+verb] = manage
	}
}

// Identify names in the context of a request who sent it. Whoever cannot be found out goes on as nobody, which rights then
// refuses with the reason. The console's addresses ask it where they need somebody.
func (a *API) Identify(r *http.Request) context.Context {
	ctx := r.Context()
	if a.o.Open {
		return auth.With(ctx, auth.Open())
	}
	if a.o.Identify == nil {
		return ctx
	}
	found, err := a.o.Identify(r)
	if found == nil {
		found = ctx
	}
	if err != nil {
		found = auth.Without(found, err)
	}
	return found
}

// visit names where a request comes from, for what is written down of it.
func (a *API) visit(c *gin.Context) {
	if a.o.Visit != nil {
		c.Request = c.Request.WithContext(a.o.Visit(c.Request))
	}
}

// rights answers whoever may not do what an address does, before any handler. Addresses of others than the API are theirs.
func (a *API) rights() gin.HandlerFunc {
	table := needs()
	return func(c *gin.Context) {
		if !served(c) {
			return
		}
		n, known := table[c.Request.Method+" "+c.FullPath()]
		if !known {
			n = need{auth.Manage, ofWeir}
		}
		if n.verb != auth.Pass {
			c.Request = c.Request.WithContext(a.Identify(c.Request))
		}
		err := a.may(c, n)
		if err == nil {
			return
		}
		if mesh.CodeOf(err) == mesh.Denied {
			a.o.Refused(c.Request, people.Denied, err.Error())
		}
		refuse(c, a.fail(c.Request.Context(), err))
	}
}

// served tells whether a request is for the API or a probe.
func served(c *gin.Context) bool {
	path := c.FullPath()
	return path == "/livez" || path == "/readyz" || strings.HasPrefix(path, "/api/")
}

// may asks whether whoever sent a request may do what it does.
func (a *API) may(c *gin.Context, n need) error {
	ctx := c.Request.Context()
	if n.verb == auth.Pass {
		return nil
	}
	if err := auth.Can(ctx, auth.Enter, auth.Resource{}); err != nil { // before anything is looked up for nobody
		return err
	}
	name, err := a.meshOf(ctx, c, n.of)
	if err != nil {
		return err
	}
	return auth.Can(ctx, n.verb, auth.Resource{Mesh: name})
}

// meshOf finds out which mesh a request is about.
func (a *API) meshOf(ctx context.Context, c *gin.Context, of about) (string, error) {
	switch of {
	case ofMesh:
		if name := c.Param("mesh"); name != "" {
			return name, nil
		}
		if name := c.Query("mesh"); name != "" {
			return name, nil
		}
		return auth.Every, nil
	case ofEvery:
		return auth.Every, nil
	case ofChange:
		entry, err := a.o.Ledger.Change(ctx, c.Param("id"))
		return entry.Mesh, err
	case ofRollout:
		if a.o.Rollouts == nil {
			return "", noRollouts()
		}
		r, err := a.o.Rollouts.Get(ctx, c.Param("id"))
		return r.Mesh, err
	}
	return "", nil
}

// refuse answers with an error that was made one for callers.
func refuse(c *gin.Context, err error) {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = problem(http.StatusInternalServerError, err.Error())
	}
	switch p.Status {
	case http.StatusUnauthorized:
		c.Header("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		c.Header("Retry-After", retryAfter)
	}
	writeProblem(c, p)
}
