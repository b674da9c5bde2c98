// Package page is what each page of the console looks like: per page a templ file and a view model that holds only
// what is shown, in the reader's language where it is text. It knows nothing of HTTP, of the database or of where
// values come from; server/web fills the models.
package page

import (
	"cmp"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/ui/i18n"
)

// Shell is what every page shows around its content.
type Shell struct {
	L       i18n.Locale
	Title   string // of the document; the page's own h1 says the same or more
	Section string // the entry of the navigation that is open: "overview", "topology" …
	Theme   string // "light", "dark", "contrast", or "" for the system's
	Here    *url.URL
	Mesh    string // the mesh that is shown; "" when there is none yet
	Meshes  []string
	Live    Freshness
	Assets  Assets
	Refresh int // seconds after which a browser without script loads the page again; zero: never
	Now     time.Time
	Past    *Past  // nil: the page can only be about the present
	Refusal string // why the reader may not change the mesh; "" when they may
	MadeUp  bool   // the mesh's traffic is made up; no proxy is behind it
	Resend  Resend // of a page that a form led to
	Who     *Who   // who is signed in; nil: nobody, or there is no sign-in
	// Waiting are the changes that are taken back unless somebody keeps them, without WaitingBut, which the page is about.
	Waiting    []Waiting
	WaitingBut string
	// Proposals are the changes that wait for a second person, without the one that the page is about, the newest first.
	Proposals []ProposalLine
	Outage    *Outage // nil: the database answers, or is nobody else's
}

// Resend names the form on a page that holds what the page was made of, and where it is sent to be made again. Another
// language or theme then costs nobody what they typed; an address alone would.
type Resend struct {
	Form   string // its id; "" on pages that are got by their address
	Action string
}

// Guard are the attributes of a button that changes the mesh: without them for those who may, and otherwise disabled, with
// the reason that the shell's notice gives.
func (s Shell) Guard() templ.Attributes {
	if s.Refusal == "" {
		return templ.Attributes{}
	}
	return templ.Attributes{"disabled": true, "aria-describedby": "refusal"}
}

// Freshness is how old the numbers are.
type Freshness struct {
	Known bool // false: there are none yet
	Fresh bool // every connected proxy reported lately
	Age   time.Duration
	// Silent: there is a picture and nobody reports any numbers to it, so that there is nothing that could be old.
	Silent bool
}

// Assets are the addresses of what a page downloads; "" for what this binary was built without.
type Assets struct {
	Style, Icon string
	Worker      string // what draws large topologies, beside the page
	Plot        string // what plots are drawn with, fetched when one is seen
	Scripts     []string
}

// Link is an entry of a list of links.
type Link struct {
	Text, Href string
	Current    bool
}

