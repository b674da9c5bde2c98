package page

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// Proxy is one proxy's page: where it stands, and on its tabs what it runs of each type, what that refers to, and what
// it counts.
type Proxy struct {
	Shell
	Row    ProxyRow
	Tab    string // "", a type of provider.Types, "certificates" or "stats"
	Sheet  *Sheet
	One    *Single
	Papers *Papers
	Stats  *Stats
	CLI    string // how the same is read elsewhere
	Curl   string
	// Nothing says with a key of the catalogue why there is no configuration to show.
	Nothing string
}

// Sheet is the resources of one type on one proxy, a page of them.
type Sheet struct {
	provider.Dump
	Query   string
	List    Listing
	Members map[string]string // of clusters: how many of its endpoints are healthy, as the proxy counts; by name
}

// Single is one resource in full.
type Single struct {
	provider.Resource
	Type   string
	Back   string // to the list
	YAML   string
	Diff   string // from what runs to what should run; "" when they are the same
	Object string // the address of the mesh's object behind it; "" for none
	Of     string
}

// Papers is what a proxy's listeners and clusters refer to for encryption.
type Papers struct {
	Rows  []Paper
	Plain int // listeners and clusters that refer to nothing: they speak plain text
}

// Paper is one certificate of one resource.
type Paper struct {
	provider.Certificate
	Type, Resource, Href string
	Left                 string // until it expires; "" when that is not known
	Level                string // "high" when it has expired, "raised" within three weeks
}

// Stats is what a proxy reported lately, a page of it.
type Stats struct {
	Total   int // that fit the filter
	All     int // that it reported
	Rows    []Stat
	Query   string
	List    Listing
	Problem string // why there is nothing, in words
	Off     bool   // because no history is kept
}

// Stat is one statistic.
type Stat struct {
	Name, Labels string
	Value        float64
	Rate, Mean   *float64 // nil: it has none
}

// tabs lists the tabs of a proxy's page.
func (p Proxy) tabs() []Link {
	path := "/proxies/" + url.PathEscape(p.Row.ID)
	list := []Link{{Text: p.L.T("proxy.tab.sync"), Href: p.Href(path), Current: p.Tab == ""}}
	for _, kind := range provider.Types() {
		text := []string{p.L.T("type." + kind)}
		for _, t := range p.Row.Types {
			if t.Type == kind {
				text = append(text, strconv.Itoa(t.Count))
			}
		}
		list = append(list, Link{Text: strings.Join(text, " "), Href: p.Href(path, "tab", kind), Current: p.Tab == kind})
	}
	for _, tab := range []string{"certificates", "stats"} {
		list = append(list, Link{Text: p.L.T("proxy.tab." + tab), Href: p.Href(path, "tab", tab), Current: p.Tab == tab})
	}
	return list
}

// ResourceHref is the address of one resource of this proxy in full.
func (p Proxy) ResourceHref(kind, name string) string {
	return p.Href("/proxies/"+url.PathEscape(p.Row.ID), "tab", kind, "resource", name)
}

func progressStage(p provider.Progress) string {
	switch p {
	case provider.Running:
		return "done"
	case provider.Declined:
		return "bad"
	case provider.Sent, provider.Waiting, provider.Leaving:
	}
	return "wait"
}

// matchWords is what a route matches, in words.
func (s Shell) matchWords(list []provider.Condition) string {
	if len(list) == 0 {
		return s.L.T("match.all")
	}
	words := make([]string, len(list))
	for i, c := range list {
		on := s.L.T("cond.on." + c.On)
		if c.Name != "" {
			on += " " + c.Name
		}
		how := "cond.how." + c.How
		if c.Not {
			how = "cond.not." + c.How
		}
		words[i] = s.L.T(how, "on", on, "value", c.Value)
	}
	return strings.Join(words, " · ")
}

// targetWords is where a route sends what matches, in words.
func (s Shell) targetWords(r provider.Route) string {
	switch {
	case r.Status != 0:
		return s.L.T("proxy.route.direct", "status", strconv.Itoa(r.Status), "body", r.Body)
	case r.Redirect:
		return s.L.T("proxy.route.redirect")
	}
	words := make([]string, len(r.Targets))
	for i, t := range r.Targets {
		name := t.Node
		if name == "" {
			name = t.Cluster
		}
		words[i] = name
		if len(r.Targets) > 1 {
			words[i] += " " + s.L.Share(t.Share)
		}
	}
	return strings.Join(words, ", ")
}

// patienceWords is a route's timeout and retries.
func (s Shell) patienceWords(r provider.Route) string {
	var words []string
	if r.Timeout != nil {
		if *r.Timeout == 0 {
			words = append(words, s.L.T("proxy.route.notimeout"))
		} else {
			words = append(words, s.L.Length(time.Duration(*r.Timeout)))
		}
	}
	if r.Retries > 0 {
		words = append(words, s.L.N("proxy.route.retries", r.Retries))
	}
	return strings.Join(words, ", ")
}

// limitWords are a cluster's limits, those that there are.
func (s Shell) limitWords(c provider.Cluster) string {
	var words []string
	for _, l := range []struct {
		name  string
		value *int
	}{
		{"maxConnections", c.Limits.MaxConnections},
		{"maxPendingRequests", c.Limits.MaxPendingRequests},
		{"maxRequests", c.Limits.MaxRequests},
		{"maxRetries", c.Limits.MaxRetries},
	} {
		if l.value != nil {
			words = append(words, s.L.T("proxy.limit."+l.name, "n", s.L.Count(int64(*l.value))))
		}
	}
	if c.Outliers != nil {
		words = append(words, s.L.T("proxy.outliers", "n", strconv.Itoa(c.Outliers.MaxServerErrors), "time", s.L.Length(time.Duration(c.Outliers.BaseEjectionTime))))
	}
	if c.Checked {
		words = append(words, s.L.T("proxy.checked"))
	}
	return strings.Join(words, " · ")
}

func (s Shell) useWords(c provider.Certificate) string {
	return s.L.T("cert.use." + c.Use)
}

func joined(words []string) string { return strings.Join(words, ", ") }

// shortVersion is enough of a hash to tell two apart.
func shortVersion(v string) string { return v[:min(len(v), 8)] }
