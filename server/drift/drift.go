// Package drift lays what a mesh is configured to do beside what its proxies run and what its traffic does: per object
// how many of the proxies that it concerns have it and why the others have not, and which declared calls nobody makes.
// It is pure but for Recent, which reads the ledger; it changes nothing.
package drift

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// Input is what drift is found in.
type Input struct {
	Current change.Current
	Recent  []change.Change // newest first, as Recent gives them
	Proxies []provider.Proxy
	Graph   graph.Graph // the zero Graph: traffic is not known
}

// Report is a whole mesh's drift.
type Report struct {
	Mesh      string   `json:"mesh"`
	Revision  int64    `json:"revision"`
	Connected int      `json:"connected"` // proxies
	Synced    int      `json:"synced"`    // of those, that run all they should
	Behind    []Proxy  `json:"behind"`    // proxies that do not, or left before they did
	Objects   []Object `json:"objects"`   // that not every proxy they concern has, the least programmed first
	// Unrun are nodes and gateways without a connected proxy: nobody carries them out.
	Unrun []mesh.Ref `json:"unrun"`
	// Traffic is false when no numbers are there to compare with; Unused and Undeclared then say nothing.
	Traffic    bool   `json:"traffic"`
	Window     string `json:"window,omitempty"` // of the traffic: "30s"
	Unused     []Call `json:"unused"`           // declared, and nobody called in the window
	Undeclared []Call `json:"undeclared"`       // called, and nothing in the configuration says so
}

// Clean is true when nothing is to be said about what the proxies run.
func (r Report) Clean() bool { return len(r.Behind)+len(r.Objects) == 0 }

// Reason says why a proxy does not run something.
type Reason string

// The reasons.
const (
	Pending  Reason = "pending"  // it has been or is being sent, and is not acknowledged
	Rejected Reason = "rejected" // the proxy refused it, or it was not sent because another did
	Gone     Reason = "gone"     // the proxy disconnected before it had it
)

// Proxy is one that does not run the newest configuration.
type Proxy struct {
	ID       string    `json:"proxy"`
	Reason   Reason    `json:"reason"`
	Message  string    `json:"message,omitempty"` // the proxy's own words
	Since    time.Time `json:"since"`             // its last acknowledgement; of one that is gone, when it left
	Revision int64     `json:"revision"`          // that it runs; zero: none
}

// Object is how far one object got.
type Object struct {
	Kind       mesh.Kind `json:"kind"`
	Name       string    `json:"name"`
	Version    int64     `json:"version"`
	Deleted    bool      `json:"deleted,omitempty"`
	Change     string    `json:"change,omitempty"` // the entry that made this version
	Programmed int       `json:"programmed"`       // proxies that run this version
	Total      int       `json:"total"`            // proxies that it concerns
	Missing    []Proxy   `json:"missing"`          // those that do not
}

// Ref names the object.
func (o Object) Ref() mesh.Ref { return mesh.Ref{Kind: o.Kind, Name: o.Name} }

// Call is traffic from one box to another, by graph id.
type Call struct {
	From        string   `json:"from"`
	To          string   `json:"to"`
	Services    []string `json:"services"` // through which it is declared
	RequestRate float64  `json:"requestRate"`
}

// Survey is a mesh with its proxies sorted out, to ask about.
type Survey struct {
	in     Input
	index  index
	byEnd  map[string][]provider.Proxy // connected ones
	behind []standing
}

// standing is a proxy that is behind, with the end that it stands for.
type standing struct {
	Proxy
	end string
}

// New sorts a mesh's proxies out.
func New(in Input) Survey {
	s := Survey{in: in, index: newIndex(in.Current.Mesh), byEnd: make(map[string][]provider.Proxy)}
	for _, p := range in.Proxies {
		end := endOf(p)
		if p.Connected() {
			s.byEnd[end] = append(s.byEnd[end], p)
		}
		if b, ok := s.lag(p); ok {
			s.behind = append(s.behind, standing{b, end})
		}
	}
	slices.SortStableFunc(s.behind, func(a, b standing) int {
		return cmp.Or(cmp.Compare(rank(a.Reason), rank(b.Reason)), cmp.Compare(a.ID, b.ID))
	})
	return s
}

func rank(r Reason) int { return slices.Index([]Reason{Rejected, Pending, Gone}, r) }

// endOf is the graph id that a proxy stands for.
func endOf(p provider.Proxy) string {
	if p.Gateway != "" {
		return mesh.GatewayID(p.Gateway)
	}
	return p.Node
}

// lag says that a proxy does not run the newest configuration, and why.
func (s Survey) lag(p provider.Proxy) (Proxy, bool) {
	out := Proxy{ID: p.ID, Revision: p.Revision, Message: p.Message, Since: p.AckedAt}
	switch p.State {
	case provider.Rejected:
		out.Reason = Rejected
	case provider.Pending:
		out.Reason = Pending
	case provider.Gone:
		out.Reason, out.Since = Gone, p.Since
		return out, p.Revision < s.in.Current.Revision
	case provider.Synced, provider.Refused:
		return out, false
	}
	if out.Since.IsZero() {
		out.Since = p.Since
	}
	return out, true
}

// Report gives the whole mesh's drift.
func (s Survey) Report() Report {
	c := s.in.Current
	r := Report{
		Mesh: c.Mesh.Name, Revision: c.Revision, Behind: []Proxy{}, Objects: s.objects(),
		Unrun: s.unrun(), Window: s.in.Graph.Window, Unused: []Call{}, Undeclared: []Call{},
	}
	for _, p := range s.in.Proxies {
		if p.Connected() {
			r.Connected++
		}
		if p.State == provider.Synced {
			r.Synced++
		}
	}
	for _, b := range s.behind {
		// One that left before something that does not concern it is not behind in anything.
		if b.Reason != Gone || slices.ContainsFunc(r.Objects, func(o Object) bool {
			return slices.ContainsFunc(o.Missing, func(p Proxy) bool { return p.ID == b.ID })
		}) {
			r.Behind = append(r.Behind, b.Proxy)
		}
	}
	s.traffic(&r)
	return r
}

// unrun lists nodes and gateways without a connected proxy.
func (s Survey) unrun() []mesh.Ref {
	list := []mesh.Ref{}
	for _, n := range s.in.Current.Mesh.Nodes {
		if len(s.byEnd[n.Name]) == 0 {
			list = append(list, n.Ref())
		}
	}
	for _, g := range s.in.Current.Mesh.Gateways {
		if len(s.byEnd[mesh.GatewayID(g.Name)]) == 0 {
			list = append(list, g.Ref())
		}
	}
	return list
}

// traffic compares what is declared with what is seen. Edges are used only after a window full of numbers.
func (s Survey) traffic(r *Report) {
	for _, e := range s.in.Graph.Edges {
		call := Call{From: e.From, To: e.To, Services: e.Services, RequestRate: e.RequestRate}
		if call.Services == nil {
			call.Services = []string{}
		}
		r.Traffic = r.Traffic || e.Used
		switch {
		case e.Declared && !e.Used:
			r.Unused = append(r.Unused, call)
		case e.Used && !e.Declared:
			r.Undeclared = append(r.Undeclared, call)
		}
	}
	slices.SortStableFunc(r.Undeclared, func(a, b Call) int { return cmp.Compare(b.RequestRate, a.RequestRate) })
}
