package graph

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// Page is a part of the table of edges.
type Page struct {
	// Sort names a column, one of SortColumns: words from A, numbers and health from the largest and the worst; the other way
	// round with "-" before it. Empty: "health".
	Sort   string
	Filter string   // words that an edge's ends or its health have to contain, all of them; from:NAME and to:NAME for whole names
	Hide   []string // as in a Wish
	From   int      // rows to leave out before
	Rows   int      // at most
}

// SortColumns are the columns that a table of edges can be sorted by.
func SortColumns() []string {
	return []string{"health", "rate", "errors", "p50", "p95", "p99", "share", "from", "to"}
}

// Page gives a part of the table and how many rows the whole table has. An unknown column sorts as "health" does. Rows that
// are equal in the column are in the order of rate, then of names.
func (o *Outline) Page(p Page) (rows []Edge, total int) {
	order := o.order(p)
	total = len(order)
	from := min(max(p.From, 0), total)
	order = order[from:min(total, from+max(p.Rows, 0))]
	rows = make([]Edge, len(order))
	for i, e := range order {
		rows[i] = o.graph.Edges[e]
	}
	return rows, total
}

// maxOrders is how many orders of the table an outline remembers: pages of one table share theirs.
const maxOrders = 64

// order gives the places of the table's edges, sorted.
func (o *Outline) order(p Page) []int32 {
	key := p.Sort + "\n" + p.Filter + "\n" + strings.Join(p.Hide, "\n")
	o.mu.Lock()
	defer o.mu.Unlock()
	list, ok := o.orders[key]
	if ok {
		return list
	}
	list = o.matching(p)
	by := strings.TrimPrefix(p.Sort, "-")
	sign := 1
	if by != p.Sort {
		sign = -1
	}
	compare := o.column(by)
	slices.SortFunc(list, func(a, b int32) int {
		x, y := &o.graph.Edges[a], &o.graph.Edges[b]
		return cmp.Or(sign*compare(x, y), cmp.Compare(y.RequestRate, x.RequestRate), cmp.Compare(a, b))
	})
	if len(o.orders) >= maxOrders || o.orders == nil {
		o.orders = make(map[string][]int32)
	}
	o.orders[key] = list
	return list
}

// matching gives the edges that a page is about.
func (o *Outline) matching(p Page) []int32 {
	hidden := make(map[int32]bool, len(p.Hide))
	for _, name := range p.Hide {
		if u := o.find(name); u >= 0 {
			hidden[u] = true
		}
	}
	filter := parseFilter(p.Filter)
	list := make([]int32, 0, len(o.graph.Edges))
	for i := range o.graph.Edges {
		ends := o.ends[i]
		if ends[0] < 0 || ends[1] < 0 || hidden[ends[0]] || hidden[ends[1]] || !o.meets(int32(i), filter) {
			continue
		}
		list = append(list, int32(i))
	}
	return list
}

// column gives the order of a column as it is read first: words from A, numbers from the largest.
func (o *Outline) column(by string) func(a, b *Edge) int {
	number := func(of func(*Edge) float64) func(a, b *Edge) int {
		return func(a, b *Edge) int { return cmp.Compare(of(b), of(a)) }
	}
	switch by {
	case "from":
		return func(a, b *Edge) int { return cmp.Compare(plain(a.From), plain(b.From)) }
	case "to":
		return func(a, b *Edge) int { return cmp.Compare(plain(a.To), plain(b.To)) }
	case "rate":
		return number(func(e *Edge) float64 { return e.RequestRate })
	case "errors":
		return number(func(e *Edge) float64 { return e.ErrorRatio })
	case "p50":
		return number(func(e *Edge) float64 { return e.P50 })
	case "p95":
		return number(func(e *Edge) float64 { return e.P95 })
	case "p99":
		return number(func(e *Edge) float64 { return e.P99 })
	case "share":
		return number(func(e *Edge) float64 {
			if e.Share == nil {
				return -1
			}
			return *e.Share
		})
	default:
		return func(a, b *Edge) int { return health.Rank(b.Health) - health.Rank(a.Health) }
	}
}

// plain is a graph id without the kind before it.
func plain(id string) string {
	if _, name, ok := strings.Cut(id, "/"); ok {
		return name
	}
	return id
}

// ParsePage reads a part of the table as addresses write it; an empty text is left out. Errors are of the kind
// mesh.Invalid.
func ParsePage(sort, filter, from, rows string, most int) (p Page, err error) {
	p = Page{Sort: sort, Filter: filter}
	if by := strings.TrimPrefix(sort, "-"); sort != "" && !slices.Contains(SortColumns(), by) {
		return p, mesh.Errorf(mesh.Invalid, "sort %q: the columns are %s, with - before one for the other way round", mesh.Shorten(sort), strings.Join(SortColumns(), ", "))
	}
	number := func(what, text string, least, most, without int) int {
		if text == "" {
			return without
		}
		n, bad := strconv.Atoi(text)
		if (bad != nil || n < least || n > most) && err == nil {
			err = mesh.Errorf(mesh.Invalid, "%s %q: write a number from %d to %d", what, mesh.Shorten(text), least, most)
		}
		return n
	}
	p.From = number("from", from, 0, maxRow, 0)
	p.Rows = number("rows", rows, 1, most, min(most, usualRows))
	return p, err
}

// The largest place in a table that can be asked for, and how many rows are given when nobody says.
const (
	maxRow    = 1_000_000
	usualRows = 100
)
