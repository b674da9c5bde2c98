package web

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/palette"
	"github.com/weirmesh/weir/ui/page"
)

// actions are what a query asks to be done: a verb with its arguments, or a version and a percentage.
func (s search) actions(query string) []page.GoResult {
	verb, rest := splitVerb(query)
	switch verb {
	case verbHide, verbFocus:
		return s.boxes(verb, strings.Join(rest, " "))
	case verbCompare:
		return s.compareTo(strings.Join(rest, " "))
	case verbUndo:
		return s.undo(strings.Join(rest, " "))
	case verbPool:
		return s.pool(rest)
	case verbTimeout:
		return s.timeout(rest)
	}
	return s.weight(rest)
}

// refused takes the form away from an action that the reader may not do: it leads to where the form stands.
func (s search) refused(r page.GoResult) page.GoResult {
	if s.Refusal != "" {
		r.Hidden, r.Detail = nil, s.Refusal
	}
	return r
}

// boxes hide or focus a unit of the topology. Hiding adds to what the reader has hidden already.
func (s search) boxes(verb, name string) []page.GoResult {
	var units []palette.Entry
	for _, service := range s.serviceNames() {
		units = append(units, palette.Entry{Key: mesh.ServiceID(service), Name: service})
	}
	for _, g := range s.current.Mesh.Gateways {
		units = append(units, palette.Entry{Key: mesh.GatewayID(g.Name), Name: g.Name})
	}
	if _, ok := s.nodes[mesh.UnknownID]; ok {
		units = append(units, palette.Entry{Key: mesh.UnknownID, Name: s.L.T("unknown.callers"), Words: []string{mesh.UnknownID}})
	}
	var list []page.GoResult
	for _, e := range palette.Find(name, units, maxActions) {
		r := page.GoResult{Kind: "action", Name: s.L.T("go.focus", "name", e.Name), Href: s.FocusHref(e.Key), Health: s.nodes[e.Key].Health}
		if verb == verbHide {
			r.Name, r.Href = s.L.T("go.hide", "name", e.Name), s.hideHref(e.Key)
		}
		list = append(list, r)
	}
	return list
}

func (s search) hideHref(id string) string {
	query := url.Values{}
	if s.from.Path == "/topology" {
		query = s.from.Query()
	}
	if !slices.Contains(query["hide"], id) {
		query.Add("hide", id)
	}
	if len(s.Meshes) > 1 {
		query.Set("mesh", s.Mesh)
	}
	return "/topology?" + query.Encode()
}

var ago = regexp.MustCompile(`(\d{1,4})\s*(hours?|h|시간|minutes?|mins?|m|분)`)

// compareTo sets now against a moment: "15 min", "last 2 hours", "15분".
func (s search) compareTo(text string) []page.GoResult {
	found := ago.FindStringSubmatch(strings.ToLower(text))
	if found == nil || !s.past {
		return nil
	}
	n, _ := strconv.Atoi(found[1]) // at most four digits
	d := time.Duration(n) * time.Minute
	if strings.HasPrefix(found[2], "h") || found[2] == "시간" {
		d = time.Duration(n) * time.Hour
	}
	if d == 0 {
		return nil
	}
	from := s.Now.Add(-d).Truncate(time.Second)
	return []page.GoResult{{Kind: "action", Name: s.L.T("go.compare", "age", s.L.Age(d)), Href: s.CompareHref(from, time.Time{})}}
}

// undo leads to the pages of changes that can be taken back, the newest first.
func (s search) undo(name string) []page.GoResult {
	var undoable []palette.Entry
	for i, e := range s.changes {
		if e.State == change.Kept || e.State == change.Pending {
			undoable = append(undoable, palette.Entry{Key: e.ID, Name: e.Summary, Words: []string{e.ID, e.Author}, Order: i})
		}
	}
	if name != "" {
		undoable = palette.Find(name, undoable, maxActions)
	}
	var list []page.GoResult
	for _, e := range undoable[:min(len(undoable), 3)] {
		list = append(list, page.GoResult{Kind: "action", Name: s.L.T("go.undo", "summary", e.Name), Detail: s.L.T("go.undo.detail"), Href: s.ChangeHref(e.Key)})
	}
	return list
}

// routed is a route, and the service that it belongs to.
type routed struct {
	service string
	mesh.Route
}

func (s search) routed() []routed {
	services := make(map[string]string, len(s.current.Mesh.Services))
	for _, service := range s.current.Mesh.Services {
		if service.Router != "" {
			services[service.Router] = service.Name
		}
	}
	var list []routed
	for _, r := range s.current.Mesh.Routes {
		if service := services[r.Router]; service != "" {
			list = append(list, routed{service, r})
		}
	}
	return list
}

// weight sends a percentage to a version: "reviews-v2 25", "v2 25 %".
func (s search) weight(words []string) []page.GoResult {
	if n := len(words); n > 1 && words[n-1] == "%" {
		words = words[:n-1]
	}
	if len(words) < 2 {
		return nil
	}
	percent, ok := number(words[len(words)-1])
	if !ok || percent > 100 {
		return nil
	}
	var targets []palette.Entry
	all := s.routed()
	for i, r := range all {
		for _, t := range r.Targets {
			if len(r.Targets) > 1 {
				targets = append(targets, palette.Entry{Kind: t.Node, Key: strconv.Itoa(i), Name: t.Node, Words: []string{r.service, r.Name}, Order: r.Priority})
			}
		}
	}
	var list []page.GoResult
	for _, e := range palette.Find(strings.Join(words[:len(words)-1], " "), targets, maxActions) {
		at, _ := strconv.Atoi(e.Key) // written above
		list = append(list, s.split(all[at], e.Kind, percent))
	}
	return list
}

