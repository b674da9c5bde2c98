package page

import (
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// Edges is the table of calls, a page of it.
type Edges struct {
	Rows       []EdgeRow
	Total      int // in the mesh
	Matching   int // of the filter
	Page       int // from 1
	Pages      int
	Prev, Next string // addresses; "" at the ends
	CSV        string // the address of all that match
}

// EdgeRow is one edge of the table.
type EdgeRow struct {
	From, To         string // graph ids
	FromName, ToName string
	Health           mesh.Health
	Why              string
	Rate             float64
	Errors           float64
	P50, P95, P99    float64
	Share            *float64
	Wanted           *float64
	Declared, Used   bool
}

func value(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func shareValue(v *float64) string {
	if v == nil {
		return ""
	}
	return value(*v)
}

func (p Topology) shareText(row EdgeRow) string {
	switch {
	case row.Share != nil && row.Wanted != nil:
		return p.L.T("topology.share", "got", p.L.Ratio(*row.Share), "want", p.L.Share(*row.Wanted))
	case row.Share != nil:
		return p.L.Ratio(*row.Share)
	case row.Wanted != nil:
		return p.L.T("versions.wanted", "share", p.L.Share(*row.Wanted))
	}
	return "–"
}

func ariaSort(sorted, key string) string {
	by, turned := strings.CutPrefix(sorted, "-")
	switch {
	case by != key:
		return "none"
	case (key == "from" || key == "to") != turned:
		return "ascending"
	}
	return "descending"
}

// sortValue is what the head of a column asks for: its usual order, or the other when it is sorted so already.
func (p Topology) sortValue(key string) string {
	if p.Sort == key {
		return "-" + key
	}
	return key
}

func (p Topology) edgesTitle() string {
	if p.Edges.Matching < p.Edges.Total {
		return p.L.T("edges.matching", "n", p.Edges.Matching, "total", p.Edges.Total)
	}
	return p.L.N("topology.edges", p.Edges.Total)
}

// moreHref leads to the table of the calls behind a column's "more".
func (p Topology) moreHref(c Column) string {
	direction := "from"
	if c.Distance < 0 {
		direction = "to"
	}
	return p.To("view", "table", "filter", direction+":"+FilterWord(p.Around.Center.Name))
}

// FilterWord is a name as the filter of calls takes it: in quotes when there is a space in it.
func FilterWord(name string) string {
	if strings.ContainsAny(name, " \t\"") {
		return `"` + strings.ReplaceAll(name, `"`, "") + `"`
	}
	return name
}
