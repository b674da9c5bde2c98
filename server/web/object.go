package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// versionsShown is how many versions of an object are read at once.
const versionsShown = 25

// refOf is the object that an address names. Routes and gateway routes have two names.
func refOf(c *gin.Context, kind mesh.Kind) mesh.Ref {
	ref := mesh.Ref{Kind: kind, Name: c.Param("name")}
	if parent := c.Param("parent"); parent != "" {
		ref.Name = parent + "/" + ref.Name
	}
	return ref
}

// object makes the handler of the pages of a kind of objects.
func (w *Web) object(kind mesh.Kind) handler {
	return func(c *gin.Context) error {
		v, err := w.look(c, "config", "config.title")
		if err != nil {
			return err
		}
		ref := refOf(c, kind)
		p := page.ConfigObject{Shell: v.Shell, Ref: ref, Version: v.current.Versions[ref]}
		p.Title = ref.Name
		o, exists := v.current.Mesh.Get(ref)
		if _, ever := v.current.Versions[ref]; !exists && !ever {
			return mesh.Errorf(mesh.NotFound, "%s: mesh %s has none", shorten(ref.String()), v.Mesh)
		}
		p.Deleted = !exists
		if exists {
			if err := w.describeObject(c, v, o, &p); err != nil {
				return err
			}
		}
		if c.Query("fragment") != "reach" {
			if err := w.objectPast(c, v, &p); err != nil {
				return err
			}
		}
		return w.render(c, http.StatusOK, page.ObjectPage(p))
	}
}

// describeObject fills in what an object says and who has to do with it.
func (w *Web) describeObject(c *gin.Context, v view, o mesh.Object, p *page.ConfigObject) error {
	survey, err := w.survey(c, v)
	if err != nil {
		return err
	}
	ref := o.Ref()
	p.YAML, p.Reach = w.yamlOf(v.Mesh, o), reachOf(survey.Object(ref))
	for _, to := range mesh.References(o) {
		p.Uses = append(p.Uses, v.refLink(to))
	}
	for _, from := range v.current.Mesh.ReferredBy(ref) {
		p.UsedBy = append(p.UsedBy, v.refLink(from))
	}
	p.DeleteTo = v.Href(page.ConfigPath(ref) + "/delete")
	words := []string{"weir", "get", ref.Kind.Plural()}
	path := "/api/v1/meshes/" + url.PathEscape(v.Mesh)
	if ref.Kind != mesh.KindMesh {
		parent, name := ref.Split()
		path += "/" + ref.Kind.Plural() + "/" + url.PathEscape(parent)
		if name != "" {
			path += "/" + url.PathEscape(name)
		}
	}
	words = append(words, page.ShellWord(ref.Name))
	if ref.Kind != mesh.KindMesh {
		words = append(words, "--mesh", page.ShellWord(v.Mesh))
	}
	p.CLI, p.Curl = strings.Join(append(words, "-o", "yaml"), " "), `curl "$WEIR_URL`+path+`"`
	return nil
}

func (v view) refLink(ref mesh.Ref) component.LinkTo {
	link := component.LinkTo{Name: v.L.T("object."+string(ref.Kind)) + " " + ref.Name}
	if _, ok := v.current.Mesh.Get(ref); ok {
		link.Href = v.ConfigHref(ref)
	}
	return link
}

// objectPast reads the object's versions, and the difference between two of them when two are named.
func (w *Web) objectPast(c *gin.Context, v view, p *page.ConfigObject) error {
	if w.Versions == nil {
		p.Missing = "the versions of objects cannot be read here"
		return nil
	}
	q := change.Query{Mesh: v.Mesh, Object: p.Ref, Before: c.Query("before"), Limit: versionsShown + 1}
	versions, err := w.Versions.Versions(c.Request.Context(), q)
	if err != nil {
		return err
	}
	for i, each := range first(versions, versionsShown) {
		p.Versions = append(p.Versions, page.ObjectVersion{
			ChangeLine: v.changeLine(each.Change), Number: each.Number, Deleted: each.Object == nil, Now: each.Number == v.current.Versions[p.Ref],
		})
		if i == versionsShown-1 && len(versions) > versionsShown {
			p.Older = v.Href(page.ConfigPath(p.Ref), "before", each.Change.ID)
		}
	}
	from, to := versionNumber(c.Query("from")), versionNumber(c.Query("to"))
	if from == 0 && to == 0 && len(versions) > 1 {
		p.From, p.To = versions[1].Number, versions[0].Number
		if c.Query("before") != "" {
			p.From, p.To = 0, 0
		}
	} else {
		p.From, p.To = from, to
	}
	if p.From == 0 || p.To == 0 {
		return nil
	}
	a, errA := w.versionOf(c, q, versions, p.From)
	b, errB := w.versionOf(c, q, versions, p.To)
	for _, err := range []error{errA, errB} {
		if err != nil {
			return err
		}
	}
	p.Diff, err = change.Between(a, b)
	return err
}

func versionNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// versionOf finds a version among those read, or among all that the ledger has.
func (w *Web) versionOf(c *gin.Context, q change.Query, read []change.Version, n int64) (change.Version, error) {
	for q.Limit = 200; ; {
		for _, v := range read {
			if v.Number == n {
				return v, nil
			}
		}
		if len(read) == 0 || read[len(read)-1].Number <= n {
			return change.Version{}, mesh.Errorf(mesh.NotFound, "%s has no version %d", shorten(q.Object.String()), n)
		}
		q.Before = read[len(read)-1].Change.ID
		var err error
		if read, err = w.Versions.Versions(c.Request.Context(), q); err != nil {
			return change.Version{}, err
		}
	}
}
