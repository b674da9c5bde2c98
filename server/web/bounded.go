package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
)

// maxForm is the size of the largest form that is read, in bytes: a mesh of five thousand services as YAML fits.
const maxForm = 8 << 20

// bounded reads a form before anything looks at it, and refuses one that is too large as a whole: half of a form is another
// form.
func (w *Web) bounded(c *gin.Context) {
	if c.Request.Method != http.MethodPost {
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	err := c.Request.ParseForm()
	if large := (*http.MaxBytesError)(nil); err != nil && !errors.As(err, &large) {
		err = mesh.Errorf(mesh.Invalid, "the form cannot be read: %w", err)
	}
	if err != nil {
		c.Request.PostForm, c.Request.Form = url.Values{}, url.Values{}
		w.fail(c, err)
		c.Abort()
	}
}
