package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// people lists everybody who may come in.
func (w *Web) people(c *gin.Context) error {
	p, err := w.peopleOf(c)
	if err != nil {
		return err
	}
	p.Done = c.Query("done")
	return w.render(c, http.StatusOK, page.PeoplePage(p))
}

func (w *Web) peopleOf(c *gin.Context) (page.People, error) {
	p := page.People{Shell: w.frame(c, "people", "people.title"), Roles: roles(), Rows: []page.GrantRow{{Role: string(auth.Viewer)}}}
	p.Refusal = ""
	list, err := w.Admission.People.List(c.Request.Context())
	if err != nil {
		return p, err
	}
	for _, one := range list {
		p.List = append(p.List, personRow(one))
	}
	return p, nil
}

func personRow(p people.Person) page.Person {
	row := page.Person{ID: p.ID, Name: p.Name, Grants: grantList(p.Grants), At: p.At, Seen: p.Seen, Provider: p.Issuer, State: "active"}
	switch {
	case p.Disabled:
		row.State = "disabled"
	case p.Invited():
		row.State = "invited"
	}
	return row
}

// addPerson makes a person and shows the link by which they choose a password, once.
func (w *Web) addPerson(c *gin.Context) error {
	name, rows := c.PostForm("name"), rowsOf(c)
	if c.PostForm("do") == "row" {
		p, err := w.peopleOf(c)
		if err != nil {
			return err
		}
		rows = append(rows, page.GrantRow{})
		p.Name, p.Rows = name, rows
		return w.render(c, http.StatusOK, page.PeoplePage(p))
	}
	grants, failed := grantsOf(c)
	var link people.Link
	var made people.Person
	if failed == nil {
		made, link, failed = w.Admission.People.Add(c.Request.Context(), name, grants)
	}
	status := http.StatusCreated
	if failed != nil {
		ok := false
		if status, ok = inForm(c, failed); !ok {
			return failed
		}
	}
	p, err := w.peopleOf(c)
	if err != nil {
		return err
	}
	if failed != nil {
		p.Name, p.Rows, p.Error = name, rows, failed.Error()
		if strings.HasPrefix(p.Error, "there is somebody by the name") {
			p.Error = p.L.T("people.taken", "name", strings.TrimSpace(name))
		}
	} else {
		p.Link, p.LinkFor, p.Until = w.linkTo(c, "/invite/", link), made.Name, link.Expires
	}
	return w.render(c, status, page.PeoplePage(p))
}

// personPage is one person.
func (w *Web) personPage(c *gin.Context) error {
	who, err := w.Admission.People.Person(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	p := w.personOf(c, who)
	p.Done = c.Query("done")
	return w.render(c, http.StatusOK, page.PersonPage(p))
}

func (w *Web) personOf(c *gin.Context, who people.Person) page.PersonView {
	id, _ := auth.From(c.Request.Context())
	p := page.PersonView{
		Shell: w.frame(c, "people", ""), Person: personRow(who), Rows: grantRows(who.Grants), Version: who.Version, Roles: roles(), Own: who.ID == id.Person,
	}
	p.Title, p.Refusal = who.Name, ""
	p.Action = peoplePath + "/" + url.PathEscape(who.ID)
	return p
}

// changePerson does what one of the buttons of a person's page says.
func (w *Web) changePerson(c *gin.Context) error {
	ctx, id, do := c.Request.Context(), c.Param("id"), c.PostForm("do")
	who, err := w.Admission.People.Person(ctx, id)
	if err != nil {
		return err
	}
	var link people.Link
	switch do {
	case "row":
		p := w.personOf(c, who)
		p.Rows = append(rowsOf(c), page.GrantRow{})
		return w.render(c, http.StatusOK, page.PersonPage(p))
	case "grants":
		err = w.grant(c, id)
	case "disable":
		_, err = w.Admission.Standing.Disable(ctx, id)
	case "enable":
		_, err = w.Admission.Standing.Enable(ctx, id)
	case "remove":
		err = w.Admission.Standing.Remove(ctx, id)
	case "invite":
		link, err = w.Admission.People.Invite(ctx, id)
	default:
		err = mesh.Errorf(mesh.Invalid, "do %q: it is grants, disable, enable, remove or invite", mesh.Shorten(do))
	}
	switch {
	case err != nil:
		return w.refusePerson(c, who, do, err)
	case do == "remove":
		c.Redirect(http.StatusSeeOther, peoplePath+"?done=removed")
	case do == "invite":
		p := w.personOf(c, who)
		p.Link, p.Until = w.linkTo(c, "/invite/", link), link.Expires
		return w.render(c, http.StatusCreated, page.PersonPage(p))
	default:
		c.Redirect(http.StatusSeeOther, peoplePath+"/"+url.PathEscape(id)+"?done="+do)
	}
	return nil
}

// grant replaces what a person may do by the rows of the form, unless somebody changed it since the page was shown.
func (w *Web) grant(c *gin.Context, id string) error {
	grants, err := grantsOf(c)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(c.PostForm("version"), 10, 64)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "version: a whole number, as on the page")
	}
	_, err = w.Admission.People.Grant(c.Request.Context(), id, version, grants)
	return err
}

// refusePerson shows a person's page again, with the reason beside what was asked for.
func (w *Web) refusePerson(c *gin.Context, who people.Person, do string, err error) error {
	status, ok := inForm(c, err)
	if !ok {
		return err
	}
	p := w.personOf(c, who)
	p.Errors = map[string]string{do: err.Error()}
	if errors.Is(err, people.ErrLastAdmin) {
		p.Errors[do] = p.L.T("people.last")
	}
	if do == "grants" {
		p.Rows = rowsOf(c)
	}
	return w.render(c, status, page.PersonPage(p))
}
