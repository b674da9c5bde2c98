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

// maxStranger is that of a form that anybody may send, such as a name and a password.
const maxStranger = 64 << 10

// bounded reads a form before anything looks at it, and refuses one that is too large as a whole: half of a form is another
// form.
func (w *Web) bounded(n need) gin.HandlerFunc {
	most := int64(maxForm)
	if n == pass || n == free {
		most = maxStranger
	}
	return func(c *gin.Context) {
		if c.Request.Method == http.MethodPost {
			w.readForm(c, most)
		}
	}
}

func (w *Web) readForm(c *gin.Context, most int64) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, most)
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