func (s search) split(r routed, node string, percent int) page.GoResult {
	hidden := []page.Field{
		{Name: "router", Value: r.Router},
		{Name: "route", Value: r.Name},
		{Name: "version", Value: s.version(r.Ref())},
		{Name: "preset", Value: node + ":" + strconv.Itoa(percent)},
	}
	if r.Split != "" { // all routes that share it move
		hidden[2].Value = s.version(mesh.Ref{Kind: mesh.KindSplit, Name: r.Split})
		hidden = append(hidden, page.Field{Name: "split", Value: r.Split})
	}
	sum, now := 0, 0
	for _, t := range r.Targets {
		text := strconv.Itoa(t.Weight)
		hidden = append(hidden, page.Field{Name: "weight." + t.Node, Value: text}, page.Field{Name: "was." + t.Node, Value: text})
		sum += t.Weight
		if t.Node == node {
			now = t.Weight
		}
	}
	return s.refused(page.GoResult{
		Kind: "action", Name: s.L.T("go.weight", "percent", s.L.Percent(percent), "route", r.Router+"/"+r.Name, "node", node),
		Detail: s.L.T("go.weight.detail", "now", s.L.Share(float64(now)/float64(max(sum, 1)))), Health: s.nodes[node].Health,
		Href: s.ServiceHref(r.service, "/traffic"), Hidden: hidden,
	})
}

func (s search) version(ref mesh.Ref) string {
	return strconv.FormatInt(s.current.Versions[ref], 10)
}

// pool sets a limit of a version's connection pool: "ratings 200", "ratings pending 50".
func (s search) pool(words []string) []page.GoResult {
	limit, value := "maxConnections", -1
	var name []string
	for _, word := range words {
		if n, ok := number(word); ok && n > 0 {
			value = n
			continue
		}
		known := false
		for l, called := range limitWords() {
			if isOneOf(word, called) {
				limit, known = l, true
			}
		}
		if !known {
			name = append(name, word)
		}
	}
	var nodes []palette.Entry
	for i, n := range s.current.Mesh.Nodes {
		if service := s.serviceOf(n.Name); service != "" && len(n.Listeners) > 0 {
			nodes = append(nodes, palette.Entry{Key: strconv.Itoa(i), Name: n.Name, Words: []string{service}})
		}
	}
	var list []page.GoResult
	for _, e := range palette.Find(strings.Join(name, " "), nodes, maxActions) {
		at, _ := strconv.Atoi(e.Key) // written above
		if r := s.limit(s.current.Mesh.Nodes[at], limit, value); r.Href != "" {
			list = append(list, r)
		}
	}
	return list
}

// limit sets one limit of the first listener's pool; without a value it leads to the form.
func (s search) limit(n mesh.VirtualNode, limit string, value int) page.GoResult {
	service, listener := s.serviceOf(n.Name), n.Listeners[0]
	r := page.GoResult{Kind: "action", Health: s.nodes[n.Name].Health, Href: s.ServiceHref(service, "/pool")}
	hidden := []page.Field{
		{Name: "node", Value: n.Name}, {Name: "port", Value: strconv.Itoa(listener.Port)}, {Name: "version", Value: s.version(n.Ref())},
	}
	pool, typed, now := poolOf(n, listener.Port), "", ""
	for _, l := range poolLimits() {
		text := digits(*l.of(&pool))
		hidden = append(hidden, page.Field{Name: "was." + l.name, Value: text})
		if l.name == limit {
			now = s.limitText(text)
			if value > 0 {
				text = strconv.Itoa(value)
			}
			typed = s.limitText(text)
		}
		hidden = append(hidden, page.Field{Name: l.name, Value: text})
	}
	r.Name = s.L.T("go.pool", "limit", s.L.T("pool."+limit), "node", n.Name, "value", typed)
	if value > 0 {
		r.Hidden, r.Detail = hidden, s.L.T("go.pool.detail", "now", now)
	}
	return s.refused(r)
}

// timeout sets how long requests of a route may take: "reviews 2s". Without a time it leads to the form.
func (s search) timeout(words []string) []page.GoResult {
	var limit *mesh.Duration
	var name []string
	for _, word := range words {
		if d, ok := parseDuration(word); ok && *d > 0 {
			limit = d
		} else {
			name = append(name, word)
		}
	}
	all := s.routed()
	var routes []palette.Entry
	for i, r := range all {
		if r.Protocol != mesh.TCP {
			routes = append(routes, palette.Entry{Key: strconv.Itoa(i), Name: r.Router + "/" + r.Name, Words: []string{r.service}, Order: -r.Priority})
		}
	}
	var list []page.GoResult
	for _, e := range palette.Find(strings.Join(name, " "), routes, maxActions) {
		at, _ := strconv.Atoi(e.Key) // written above
		r := all[at]
		now := timeoutValues(r.Timeout)
		result := page.GoResult{Kind: "action", Name: s.L.T("go.timeout.form", "route", e.Name), Href: s.ServiceHref(r.service, "/traffic")}
		if limit != nil {
			result.Name = s.L.T("go.timeout", "route", e.Name, "value", timeWords(s.L, limit.String()))
			result.Detail = s.L.T("go.timeout.detail", "now", s.timeoutNow(r.Timeout, r.Protocol))
			result.Hidden = []page.Field{
				{Name: "form", Value: "timeout"},
				{Name: "router", Value: r.Router},
				{Name: "route", Value: r.Name},
				{Name: "version", Value: s.version(r.Ref())},
				{Name: "perRequest", Value: limit.String()},
				{Name: "idle", Value: now.Get("idle")},
				{Name: wasField, Value: now.Encode()},
			}
		}
		list = append(list, s.refused(result))
	}
	return list
}
