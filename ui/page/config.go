package page

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Config is everything that a mesh is configured to be, a page of it.
type Config struct {
	Shell
	View   string // "" or "drift"
	Query  string
	Kind   string // only this one; "" is all
	Kinds  []KindCount
	Groups []ConfigGroup
	Shown  int // rows in Groups before paging
	List   Listing
	Drift  Drift
	Rows   []Reach // of the drift view
}

// KindCount is how many objects of a kind there are.
type KindCount struct {
	Kind    mesh.Kind // "" is all
	Count   int
	Href    string
	Current bool
}

// ConfigGroup is the objects of one kind.
type ConfigGroup struct {
	Kind mesh.Kind
	Rows []ConfigRow
}

// ConfigRow is one object.
type ConfigRow struct {
	Ref     mesh.Ref
	About   string // what it says, in a few words
	Version int64
	By, Ago string
	Change  string // the ledger entry that made the version; "" when that is not known
	Behind  string // how far it got, when not all proxies have it
}

// Drift is what is accepted beside what runs and what is called, of a whole mesh.
type Drift struct {
	Revision   int64
	Connected  int          // proxies
	Behind     []DriftProxy // those that do not run the newest
	Objects    int          // that not every proxy has
	Unrun      []mesh.Ref   // nodes and gateways without a proxy
	Traffic    bool         // false: there are no numbers, and the calls say nothing
	Window     string
	Unused     []DriftCall
	Undeclared []DriftCall
}

// Clean is true when nothing is to be said about what the proxies run.
func (d Drift) Clean() bool { return len(d.Behind)+d.Objects == 0 }

// DriftProxy is a proxy that does not run something.
type DriftProxy struct {
	ID       string
	Reason   string // "pending", "rejected" or "gone"
	Message  string // its own words
	Since    time.Time
	Revision int64
}

// DriftCall is traffic from one box to another, by graph id.
type DriftCall struct {
	From, To    string
	RequestRate float64
}

// Reach is how many of the proxies that an object concerns run its newest version.
type Reach struct {
	Ref        mesh.Ref
	Version    int64
	Deleted    bool
	Change     string
	Programmed int
	Total      int
	Missing    []DriftProxy
}

// ConfigObject is one object: what it says, what it was, who uses it and who runs it.
type ConfigObject struct {
	Shell
	Ref      mesh.Ref
	YAML     string
	Version  int64
	Deleted  bool // only its versions are left
	About    string
	Uses     []component.LinkTo
	UsedBy   []component.LinkTo
	Reach    Reach
	Versions []ObjectVersion
	Older    string // where older versions are; "" when these are all
	From, To int64  // the versions that are compared; zero: none
	Diff     string
	CLI      string // how it is read elsewhere
	Curl     string
	DeleteTo string // where deleting it is reviewed; "" when it cannot be
	Missing  string // why its versions cannot be read; "" when they can
}

// ObjectVersion is one version of an object.
type ObjectVersion struct {
	ChangeLine
	Number  int64
	Deleted bool
	Now     bool
}

// ConfigForm is a definition as text, to be edited.
type ConfigForm struct {
	Desk
	Shell
	Heading string
	Lead    string
	Ref     mesh.Ref // empty: any
	Kinds   []Link   // templates to begin from
	File    bool     // a file may be sent instead
	Text    string
	Version int64
	Faults  []FaultLine
	Cancel  string
	Back    string
}

// FaultLine is one thing that is wrong with a definition.
type FaultLine struct {
	Line    int // zero: it is about no line
	Message string
	Source  string // the line's text
}

// ConfigHref is the address of an object's page.
func (s Shell) ConfigHref(ref mesh.Ref) string { return s.Href(ConfigPath(ref)) }

// ConfigPath is ConfigHref without a query.
func ConfigPath(ref mesh.Ref) string {
	path := "/config/" + string(ref.Kind) + "/"
	if ref.Kind == mesh.KindRoute || ref.Kind == mesh.KindGatewayRoute {
		parent, name := ref.Split()
		return path + url.PathEscape(parent) + "/" + url.PathEscape(name)
	}
	return path + url.PathEscape(ref.Name)
}

// ReachWords says how many of the proxies that an object concerns run its newest version.
func (s Shell) ReachWords(o Reach) string {
	if o.Total == 0 {
		return s.L.T("drift.nobody")
	}
	return s.L.T("drift.reach", "n", strconv.Itoa(o.Programmed), "total", strconv.Itoa(o.Total))
}

func reachStage(o Reach) string {
	switch {
	case o.Total == 0:
		return "none"
	case len(o.Missing) == 0:
		return "done"
	case o.Missing[0].Reason == "rejected":
		return "bad"
	}
	return "wait"
}

// reasonState is the state of a proxy that is behind, for its mark.
func reasonState(r string) string { return r }

func (p Config) tabs() []Link {
	return []Link{
		{Text: p.L.T("config.tab.objects"), Href: p.Href("/config"), Current: p.View == ""},
		{Text: p.L.T("config.tab.drift"), Href: p.Href("/config", "view", "drift"), Current: p.View == "drift"},
	}
}

func (c KindCount) label(s Shell) string {
	if c.Kind == "" {
		return s.L.T("config.all")
	}
	return s.L.T("kinds." + string(c.Kind))
}

// boxName is a graph id as people know it.
func (s Shell) boxName(id string) string {
	if id == mesh.UnknownID {
		return s.L.T("unknown.callers")
	}
	return id
}

// callList is what callsCard shows.
type callList struct {
	name    string // "undeclared" or "unused"
	calls   []DriftCall
	traffic bool
	window  string
}

func driftStage(r Drift) string {
	switch {
	case r.Connected == 0:
		return "none"
	case r.Clean():
		return "done"
	case len(r.Behind) > 0 && r.Behind[0].Reason == "rejected":
		return "bad"
	}
	return "wait"
}

// rows is how high the field is: the text and some room, within what fits a screen.
func (p ConfigForm) rows() int { return min(max(strings.Count(p.Text, "\n")+3, 14), 32) }

// encoding is how the form is sent: files need their own way.
func (p ConfigForm) encoding() string {
	if p.File {
		return "multipart/form-data"
	}
	return "application/x-www-form-urlencoded"
}

// InUse is an object that cannot be deleted, because others need it.
type InUse struct {
	Shell
	Ref     mesh.Ref
	Message string // the refusal, in English
	By      []component.LinkTo
}
