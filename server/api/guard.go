package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth/people"
)

// guard is what every request passes first: it belongs to this host, it does not come from another site's page, and
// its answer carries the headers that keep browsers from guessing.
type guard struct {
	open   bool // there is no sign-in
	hosts  []string
	origin *http.CrossOriginProtection

	refused func(r *http.Request, event people.Event, why string)
}

func newGuard(o Options) *guard {
	g := &guard{open: o.Open, origin: http.NewCrossOriginProtection(), refused: o.Refused}
	for _, h := range o.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	return g
}

// handle is the middleware.
func (g *guard) handle(c *gin.Context) {
	api := strings.HasPrefix(c.Request.URL.Path, "/api/")
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if api {
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	}
	if g.open && !g.knows(c.Request.Host) {
		writeProblem(c, problem(http.StatusMisdirectedRequest,
			"this server has no sign-in and answers only to loopback names: call it as localhost, or name the host in its configuration"))
		return
	}
	if err := g.origin.Check(c.Request); err != nil {
		g.refused(c.Request, people.OriginRefused, err.Error())
		writeProblem(c, problem(http.StatusForbidden, "the request comes from another site's page: only the console's own pages may make changes"))
		return
	}
	if api && c.FullPath() == "" {
		if c.Writer.Status() == http.StatusMethodNotAllowed {
			writeProblem(c, problem(http.StatusMethodNotAllowed, c.Request.Method+" is not known here: the answer's Allow header lists what is"))
			return
		}
		writeProblem(c, problem(http.StatusNotFound, "there is nothing at this address: GET /api/v1/openapi.json lists what there is"))
		return
	}
	c.Next()
}

// knows says whether a Host header is one that Weir answers to.
func (g *guard) knows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return loopback(host) || slices.Contains(g.hosts, host)
}

// loopback says whether a host name always means this machine.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// ownOrigin says whether a socket's request comes from the console's own page, or from no page at all: browsers always
// send an Origin with a socket's request, and other programs have no cookies that a page could misuse.
func ownOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return r.Header.Get("Sec-Fetch-Site") == ""
	}
	u, err := url.Parse(origins[0])
	return err == nil && len(origins) == 1 && strings.EqualFold(u.Host, r.Host) && (u.Scheme == "http" || u.Scheme == "https")
}
