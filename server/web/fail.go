package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// fail is the one place where an error becomes a page. Weir's own faults are logged, and only their existence is shown.
func (w *Web) fail(c *gin.Context, err error) {
	if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
		return // whoever asked went away, as a page does with a fragment that a newer one replaces: there is nobody to tell
	}
	f := page.Failure{Detail: err.Error()}
	f.Status, f.Kind = standing(err)
	if f.Kind == "internal" {
		f.Detail = ""
		w.Logger.ErrorContext(c.Request.Context(), "page failed", "method", c.Request.Method, "path", c.Request.URL.Path, "err", err)
	}
	if f.Status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	if c.Query("fragment") != "" {
		if w.toldOfOutage(c) {
			return
		}
		c.Data(f.Status, "text/plain; charset=utf-8", []byte(http.StatusText(f.Status)+"\n"))
		return
	}
	f.Shell = w.frame(c, "", "")
	if away, ok := errors.AsType[auth.Away](err); ok {
		f.Kind, f.Detail, f.Since = "away", "", f.When(away.Since)
	}
	f.Title = f.L.T("failure." + f.Kind + ".title")
	if c.Request.Method == http.MethodPost {
		posted(c, &f)
	} else if f.Status >= http.StatusInternalServerError {
		f.Repeat = f.Here.String()
	}
	if f.Kind == "unauthenticated" && w.Admission != nil {
		f.SignIn = signInPath + "?next=" + url.QueryEscape(cmp.Or(f.Back, f.Here.String()))
	}
	if f.Kind == "missing" {
		f.Sought, f.Suggestions = w.suggest(c, f.Shell)
	}
	if err := w.render(c, f.Status, page.FailurePage(f)); err != nil {
		w.Logger.ErrorContext(c.Request.Context(), "error page failed", "path", c.Request.URL.Path, "err", err)
		c.String(http.StatusInternalServerError, http.StatusText(http.StatusInternalServerError))
	}
}

// standing is an error's status, and the key of its words in the catalogue.
func standing(err error) (status int, kind string) {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, "large"
	}
	switch mesh.CodeOf(err) {
	case mesh.NotFound:
		return http.StatusNotFound, "missing"
	case mesh.Invalid:
		return http.StatusUnprocessableEntity, "invalid"
	case mesh.Conflict:
		if errors.Is(err, change.ErrStale) {
			return http.StatusPreconditionFailed, "conflict"
		}
		return http.StatusConflict, "conflict"
	case mesh.Denied:
		return http.StatusForbidden, "denied"
	case mesh.Unauthenticated:
		return http.StatusUnauthorized, "unauthenticated"
	case mesh.TooMany:
		return http.StatusTooManyRequests, "busy"
	case mesh.Unavailable:
		return http.StatusServiceUnavailable, "unavailable"
	}
	return http.StatusInternalServerError, "internal"
}

// posted keeps what somebody sent on the page that says why it was not taken: to be sent again where that may help, and to
// be read and copied where it cannot.
func posted(c *gin.Context, f *page.Failure) {
	_ = c.Request.ParseForm() // what cannot be read cannot be kept
	f.Action = f.Here.String()
	f.Back = strings.TrimSuffix(c.Request.URL.EscapedPath(), "/apply")
	if c.Request.PostForm.Has(passwordField) { // which no page shows again, not even as a hidden field
		return
	}
	f.Again = f.Status == http.StatusServiceUnavailable || f.Status == http.StatusInternalServerError
	for _, name := range slices.Sorted(maps.Keys(c.Request.PostForm)) {
		for _, value := range c.Request.PostForm[name] {
			f.Sent = append(f.Sent, page.Field{Name: name, Value: value})
			if value != "" && !slices.Contains(unsaid(), name) && !strings.HasPrefix(name, "was.") {
				f.Typed = append(f.Typed, page.Field{Name: name, Value: value})
			}
		}
	}
}

// unsaid are the fields of forms that nobody typed.
func unsaid() []string {
	return []string{"key", "version", "exact", "do", "form", wasField, tokenField, overField}
}

// maxSuggestions is how many names a page offers that was not found.
const maxSuggestions = 5

// suggest finds what an address that leads nowhere may have meant: its last part that says something, among all names.
func (w *Web) suggest(c *gin.Context, s page.Shell) (sought string, list []page.GoResult) {
	for part := range strings.SplitSeq(c.Request.URL.Path, "/") {
		if part != "" && !slices.Contains([]string{"traffic", "pool", "health", "apply", "proxies", "config", "events"}, part) {
			sought = part
		}
	}
	v := view{Shell: s}
	current, err := w.Meshes.Mesh(s.Mesh)
	if err != nil || sought == "" {
		return sought, nil
	}
	v.current = current
	v.graph, _ = w.Graphs.Graph(s.Mesh)
	v.proxies = w.Proxies.Proxies(s.Mesh)
	for _, r := range w.search(c, v).named(sought, 4*maxSuggestions) {
		if r.Kind != "change" && r.Kind != "action" {
			list = append(list, r)
		}
	}
	return sought, list[:min(len(list), maxSuggestions)]
}

// missing answers an address that does not exist: with a page, or under /api with a problem document.
func (w *Web) missing(c *gin.Context) {
	if path := c.Request.URL.Path; strings.HasPrefix(path, "/api/") {
		c.Header("Content-Type", "application/problem+json")
		c.JSON(http.StatusNotFound, gin.H{"status": http.StatusNotFound, "title": "Not Found", "detail": "no such resource: see /api/v1/openapi.json"})
		return
	}
	w.identify(c)
	w.fail(c, mesh.Errorf(mesh.NotFound, "there is nothing at %s", c.Request.URL.Path))
}

// recovered turns a panic into the page for Weir's own faults.
func (w *Web) recovered(c *gin.Context) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(fault)
		}
		w.Logger.ErrorContext(c.Request.Context(), "page panicked", "path", c.Request.URL.Path, "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			w.fail(c, mesh.Errorf(mesh.Internal, "panic: %w", fmt.Errorf("%v", fault)))
		}
		c.Abort()
	}()
	c.Next()
}