// Href is the address of a page of the same mesh, with more query parameters in pairs. The mesh is named only when
// there is a choice.
func (s Shell) Href(path string, query ...string) string {
	values := url.Values{}
	if len(s.Meshes) > 1 {
		values.Set("mesh", s.Mesh)
	}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// ServiceHref is the address of a virtual service's page, or of a page under it such as "/pool".
func (s Shell) ServiceHref(name, under string) string {
	return s.Href(s.ServiceHrefPath(name, under))
}

// ServiceHrefPath is ServiceHref without a query.
func (s Shell) ServiceHrefPath(name, under string) string {
	return "/services/" + url.PathEscape(name) + under
}

// ProxyHref is the address of a proxy's page.
func (s Shell) ProxyHref(id string) string { return s.Href("/proxies/" + url.PathEscape(id)) }

// ChangeHref is the address of a change's page.
func (s Shell) ChangeHref(id string) string { return s.Href("/history/" + url.PathEscape(id)) }

// FocusHref is the address of the topology around one box.
func (s Shell) FocusHref(id string) string {
	return s.Href("/topology", "view", "focus", "focus", id)
}

// With is this page's address with one query parameter changed.
func (s Shell) With(name, value string) string {
	if s.Here == nil {
		return "?" + url.Values{name: {value}}.Encode()
	}
	query := s.Here.Query()
	query.Set(name, value)
	return (&url.URL{Path: s.Here.Path, RawPath: s.Here.RawPath, RawQuery: query.Encode()}).String()
}

// Fragment is this page's address asking for one part of it alone.
func (s Shell) Fragment(name string) string { return s.With("fragment", name) }

// Ago says how long before this page a moment was.
func (s Shell) Ago(t time.Time) string { return s.L.Ago(s.Now.Sub(t)) }

func (s Shell) sections() []Link {
	list := []struct{ key, path string }{
		{"overview", "/"},
		{"topology", "/topology"},
		{"services", "/services"},
		{"proxies", "/proxies"},
		{"config", "/config"},
		{"canaries", "/canaries"},
		{"history", "/history"},
		{"events", "/events"},
		{"sources", "/sources"},
		{"settings", "/settings"},
	}
	links := make([]Link, len(list))
	for i, e := range list {
		links[i] = Link{Text: s.L.T("nav." + e.key), Href: s.Href(e.path), Current: s.Section == e.key}
	}
	return links
}

func (s Shell) meshLinks() []Link {
	links := make([]Link, len(s.Meshes))
	for i, name := range s.Meshes {
		// Another mesh has other services, so the choice leads to the section and not to the same page.
		links[i] = Link{Text: name, Href: sectionPath(s.Section) + "?" + url.Values{"mesh": {name}}.Encode(), Current: name == s.Mesh}
	}
	return links
}

func sectionPath(section string) string {
	switch section {
	case "topology", "services", "proxies", "config", "canaries", "history", "sources", "settings":
		return "/" + section
	}
	return "/"
}

// Taste is a choice of language or theme.
type Taste struct {
	Link
	Name, Value string // the parameter that chooses it
}

func (s Shell) languages() []Taste {
	tastes := make([]Taste, 0, len(i18n.Languages()))
	for _, lang := range i18n.Languages() {
		tastes = append(tastes, s.taste("lang", string(lang), lang == s.L.Lang))
	}
	return tastes
}

// Themes are the ways the console can be coloured, "system" being the one that the browser asks for.
func Themes() []string { return []string{"system", "light", "dark", "contrast"} }

func (s Shell) themes() []Taste {
	tastes := make([]Taste, 0, len(Themes()))
	for _, theme := range Themes() {
		tastes = append(tastes, s.taste("theme", theme, theme == cmp.Or(s.Theme, "system")))
	}
	return tastes
}

// language is the one that the choice's word is written in, "" for the page's.
func (l Taste) language() string {
	if l.Name == "lang" {
		return l.Value
	}
	return ""
}

// taste is a choice that keeps the page; a page that was posted is posted again.
func (s Shell) taste(name, value string, chosen bool) Taste {
	l := Taste{Link: Link{Text: value, Href: s.With(name, value), Current: chosen}, Name: name, Value: value}
	if s.Resend.Form != "" {
		address, err := url.Parse(s.Resend.Action)
		if err != nil {
			return l
		}
		query := address.Query()
		query.Set(name, value)
		address.RawQuery = query.Encode()
		l.Href = address.String()
	}
	return l
}

func current(yes bool) string {
	if yes {
		return "page"
	}
	return "false"
}

// printed stands above a page on paper: of what mesh it is, and from when.
func (s Shell) printed() string {
	if s.Mesh == "" {
		return s.L.T("brand")
	}
	return s.L.T("brand") + " · " + s.Mesh + " · " + s.L.Moment(s.Now)
}

func (s Shell) colorScheme() string {
	if s.Theme == "" || s.Theme == "contrast" {
		return "light dark"
	}
	return s.Theme
}

func (s Shell) freshness() string {
	switch {
	case s.InPast():
		return s.L.T("live.past")
	case !s.Live.Known || s.Live.Silent:
		return s.L.T("live.none")
	case !s.Live.Fresh:
		return s.L.T("live.stale", "age", s.L.Age(s.Live.Age))
	}
	return s.L.T("live.fresh", "age", s.L.Age(s.Live.Age))
}

// staleness is what the banner says while the numbers are not live.
func (s Shell) staleness() string {
	if s.Live.Silent {
		return s.L.T("live.silent")
	}
	return s.L.T("live.banner", "age", s.L.Age(s.Live.Age))
}

func (s Shell) freshnessLevel() string {
	switch {
	case s.InPast():
		return "past"
	case !s.Live.Known:
		return "none"
	case !s.Live.Fresh:
		return "stale"
	}
	return "fresh"
}
