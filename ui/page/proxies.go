package page

import "github.com/weirmesh/weir/server/provider"

// Proxies is every proxy that is or was connected, and those that were not let in.
type Proxies struct {
	Shell
	List    Listing
	Rows    []ProxyRow // by state, the worst first, unless they are sorted otherwise
	Synced  int        // of all
	Refused []ProxyRow
	Sources Sources
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
	Types       []ProxyType
}

// ProxyType is one type of configuration on one proxy.
type ProxyType struct {
	Type, Acked, Pending, Rejected, Message string
	Count                                   int
	AckedAgo                                string
	Stage                                   string // "done", "wait", "bad"
}

// Proxy is one proxy's page.
type Proxy struct {
	Shell
	Row ProxyRow
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
