package page

import (
	"math"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Service is one virtual service: how it is, how its traffic is split, and what each version can take.
type Service struct {
	Shell
	Name string
	Tab  string // "": everything at a glance
	// Body is what a tab shows instead of the service's own columns; nil for the tabs that only show more or less of them.
	Body     templ.Component
	Provider string // what stands behind the name, in words
	Known    bool   // false: the service is called but not configured
	Health   mesh.Health
	Causes   []CauseLine
	Rate     float64
	Errors   float64
	P95      float64
	Callers  []component.LinkTo
	Splits   []Split
	Versions []Version
	Pools    []Pool
	Limits   []LimitsForm    // of health: the service's, then its routes'
	Route    string          // the one whose forms are shown; "" when there is none
	Knobs    []Knob          // the forms of that route
	Router   []Knob          // the forms of the router: the routes' order, a new route
	Change   *ChangeCard     // the newest that touched this service
	Plots    component.Plots // of its versions, on the first tab
	Spans    SpanLinks
	Routes   []RouteRow
}

// Split is the weighted targets of one route, as a form.
type Split struct {
	Desk
	Router, Route string
	Match         string   // in words
	Split         string   // whose weights the route takes; "": it has its own
	Sharing       []string // the routes that share the split
	SplitHref     string   // the split's definition
	Leave         string   // where the route is taken out of it
	Version       int64    // of the split, or else of the route, when it was read
	Rate          float64
	Sum           int // of the weights in force
	Targets       []Target
	Held          component.LinkTo // the rollout that moves these weights; no name: none does
	Override      string           // the page with the form open all the same; "": it is
	RollOut       string           // where a rollout of the route is begun; "" where none can be
	Error         string           // about the whole form; "" when there is none
	Together      bool             // Error is about the weights together, and so beside each of them
}

// about are the ids of what describes a target's fields: what is seen of it, and what is wrong with it.
func (s Split) about(t Target, live string) string {
	list := []string{live}
	if t.Error != "" {
		list = append(list, s.id("error", t.Node))
	}
	if s.Together {
		list = append(list, s.id("error", "form"))
	}
	return strings.TrimSpace(strings.Join(list, " "))
}

// Target is one row of a Split.
type Target struct {
	Node   string
	Label  string // the version, when it is known
	Weight string // in the field: in force, or what somebody typed
	Was    string // in force when the form was first drawn
	Share  float64
	Series int
	Error  string
	Live   Live
}

// Live is how a target is doing at this moment.
type Live struct {
	Share  float64 // of the service's requests, observed; negative: there are none
	Errors float64
	P95    float64
	Health mesh.Health
}

// EachKnob visits every form of fields and rows on the page.
func (s *Service) EachKnob(visit func(*Knob)) {
	for i := range s.Knobs {
		visit(&s.Knobs[i])
	}
	for i := range s.Router {
		visit(&s.Router[i])
	}
	for i := range s.Pools {
		for k := range s.Pools[i].Knobs {
			visit(&s.Pools[i].Knobs[k])
		}
	}
}

// EachField visits every field of a form, those of its rows too.
func (k *Knob) EachField(visit func(*KnobField)) {
	for i := range k.Fields {
		visit(&k.Fields[i])
	}
	for l := range k.Lists {
		for r := range k.Lists[l].Rows {
			for f := range k.Lists[l].Rows[r].Fields {
				visit(&k.Lists[l].Rows[r].Fields[f])
			}
		}
	}
}

// Version is one virtual node behind the service.
type Version struct {
	Node, Label string
	Series      int
	Health      mesh.Health
	Why         string
	Share       float64 // of the service's requests, observed; negative: no requests
	Wanted      float64 // configured; negative: no weights
	Rate        float64
	Errors      float64
	P95         float64
	TrendP95    []float64
	Proxies     int
}

// Pool is the connection pool of one listener of one version, as a form.
type Pool struct {
	Desk
	Knobs       []Knob // what else is set on the listener
	Node, Label string
	Port        int
	Protocol    string
	Version     int64 // of the node when it was read
	Instances   int
	Overflow    float64 // refused per second
	Fields      []PoolField
	Error       string
	Advice      *Advice // nil: there is none to show
}

// PoolField is one limit. Use and Limit are of all instances together, as they are seen now.
type PoolField struct {
	Name  string // as the API writes it: "maxConnections"
	Value string // in the field; "" is no limit
	Was   string // in force when the form was first drawn
	Known bool   // whether the use can be seen
	Use   float64
	Limit float64
	Error string
}

// RouteRow is one route of the service's router.
type RouteRow struct {
	Name, Match string
	Priority    int
	Targets     []component.Segment
	Retry       string
	Timeout     string
	Href        string // to edit its weights
	Open        bool   // it is the one whose form is shown
}

// ChangeCard is a change with its truths and what can be done about it.
type ChangeCard struct {
	ChangeLine
	Linked      string // the service on whose page it stands, which leads to its own; "" on its own
	Done        bool   // nothing more will happen by itself
	Left        string
	Deadline    string // for machines
	CanUndo     bool
	CanKeep     bool
	CanRevert   bool
	AlreadyUndo string // the change that took this one back
	Undoes      string // the change that this one takes back
}

func (s Service) tabs() []Link {
	return []Link{
		{Text: s.L.T("tab.all"), Href: s.ServiceHref(s.Name, ""), Current: s.Tab == ""},
		{Text: s.L.T("tab.traffic"), Href: s.ServiceHref(s.Name, "/traffic"), Current: s.Tab == "traffic"},
		{Text: s.L.T("tab.pool"), Href: s.ServiceHref(s.Name, "/pool"), Current: s.Tab == "pool"},
		{Text: s.L.T("tab.health"), Href: s.ServiceHref(s.Name, "/health"), Current: s.Tab == "health"},
		{Text: s.L.T("tab.proxies"), Href: s.ServiceHref(s.Name, "/proxies"), Current: s.Tab == "proxies"},
		{Text: s.L.T("tab.config"), Href: s.ServiceHref(s.Name, "/config"), Current: s.Tab == "config"},
		{Text: s.L.T("tab.events"), Href: s.ServiceHref(s.Name, "/events"), Current: s.Tab == "events"},
	}
}

// controls is the fragment that the forms of a tab are in. On the summary two tabs' forms stand beneath each other, and
// a fragment's name is one part's.
func (s Service) controls(tab string) string {
	if s.Tab == tab {
		return "controls"
	}
	return tab + "-controls"
}

func (s Service) shows(part string) bool {
	switch part {
	case "traffic", "routes":
		return s.Tab == "" || s.Tab == "traffic"
	case "pool":
		return s.Tab == "" || s.Tab == "pool"
	case "health":
		return s.Tab == "health"
	}
	return true
}

func (p Split) segments(s Shell) []component.Segment {
	segments := make([]component.Segment, len(p.Targets))
	for i, t := range p.Targets {
		segments[i] = component.Segment{Name: t.Node, Share: t.Share, Label: s.L.Share(t.Share), Series: t.Series}
	}
	return segments
}

func (p Split) id(part, node string) string {
	return part + "-" + p.Router + "-" + p.Route + "-" + node
}

func (p Split) button(s Shell) string {
	if p.Error != "" {
		return s.L.T("split.review.again")
	}
	return s.L.T("split.review")
}

// presetsShown is how many targets have their presets in sight: eight buttons for each of ten are a wall.
const presetsShown = 3

// folded says whether the presets of a target are folded away until they are asked for, one target's at a time.
func (p Split) folded() bool { return len(p.Targets) > presetsShown }

// steps are the presets of a target in percent of the whole.
func steps() []string { return []string{"0", "1", "5", "10", "25", "50", "100", "+5"} }

func (t Target) pressed(step string) string {
	percent, err := strconv.Atoi(step)
	return strconv.FormatBool(err == nil && step[0] != '+' && math.Abs(t.Share*100-float64(percent)) < 1e-6)
}

func (p Pool) id(field string) string {
	return "pool-" + p.Node + "-" + strconv.Itoa(p.Port) + "-" + field
}

func (p Pool) fragment() string { return "pool-" + p.Node + "-" + strconv.Itoa(p.Port) }

func (v Version) shareText(s Shell) string {
	if v.Share < 0 {
		return "–"
	}
	return s.L.Ratio(v.Share)
}
