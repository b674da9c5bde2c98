package page

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Topology is the service graph. The server draws a list around the focus and the table of every edge; an island
// draws the picture over them.
type Topology struct {
	Shell
	View   string // "focus" or "table"
	Focus  string // as in the address: a service, a version or a graph id; "" is the whole mesh
	Hops   int    // 1 or 2
	Sort   string
	Filter string
	Rows   []EdgeRow
	Around *Around  // nil when there is nothing to focus on
	Boxes  []Choice // what may be focused
	Empty  Empty
	Choice string // the graph id of Focus; "" when there is no such box
	// Scrubber leads through the past; nil where none is kept.
	Scrubber *Scrubber
	Problem  string   // why the moment cannot be shown, in English
	Notes    []string // what of the moment is missing, in English
}

// FocusHref is the address of the topology around one box, at the moment that is looked at.
func (p Topology) FocusHref(id string) string {
	query := []string{"view", "focus", "focus", id}
	if p.InPast() {
		query = append(query, "at", p.Past.ISO, "span", p.Scrubber.Span)
	}
	return p.Href("/topology", query...)
}

// serviceLink is the address of a service's page, "" in the past: what a service's page shows and changes is of now.
func (p Topology) serviceLink(name string) string {
	if p.InPast() || name == "" {
		return ""
	}
	return p.ServiceHref(name, "")
}

// carry is what the toolbar's forms keep of the moment.
func (p Topology) carry() []Field {
	if !p.InPast() {
		return nil
	}
	return []Field{{Name: "at", Value: p.Past.ISO}, {Name: "span", Value: p.Scrubber.Span}}
}

// Choice is an entry of the list of boxes.
type Choice struct{ ID, Name, Kind string }

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

// Around is one box and its neighbours, at most eight a side.
type Around struct {
	Center  Box
	Columns []Column // callers of callers … callees of callees, left to right; the centre is between
}

// Column is the boxes at one distance from the centre; negative distances call.
type Column struct {
	Distance int
	Title    string
	Boxes    []Box
	More     int
}

// Box is a node of the graph with the edge that connects it towards the centre.
type Box struct {
	ID, Name, Kind string
	Service        string
	Health         mesh.Health
	Why            string
	Rate           float64
	Errors         float64
	P95            float64
	EdgeHealth     mesh.Health
	Versions       []Box
	Share          float64 // of a version; negative when unknown
	Series         int
	Undeclared     bool
	Unused         bool
}

func (p Topology) views() []Link {
	return []Link{
		{Text: p.L.T("view.focus"), Href: p.With("view", "focus"), Current: p.View == "focus"},
		{Text: p.L.T("view.table"), Href: p.With("view", "table"), Current: p.View == "table"},
	}
}

func (p Topology) hopLinks() []Link {
	var links []Link
	for _, n := range []int{1, 2} {
		links = append(links, Link{Text: p.L.T("hops." + strconv.Itoa(n)), Href: p.With("hops", strconv.Itoa(n)), Current: p.Hops == n})
	}
	return links
}

// before and after are the columns on either side of the centre.
func (a Around) before() []Column { return a.side(func(d int) bool { return d < 0 }) }
func (a Around) after() []Column  { return a.side(func(d int) bool { return d > 0 }) }

func (a Around) side(in func(int) bool) []Column {
	var columns []Column
	for _, c := range a.Columns {
		if in(c.Distance) {
			columns = append(columns, c)
		}
	}
	return columns
}

// at is the moment that the picture begins with, "" for the present.
func (p Topology) at() string {
	if !p.InPast() {
		return ""
	}
	return p.Past.ISO
}

func (p Topology) hopsText() string { return strconv.Itoa(p.Hops) }

// texts are the words of the graph's island: every key "graph.…", and every cause.
func (p Topology) texts() templ.Attributes {
	attributes := templ.Attributes{}
	for key, text := range p.L.Prefixed("graph.") {
		attributes["data-text-"+key] = text
	}
	for code, text := range p.L.Prefixed("cause.") {
		attributes["data-text-cause-"+code] = text
	}
	service := strings.NewReplacer("%7Bservice%7D", "{service}", "%7Bnode%7D", "{node}")
	for knob, address := range map[string]string{
		"service":        p.ServiceHref("{service}", ""),
		"knob-pool":      p.ServiceHref("{service}", "/pool"),
		"knob-weights":   p.ServiceHref("{service}", "/traffic"),
		"knob-timeout":   p.ServiceHref("{service}", "") + "#routes",
		"knob-outliers":  p.ServiceHref("{service}", "/pool"),
		"knob-backends":  p.Shell.FocusHref("{node}"),
		"knob-retry":     p.ServiceHref("{service}", "") + "#routes",
		"knob-instances": p.Href("/proxies"),
		"knob-limits":    p.ServiceHref("{service}", "/health"),
		"knob-mesh":      p.Href("/settings"),
	} {
		attributes["data-href-"+knob] = service.Replace(address)
	}
	return attributes
}

func (p Topology) title() string {
	if p.Around != nil && p.Focus != "" {
		return p.L.T("topology.around", "name", p.Around.Center.Name)
	}
	return p.L.T("topology.title")
}

func segmentOf(b Box) component.Segment {
	return component.Segment{Name: b.Name, Share: max(b.Share, 0), Series: b.Series}
}

func versionSegments(boxes []Box) []component.Segment {
	segments := make([]component.Segment, len(boxes))
	for i, b := range boxes {
		segments[i] = segmentOf(b)
	}
	return segments
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
	switch {
	case sorted != key:
		return "none"
	case key == "from" || key == "to":
		return "ascending"
	}
	return "descending"
}
