package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

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

// guard answers whoever may not change a mesh before any handler does. It stands in front of every form, so that a page
// that forgets to disable its button changes nothing all the same.
func (w *Web) guard(c *gin.Context) {
	if c.Request.Method != http.MethodPost || w.Refusal == nil || changesNoMesh(c.FullPath()) {
		return
	}
	names := []string{chosenMesh(c, w.Meshes.Meshes())}
	if strings.HasPrefix(c.FullPath(), "/history/") {
		// The change knows its mesh, whatever the address says.
		entry, err := w.Changes.Change(c.Request.Context(), c.Param("id"))
		if err != nil {
			w.fail(c, err)
			c.Abort()
			return
		}
		names = append(names, entry.Mesh)
	}
	if c.FullPath() == "/canaries/:id" && w.Rollouts != nil {
		r, err := w.Rollouts.Get(c.Request.Context(), c.Param("id"))
		if err != nil {
			w.fail(c, err)
			c.Abort()
			return
		}
		names = append(names, r.Mesh)
	}
	for _, name := range names {
		if err := w.denied(c, name); err != nil {
			w.fail(c, err)
			c.Abort()
			return
		}
	}
}

// changesNoMesh names the forms that keep something for people and leave every mesh as it is. Saved views are everybody's,
// so whoever may look may clutter the list; all the same, the night's reader who may change nothing is the one who has
// found the way to look at an incident and hands it on. Names, authors and desk.MaxViews bound the clutter, and whoever
// sees a view can drop it.
func changesNoMesh(path string) bool { return strings.HasPrefix(path, "/topology/") }

// denied is why the reader may not change a mesh, as mesh.Denied; nil when they may.
func (w *Web) denied(c *gin.Context, name string) error {
	if w.Refusal == nil || name == "" {
		return nil
	}
	err := w.Refusal(c.Request, name)
	if err == nil || mesh.CodeOf(err) == mesh.Denied {
		return err
	}
	return mesh.Errorf(mesh.Denied, "%w", err)
}
