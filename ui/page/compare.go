package page

import (
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Compare is what is different between two moments of a mesh, and what was changed between them.
type Compare struct {
	Shell
	From, To         string // in the fields of the form
	FromText, ToText string // in words
	FromHref, ToHref string // the topology at either
	Window           string
	Latest           string
	Asked            bool // false: no moments were given yet
	Verdict          string
	Groups           []DeltaGroup
	Changes          []ChangeLine
	Notes            []string // what is missing, in English
	Problem          string   // why it cannot be compared, in English
}

// DeltaGroup is the edges of one presence: new, vanished or changed.
type DeltaGroup struct {
	Key  string // "new", "vanished" or "both"
	N    int    // of all, shown or not
	Rows []DeltaRow
}

// DeltaRow is an edge, or a box that no edge stands for, in two pictures.
type DeltaRow struct {
	From, To component.LinkTo // From without a name: the row is a box
	Before   DeltaSide
	After    DeltaSide
	Worse    int // -1 better, 0 the same, 1 worse
}

// DeltaSide is the numbers of one side.
type DeltaSide struct {
	Shown  bool
	Health mesh.Health
	Rate   float64
	Errors float64
	P95    float64
	Why    string
}

// windows are the choices of what the numbers are taken over.
func (p Compare) windows() []Link {
	var links []Link
	for _, w := range []string{"30s", "1m0s", "5m0s"} {
		links = append(links, Link{Text: p.L.T("window." + w), Href: p.With("window", w), Current: p.Window == w})
	}
	return links
}

func (r DeltaRow) direction() string {
	switch {
	case r.Worse > 0:
		return "worse"
	case r.Worse < 0:
		return "better"
	}
	return "same"
}

// healthBefore says whether the verdict of before is worth a word.
func (r DeltaRow) healthBefore() bool {
	return r.Before.Shown && (!r.After.Shown || r.Before.Health != r.After.Health)
}

func (s DeltaSide) rate(p Shell) string {
	if !s.Shown {
		return "–"
	}
	return p.L.Rate(s.Rate)
}

func (s DeltaSide) errors(p Shell) string {
	if !s.Shown {
		return "–"
	}
	return p.L.Ratio(s.Errors)
}

func (s DeltaSide) p95(p Shell) string {
	if !s.Shown {
		return "–"
	}
	return p.L.Latency(s.P95)
}
