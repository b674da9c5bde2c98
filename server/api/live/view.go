package live

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// How much a view may ask for, and how often the largest one is renewed.
const (
	maxRows      = 150    // edges, and boxes, that a frame shows at most
	maxWholeRows = 20_000 // the same of the view that shows everything
	maxHide      = 200    // names on a hide list
	maxFilter    = 200    // bytes
	wholePace    = 5 * time.Second
	pagePace     = 3 * time.Second // between two orders of a table's page
)

// The deadbands: how far a number may be from the one last sent before its row is sent again.
const (
	deadband      = 0.02
	looseDeadband = 0.05 // of latencies and bytes
	wholeDeadband = 0.1
)

// view is what a subscription names.
type view struct {
	name   string // as the client wrote it
	kind   string // graph, table, problems, groups, whole, focus, service, pulse, changes, proxies
	mesh   string
	center string // service
	wish   graph.Wish
	page   *graph.Page // of a table: nil shows the foremost rows
}

// graphical says whether the view is drawn from the graph.
func (v view) graphical() bool { return v.kind != "changes" && v.kind != "proxies" }

// chooses says whether the view shows what graph.Choose chooses.
func (v view) chooses() bool { return v.wish.View != "" }

// deadband is how far the view's numbers may be from those last sent.
func (v view) deadband() float64 {
	if v.wish.View == graph.ViewWhole {
		return wholeDeadband
	}
	return deadband
}

// parseView reads a view's name.
func parseView(name string) (view, error) {
	v := view{name: name}
	kind, rest, _ := strings.Cut(name, ":")
	v.kind = kind
	rest, options := cutOptions(rest)
	switch kind {
	case "graph", "changes", "proxies", "pulse":
		v.mesh = rest
	case "problems", "groups", "table", "whole":
		v.mesh, v.wish.View = rest, graph.View(kind)
	case "service":
		v.mesh, v.center, _ = strings.Cut(rest, ":")
		if v.center == "" {
			return v, mesh.Errorf(mesh.Invalid, "view %q: write it as service:MESH:SERVICE", mesh.Shorten(name))
		}
	case "focus":
		middle, hops, ok := cutLast(rest)
		v.mesh, v.wish.Focus, _ = strings.Cut(middle, ":")
		n, err := strconv.Atoi(hops)
		if !ok || err != nil || n < 1 || n > 3 || v.wish.Focus == "" {
			return v, mesh.Errorf(mesh.Invalid, "view %q: write it as focus:MESH:BOX:HOPS with 1 to 3 hops", mesh.Shorten(name))
		}
		v.wish.View, v.wish.Hops = graph.ViewFocus, n
	default:
		return v, mesh.Errorf(mesh.Invalid,
			"view %q: the views are problems, focus, groups, table, whole, graph, service, pulse, changes and proxies, as in problems:MESH", mesh.Shorten(name))
	}
	if v.mesh == "" {
		return v, mesh.Errorf(mesh.Invalid, "view %q: name the mesh, as in %s:MESH", mesh.Shorten(name), kind)
	}
	return v, v.readOptions(options)
}

// cutOptions cuts off what follows the last question mark that no colon follows: names of boxes may contain both, options
// are percent-encoded.
func cutOptions(s string) (rest, options string) {
	if i := strings.LastIndexByte(s, '?'); i >= 0 && i > strings.LastIndexByte(s, ':') {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// cutLast cuts around the last colon.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// readOptions reads what follows the question mark.
func (v *view) readOptions(text string) error {
	if text == "" {
		return nil
	}
	options, err := url.ParseQuery(text)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "view %q: what follows ? is not written as in ?hide=a&hide=b", mesh.Shorten(v.name))
	}
	var allowed []string
	if v.chooses() {
		allowed = append(allowed, "hide")
	}
	switch v.wish.View {
	case graph.ViewGroups:
		allowed = append(allowed, "by")
	case graph.ViewTable:
		allowed = append(allowed, "sort", "filter", "from", "rows")
	}
	for key, values := range options {
		if !slices.Contains(allowed, key) {
			return mesh.Errorf(mesh.Invalid, "view %q: %s has no option %q", mesh.Shorten(v.name), v.kind, mesh.Shorten(key))
		}
		if len(values) > 1 && key != "hide" {
			return mesh.Errorf(mesh.Invalid, "view %q: give %s once", mesh.Shorten(v.name), key)
		}
	}
	v.wish.Hide, v.wish.By = options["hide"], options.Get("by")
	if len(v.wish.Hide) > maxHide {
		return mesh.Errorf(mesh.Invalid, "view %q: at most %d boxes can be hidden", mesh.Shorten(v.name), maxHide)
	}
	if v.wish.View != graph.ViewTable {
		return nil
	}
	if len(options.Get("filter")) > maxFilter {
		return mesh.Errorf(mesh.Invalid, "view %q: a filter has at most %d bytes", mesh.Shorten(v.name), maxFilter)
	}
	p, err := graph.ParsePage(options.Get("sort"), options.Get("filter"), options.Get("from"), options.Get("rows"), maxRows)
	if err != nil {
		return err
	}
	p.Hide = v.wish.Hide
	v.page = &p
	return nil
}
