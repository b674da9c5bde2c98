package web

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// fail is the one place where an error becomes a page. Weir's own faults are logged, and only their existence is shown.
func (w *Web) fail(c *gin.Context, err error) {
	f := page.Failure{Detail: err.Error()}
	switch mesh.CodeOf(err) {
	case mesh.NotFound:
		f.Status, f.Kind = http.StatusNotFound, "missing"
	case mesh.Invalid:
		f.Status, f.Kind = http.StatusUnprocessableEntity, "invalid"
	case mesh.Conflict:
		f.Status, f.Kind = http.StatusConflict, "conflict"
		if errors.Is(err, change.ErrStale) {
			f.Status = http.StatusPreconditionFailed
		}
	case mesh.Denied:
		f.Status, f.Kind = http.StatusForbidden, "denied"
	case mesh.Unavailable:
		f.Status, f.Kind = http.StatusServiceUnavailable, "unavailable"
	default:
		f.Status, f.Kind, f.Detail = http.StatusInternalServerError, "internal", ""
		w.Logger.ErrorContext(c.Request.Context(), "page failed", "method", c.Request.Method, "path", c.Request.URL.Path, "err", err)
	}
	if c.Query("fragment") != "" {
		c.Data(f.Status, "text/plain; charset=utf-8", []byte(http.StatusText(f.Status)+"\n"))
		return
	}
	f.Shell = w.frame(c, "", "")
	f.Title = f.L.T("failure." + f.Kind + ".title")
	if err := w.render(c, f.Status, page.FailurePage(f)); err != nil {
		w.Logger.ErrorContext(c.Request.Context(), "error page failed", "path", c.Request.URL.Path, "err", err)
		c.String(http.StatusInternalServerError, http.StatusText(http.StatusInternalServerError))
	}
}

// missing answers an address that does not exist: with a page, or under /api with a problem document.
func (w *Web) missing(c *gin.Context) {
	if path := c.Request.URL.Path; strings.HasPrefix(path, "/api/") {
		c.Header("Content-Type", "application/problem+json")
		c.JSON(http.StatusNotFound, gin.H{"status": http.StatusNotFound, "title": "Not Found", "detail": "no such resource: see /api/v1/openapi.json"})
		return
	}
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
