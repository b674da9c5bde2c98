package page

import (
	"strconv"

	"github.com/weirmesh/weir/server/provider"
)

// Proxies is every proxy that is or was connected, and those that were not let in.
type Proxies struct {
	Shell
	List    Listing
	State   string // only those in this state; "" is all
	States  []StateCount
	Groups  []ProxyGroup // by state, the worst first, unless they are sorted otherwise; by node where that is the order
	Synced  int          // of all
	Refused []ProxyRow
	Sources Sources
}

// StateCount is how many proxies are in a state, and where they are listed alone.
type StateCount struct {
	State   string // "" is all
	Count   int
	Href    string
	Current bool
}

// ProxyGroup is proxies that are listed together.
type ProxyGroup struct {
	Of     string // what all of them stand for; "" when they are not grouped by that
	Synced int    // of those that stand for it, on this page or not
	Total  int
	Rows   []ProxyRow
}

// ProxyRow is one proxy.
type ProxyRow struct {
	ID, NodeID  string
	Of, OfHref  string // its virtual node or gateway
	Kind        string // "node" or "gateway"
	State       string
	Message     string
	Version     string
	Address     string
	Revision    int64
	Newest      int64 // revision of the mesh
	Since       string
	SinceMoment string
	Metrics     string // age of the newest report; "" when there is none
	MetricsLate bool
	SeriesOver  int
	Replica     string // the replica of Weir that it is connected to; "" for the one that answers
	Types       []ProxyType
}

// ProxyType is one type of configuration on one proxy. Versions are short hashes.
type ProxyType struct {
	Type, Wanted, Acked, Pending, Rejected, Message string
	Count                                           int
	AckedAgo                                        string
	Waiting                                         string // how long the proxy has owed an answer; "" when it owes none
	RejectedAgo                                     string
	Stage                                           string // "done", "wait", "bad", "none"
	Href                                            string // where its resources are listed
}

// behind is true when the proxy does not run the newest of this type.
func (t ProxyType) behind() bool { return t.Wanted != "" && t.Wanted != t.Acked }

func (g ProxyGroup) counts(s Shell) string {
	return s.L.T("proxies.group", "synced", strconv.Itoa(g.Synced), "total", strconv.Itoa(g.Total))
}

func (p Proxies) verdict() string {
	l, s := p.L, p.Sources
	if s.Connected == 0 {
		return l.T("proxies.verdict.none")
	}
	text := l.N("proxies.verdict", s.Connected, "synced", p.Synced, "reporting", s.Reporting)
	if s.Rejected > 0 {
		text += " " + l.N("proxies.verdict.rejected", s.Rejected)
	}
	return text
}

func syncIcon(state string) string {
	switch provider.ProxyState(state) {
	case provider.Synced:
		return "done"
	case provider.Pending:
		return "wait"
	case provider.Rejected, provider.Refused:
		return "bad"
	}
	return "none"
}

func messageKind(state string) string {
	switch provider.ProxyState(state) {
	case provider.Refused:
		return "refused"
	case provider.Rejected:
		return "rejected"
	}
	return "other"
}

func typeTitle(s Shell, t ProxyType) string {
	text := s.L.T("type."+t.Type) + ": " + s.L.T("stage."+t.Stage)
	if t.Message != "" {
		text += " – " + t.Message
	}
	return text
}

func lateLevel(late bool) string {
	if late {
		return "high"
	}
	return "calm"
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
