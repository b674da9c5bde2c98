package web

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// edgesPerPage is how many calls a page of the table has.
const edgesPerPage = 200

func pageOf(c *gin.Context) int {
	n, err := strconv.Atoi(c.Query("page"))
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// edges is one page of the table.
func (v view) edges(p *page.Topology, number int) page.Edges {
	table := graph.NewOutline(v.graph)
	part := graph.Page{Sort: p.Sort, Filter: p.Filter, Hide: hidden(p), Rows: edgesPerPage, From: (number - 1) * edgesPerPage}
	rows, total := table.Page(part)
	t := page.Edges{Matching: total, Pages: max(1, (total+edgesPerPage-1)/edgesPerPage)}
	if t.Page = min(number, t.Pages); t.Page != number {
		part.From = (t.Page - 1) * edgesPerPage
		rows, _ = table.Page(part)
	}
	for i := range rows {
		t.Rows = append(t.Rows, v.edgeRow(&rows[i]))
	}
	if t.Page > 1 {
		t.Prev = p.To("page", strconv.Itoa(t.Page-1))
	}
	if t.Page < t.Pages {
		t.Next = p.To("page", strconv.Itoa(t.Page+1))
	}
	t.CSV = strings.Replace(p.To("view", "", "focus", "", "hops", "", "label", ""), "/topology", "/topology/edges.csv", 1)
	return t
}

// hidden is the hide list of a page.
func hidden(p *page.Topology) []string {
	var hide []string
	for _, box := range p.Hid {
		hide = append(hide, box.ID)
	}
	return hide
}

func (v view) edgeRow(e *graph.Edge) page.EdgeRow {
	return page.EdgeRow{
		From: e.From, To: e.To, FromName: v.name(e.From), ToName: v.name(e.To), Health: cmp.Or(e.Health, mesh.Unknown), Why: v.worst(e.Causes, e.Why),
		Rate: e.RequestRate, Errors: e.ErrorRatio, P50: e.P50, P95: e.P95, P99: e.P99, Share: e.Share, Wanted: e.Weight,
		Declared: e.Declared, Used: e.Used,
	}
}

// edgesCSV is the table for spreadsheets: every call that the filter leaves, in plain numbers.
func (w *Web) edgesCSV(c *gin.Context) error {
	p, v, status, err := w.readTopology(c)
	if err != nil || p == nil {
		return err
	}
	if status != http.StatusOK {
		return mesh.Errorf(mesh.Unavailable, "calls of mesh %s: %s", v.Mesh, p.Problem)
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="weir-calls.csv"`)
	out := csv.NewWriter(c.Writer)
	rows := [][]string{{"from", "to", "protocol", "health", "why", "requests_per_second", "error_ratio", "p50_seconds", "p95_seconds", "p99_seconds", "share", "weight", "declared", "used"}}
	edges, _ := graph.NewOutline(v.graph).Page(graph.Page{Sort: p.Sort, Filter: p.Filter, Hide: hidden(p), Rows: len(v.graph.Edges)})
	for i := range edges {
		rows = append(rows, v.edgeRecord(&edges[i]))
	}
	if err := out.WriteAll(rows); err != nil {
		return mesh.Errorf(mesh.Internal, "calls of mesh %s: %w", v.Mesh, err)
	}
	return nil
}

func (v view) edgeRecord(e *graph.Edge) []string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	optional := func(f *float64) string {
		if f == nil {
			return ""
		}
		return number(*f)
	}
	return []string{
		harmless(v.name(e.From)), harmless(v.name(e.To)), string(e.Protocol), string(e.Health), harmless(v.worst(e.Causes, e.Why)),
		number(e.RequestRate), number(e.ErrorRatio), number(e.P50), number(e.P95), number(e.P99), optional(e.Share), optional(e.Weight),
		strconv.FormatBool(e.Declared), strconv.FormatBool(e.Used),
	}
}

// harmless keeps a spreadsheet from taking a name for a formula (OWASP, CSV injection).
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
