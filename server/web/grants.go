package web

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// spareRows is how many empty rows a form of grants has for more.
const spareRows = 1

// grantsOf reads the rows of a form: empty ones are left out. Error: mesh.Invalid for a row that says where and not what.
func grantsOf(c *gin.Context) ([]auth.Grant, error) {
	var grants []auth.Grant
	for i, row := range rowsOf(c) {
		switch {
		case row.Role != "":
			g := auth.Grant{Role: auth.Role(row.Role), Mesh: row.Mesh, Name: row.Name}
			if err := g.Validate(); err != nil {
				return nil, err
			}
			grants = append(grants, g)
		case row.Mesh != "" || row.Name != "":
			return nil, mesh.Errorf(mesh.Invalid, "row %d says where and no role: choose one, or empty the row", i+1)
		}
	}
	return grants, nil
}

// rowsOf are the rows of grants as they were entered.
func rowsOf(c *gin.Context) []page.GrantRow {
	roles, meshes, names := c.PostFormArray("role"), c.PostFormArray("mesh"), c.PostFormArray("object")
	rows := make([]page.GrantRow, min(len(roles), len(meshes), len(names), people.MaxGrants+spareRows))
	for i := range rows {
		rows[i] = page.GrantRow{Role: roles[i], Mesh: strings.TrimSpace(meshes[i]), Name: strings.TrimSpace(names[i])}
	}
	return rows
}

// grantRows are grants as rows of a form, with room for another.
func grantRows(grants []auth.Grant) []page.GrantRow {
	return append(grantList(grants), make([]page.GrantRow, spareRows)...)
}

// grantList are grants as they are shown.
func grantList(grants []auth.Grant) []page.GrantRow {
	rows := make([]page.GrantRow, 0, len(grants)+spareRows)
	for _, g := range grants {
		rows = append(rows, page.GrantRow{Role: string(g.Role), Mesh: everyMesh(g.Mesh), Name: everyMesh(g.Name)})
	}
	return rows
}

// everyMesh writes the pattern of everything as the empty one, which means the same.
func everyMesh(pattern string) string {
	if pattern == auth.Every {
		return ""
	}
	return pattern
}

// roles are the words that a role is chosen from.
func roles() []string {
	var words []string
	for _, r := range auth.Roles() {
		words = append(words, string(r))
	}
	return words
}
