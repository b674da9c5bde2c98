package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
)

// render writes a page, or the fragments of it that were asked for: one, or several with commas between.
func (w *Web) render(c *gin.Context, status int, page templ.Component) error {
	var body bytes.Buffer
	var err error
	if name := c.Query("fragment"); name != "" && c.Request.Method != http.MethodPost {
		var parts []any
		for part := range strings.SplitSeq(name, ",") {
			parts = append(parts, part)
		}
		err = templ.RenderFragments(c.Request.Context(), &body, page, parts...)
	} else {
		err = page.Render(c.Request.Context(), &body)
	}
	if err != nil {
		return mesh.Errorf(mesh.Internal, "render %s: %w", c.Request.URL.Path, err)
	}
	if body.Len() == 0 {
		return mesh.Errorf(mesh.NotFound, "%s has no fragment %q", c.Request.URL.Path, c.Query("fragment"))
	}
	w.parts.keep(c, status, body.Bytes())
	w.send(c, status, body.Bytes())
	return nil
}

// page makes a handler one of gin's.
func (w *Web) page(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			w.fail(c, err)
		}
	}
}

// here is the address of a request as links on the page start from it.
func here(c *gin.Context) *url.URL {
	query := c.Request.URL.Query()
	query.Del("fragment")
	return &url.URL{Path: c.Request.URL.Path, RawPath: c.Request.URL.RawPath, RawQuery: query.Encode()}
}
