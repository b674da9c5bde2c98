package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// lookFields are what a saved view keeps of an address: what is looked at, and neither the mesh nor the moment.
func lookFields() []string {
	return []string{"view", "focus", "hops", "hide", "by", "label", "filter", "sort"}
}

// lookQuery is what a saved view keeps of a query.
func lookQuery(query url.Values) string {
	kept := url.Values{}
	for _, name := range lookFields() {
		if values := slices.DeleteFunc(slices.Clone(query[name]), func(s string) bool { return s == "" }); len(values) > 0 {
			kept[name] = values
		}
	}
	return kept.Encode()
}

// looks are the saved views of the mesh; nil when none can be saved. That they cannot be read does not keep anybody from
// looking at the mesh.
func (w *Web) looks(c *gin.Context, v *view) *page.Looks {
	if w.Views == nil {
		return nil
	}
	l := &page.Looks{Query: lookQuery(c.Request.URL.Query())}
	list, err := w.Views.Views(c.Request.Context(), v.Mesh)
	if err != nil {
		w.Logger.WarnContext(c.Request.Context(), "saved views cannot be read", "mesh", v.Mesh, "err", err)
		l.Broken = true
	}
	for _, each := range list {
		query, _ := url.ParseQuery(each.Query)
		pairs := []string{}
		for _, name := range lookFields() {
			if name != "hide" {
				pairs = append(pairs, name, query.Get(name))
			}
		}
		address := v.Href("/topology", pairs...)
		if hide := query["hide"]; len(hide) > 0 {
			address = withAll(address, "hide", hide)
		}
		l.List = append(l.List, page.Look{Name: each.Name, Href: address, Author: each.Author, Ago: v.Ago(each.At)})
	}
	return l
}

// withAll adds a repeated parameter to an address.
func withAll(address, name string, values []string) string {
	mark := "?"
	if strings.Contains(address, "?") {
		mark = "&"
	}
	return address + mark + url.Values{name: values}.Encode()
}

// saveLook keeps the view that a form names, or forgets it, and leads back to what was looked at.
func (w *Web) saveLook(c *gin.Context) error {
	v, err := w.look(c, "topology", "nav.topology")
	if err != nil {
		return err
	}
	if w.Views == nil {
		return mesh.Errorf(mesh.Unavailable, "this Weir cannot save views")
	}
	if v.Mesh == "" {
		return mesh.Errorf(mesh.NotFound, "there is no mesh to save a view of")
	}
	query, err := url.ParseQuery(c.PostForm("query"))
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "view: its address cannot be read: %v", err)
	}
	kept := lookQuery(query)
	name := strings.Join(strings.Fields(c.PostForm("name")), " ")
	switch {
	case name == "":
		return mesh.Errorf(mesh.Invalid, "view: give it a name")
	case utf8.RuneCountInString(name) > desk.MaxName:
		return mesh.Errorf(mesh.Invalid, "view: a name has at most %d characters", desk.MaxName)
	case len(kept) > desk.MaxQuery:
		return mesh.Errorf(mesh.Invalid, "view %s: there is too much in it: hide fewer boxes", name)
	}
	if c.PostForm("do") == "drop" {
		err = w.Views.DropView(c.Request.Context(), v.Mesh, name)
	} else {
		err = w.Views.SaveView(c.Request.Context(), desk.View{Mesh: v.Mesh, Name: name, Query: kept, Author: author(c), At: w.Now()})
	}
	if err != nil {
		return err
	}
	back := v.Href("/topology")
	if kept != "" {
		values, _ := url.ParseQuery(kept)
		if len(v.Meshes) > 1 {
			values.Set("mesh", v.Mesh)
		}
		back = "/topology?" + values.Encode()
	}
	c.Redirect(http.StatusSeeOther, back)
	return nil
}
