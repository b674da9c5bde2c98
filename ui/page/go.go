package page

import "github.com/weirmesh/weir/server/mesh"

// Go is the palette as a page: what was typed, and what fits.
type Go struct {
	Shell
	Query   string
	Results []GoResult
}

// GoResult leads somewhere: to an address, or by a form to the review of a change.
type GoResult struct {
	Kind   string // of what is found: "page", "service", "change", "action" …
	Name   string
	Detail string
	Health mesh.Health // "" when it has none
	Href   string
	Hidden []Field // when there are any, they are posted to Href
}

// Example is something that can be typed.
type Example struct{ Query, Text string }

func (p Go) examples() []Example {
	var list []Example
	for _, key := range []string{"weight", "pool", "compare", "undo", "hide", "focus"} {
		list = append(list, Example{Query: p.L.T("go.example." + key), Text: p.L.T("go.example." + key + ".text")})
	}
	return list
}
