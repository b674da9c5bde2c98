package page

import (
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// LimitsForm is the health limits of one object, as a form.
type LimitsForm struct {
	Desk
	Kind, Name string // of the object: "route", "reviews/primary"
	Title      string
	Aside      string // what a route matches
	Version    int64  // of the object when it was read
	Fields     []LimitField
	Objective  []LimitField // a route has none
	Error      string
}

// LimitField is one limit. An empty value is inherited.
type LimitField struct {
	Name      string // as the API writes it: "degradedErrors"
	Unit      string // "percent", "time", "count" or "days"
	Value     string
	Was       string // in force when the form was first drawn
	Inherited string // what holds when it is empty, in words; "" for nothing
	// Placeholder is the same as it would be typed.
	Placeholder string
	From        component.LinkTo // where that comes from
	Error       string
}

// Settings is what holds for a mesh as a whole.
type Settings struct {
	Shell
	Egress     string // App Mesh's word: DROP_ALL or ALLOW_ALL
	Revision   int64
	Counts     []SettingsCount
	Form       LimitsForm
	Approval   bool   // every change waits for a second person
	ApprovalNo string // why the reader cannot change that; "" when they can
	Version    string // of the mesh's settings
	Special    []Link // services with limits of their own
}

// SettingsCount is how many objects of a kind there are.
type SettingsCount struct {
	Key  string
	N    int
	Href string
}

// LimitsID is the id of the form of an object's limits.
func LimitsID(kind mesh.Kind, name string) string {
	return "limits-" + string(kind) + "-" + strings.ReplaceAll(name, "/", "-")
}

func (f LimitsForm) slug() string { return LimitsID(mesh.Kind(f.Kind), f.Name) }

func (f LimitsForm) id(field string) string { return f.slug() + "-" + field }

// own says whether the object has any limit of its own.
func (f LimitsForm) own() bool {
	for _, list := range [][]LimitField{f.Fields, f.Objective} {
		for _, each := range list {
			if each.Value != "" || each.Error != "" {
				return true
			}
		}
	}
	return f.Error != ""
}

func (p Settings) egress() string {
	if p.Egress == "" {
		return "DROP_ALL"
	}
	return p.Egress
}

func inputMode(unit string) string {
	switch unit {
	case "percent":
		return "decimal"
	case "count", "days":
		return "numeric"
	}
	return "text"
}

// limitPlaceholder shows in an empty field what holds; its unit stands beside the field.
func (s Shell) limitPlaceholder(f LimitField) string {
	if f.Inherited == "" {
		return "–"
	}
	return f.Placeholder
}
