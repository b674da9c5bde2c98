package page

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Topology is the service graph in one of its views. The server draws each as a page to read; an island draws the
// picture over them and keeps their numbers live.
type Topology struct {
	Shell
	View    string // "problems", "focus", "groups", "table" or "whole"
	Focus   string // as in the address: a service, a version or a graph id
	Choice  string // the graph id of the box in the middle; "" when there is none
	Hops    int    // 1 to 3
	By      string // of the groups, as in the address
	Label   string // what the calls of the picture are labelled with: "rate", "errors", "p95"; "" for all
	Filter  string
	Sort    string
	Hid     []HiddenBox
	Caption string
	Gone    string // what was to be in the middle and is not there
	Around  *Around
	Paths   []ProblemPath
	More    int // paths that are not listed
	Shifts  []ShiftRow
	Matrix  *Matrix
	Edges   Edges
	Boxes   []Choice // names that the search suggests
	Looks   *Looks   // nil: views cannot be saved
	Subject *Subject // what is selected
	Empty   Empty
	// Scrubber leads through the past; nil where none is kept.
	Scrubber *Scrubber
	Problem  string   // why the moment cannot be shown, in English
	Notes    []string // what of the moment is missing, in English
}

// HiddenBox is a box that somebody does not want to see.
type HiddenBox struct{ ID, Name, Show string }

// FocusHref is the address of the topology around one box, at the moment that is looked at.
func (p Topology) FocusHref(id string) string {
	return p.To("view", "focus", "focus", id, "filter", "")
}

// To is the address of this page with something else to see, in pairs of name and value; an empty value takes a name
// out. What belongs to one view alone does not come along.
func (p Topology) To(pairs ...string) string {
	query := url.Values{}
	if p.Here != nil {
		query = p.Here.Query()
	}
	for _, name := range []string{"page", "go", "select"} {
		query.Del(name)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Del(pairs[i])
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return "/topology"
	}
	return "/topology?" + query.Encode()
}

// serviceLink is the address of a service's page, "" in the past: what a service's page shows and changes is of now.
func (p Topology) serviceLink(name string) string {
	if p.InPast() || name == "" {
		return ""
	}
	return p.ServiceHref(name, "")
}

// carry is what a form of this page keeps of the address, without the names that the form sets itself.
func (p Topology) carry(without ...string) []Field {
	if p.Here == nil {
		return nil
	}
	var fields []Field
	query := p.Here.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if slices.Contains(without, name) || slices.Contains([]string{"page", "go", "select"}, name) {
			continue
		}
		for _, value := range query[name] {
			fields = append(fields, Field{Name: name, Value: value})
		}
	}
	return fields
}

// Choice is a name that the search suggests.
type Choice struct{ ID, Name, Kind string }

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
	var links []Link
	for _, view := range []string{"problems", "focus", "groups", "table"} {
		to := p.To("view", view, "filter", "")
		if view == p.View {
			to = p.To("view", view)
		}
		links = append(links, Link{Text: p.L.T("view." + view), Href: to, Current: view == p.View})
	}
	return links
}

func (p Topology) hopLinks() []Link {
	var links []Link
	for n := 1; n <= 3; n++ {
		hops := strconv.Itoa(n)
		links = append(links, Link{Text: p.L.T("hops." + hops), Href: p.To("view", "focus", "focus", p.Choice, "hops", hops), Current: p.Hops == n})
	}
	return links
}

func (p Topology) labelLinks() []Link {
	var links []Link
	for _, label := range []string{"", "rate", "errors", "p95"} {
		links = append(links, Link{Text: p.L.T("label." + cmp.Or(label, "all")), Href: p.To("label", label), Current: p.Label == label})
	}
	return links
}

// mute says that there is nothing that could be judged, so that the page must not say that all is well.
func (p Topology) mute() bool {
	return p.Problem != "" || p.Empty != NothingMissing || p.Edges.Total == 0
}

// lone is a mesh in which there is nothing to choose from.
func (p Topology) lone() bool {
	return p.Empty != NothingMissing && len(p.Edges.Rows) == 0 && p.Edges.Total == 0
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
	if p.Assets.Worker != "" {
		attributes["data-worker"] = p.Assets.Worker
	}
	for key, text := range p.L.Prefixed("graph.") {
		attributes["data-text-"+strings.ReplaceAll(key, ".", "-")] = text
	}
	for key, text := range p.L.Prefixed("groups.kind.") {
		attributes["data-text-group-"+key] = text
	}
	attributes["data-text-signal-errors"], attributes["data-text-signal-p95"] = p.L.T("signal.errors"), p.L.T("signal.p95")
	attributes["data-text-group-cell"] = p.L.T("groups.cell")
	for code, text := range p.L.Prefixed("cause.") {
		attributes["data-text-cause-"+code] = text
	}
	service := strings.NewReplacer("%7Bservice%7D", "{service}", "%7Bnode%7D", "{node}")
	for knob, address := range map[string]string{
		"service":           p.ServiceHref("{service}", ""),
		"knob-pool":         p.ServiceHref("{service}", "/pool"),
		"knob-weights":      p.ServiceHref("{service}", "/traffic"),
		"knob-timeout":      p.ServiceHref("{service}", "") + "#routes",
		"knob-outliers":     p.ServiceHref("{service}", "/pool"),
		"knob-backends":     p.Shell.FocusHref("{node}"),
		"knob-retry":        p.ServiceHref("{service}", "") + "#routes",
		"knob-instances":    p.Href("/proxies"),
		"knob-limits":       p.ServiceHref("{service}", "/health"),
		"knob-route-limits": p.ServiceHref("{service}", "/health") + "#limits-route-{form}",
		"traffic":           p.ServiceHref("{service}", "/traffic"),
		"pool":              p.ServiceHref("{service}", "/pool"),
		"compare":           p.CompareHref(p.Now.Add(-15*time.Minute), time.Time{}),
		"knob-mesh":         p.Href("/settings"),
	} {
		attributes["data-href-"+knob] = service.Replace(address)
	}
	return attributes
}

func (p Topology) title() string {
	if p.View == "focus" && p.Around != nil {
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
