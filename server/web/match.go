package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func httpMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
}

// headerWays are how a header's value is matched, as fields of mesh.ValueMatch.
func headerWays() []string {
	return []string{"exact", "prefix", "suffix", "regex", "range", "present"}
}

// matchEditor sets which requests a route takes.
func matchEditor() editor {
	return editor{
		name: "match", tab: "traffic",
		values: func(_ view, at spot) url.Values { return matchValues(at.route.Match) },
		layout: matchLayout,
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			after := at.route
			var wrong map[string]string
			after.Match, wrong = readMatch(at.route, values)
			return mesh.Patch{Put: []mesh.Object{after}}, wrong
		},
	}
}

func matchValues(m mesh.Match) url.Values {
	values := url.Values{"method": {m.Method}, "scheme": {m.Scheme}, "service": {m.Service}, "rpc": {m.RPC}, "port": {""}, "how": {"prefix"}, "path": {m.Prefix}}
	if m.Port != 0 {
		values.Set("matchPort", strconv.Itoa(m.Port))
	}
	values.Del("port")
	if m.Path != nil {
		values.Set("how", "exact")
		values.Set("path", m.Path.Exact)
		if m.Path.Regex != "" {
			values.Set("how", "regex")
			values.Set("path", m.Path.Regex)
		}
	}
	for name, list := range map[string][]mesh.ValueMatch{"header": m.Headers, "query": m.QueryParameters} {
		all := make([]url.Values, len(list))
		for i, each := range list {
			all[i] = conditionValues(each)
		}
		setRows(values, name, all)
	}
	for name, value := range values {
		if len(value) == 1 && value[0] == "" {
			values.Del(name)
		}
	}
	return values
}

func conditionValues(m mesh.ValueMatch) url.Values {
	row := url.Values{"name": {m.Name}, "how": {"present"}}
	for how, value := range map[string]string{"exact": m.Exact, "prefix": m.Prefix, "suffix": m.Suffix, "regex": m.Regex} {
		if value != "" {
			row.Set("how", how)
			row.Set("value", value)
		}
	}
	if m.Range != nil {
		row.Set("how", "range")
		row.Set("value", strconv.FormatInt(m.Range.Start, 10)+" – "+strconv.FormatInt(m.Range.End, 10))
	}
	if m.Invert {
		row.Set("not", "1")
	}
	return row
}

func matchLayout(v view, at spot, values url.Values) page.Knob {
	k := page.Knob{Now: matchText(v.L, at.route), Lead: v.L.T("knob.match.lead")}
	protocol := at.route.Protocol
	k.Fields = v.pathFields(protocol, values)
	if router, ok := v.router(at.router); ok && len(router.Listeners) > 1 || values.Get("matchPort") != "" {
		port := v.choice("match", "matchPort", values.Get("matchPort"), "")
		for _, l := range router.Listeners {
			port.Options = append(port.Options, page.KnobOption{Value: strconv.Itoa(l.Port), Label: strconv.Itoa(l.Port)})
		}
		k.Fields = append(k.Fields, port)
	}
	if protocol == mesh.TCP {
		k.Lead = v.L.T("knob.match.tcp")
		return k
	}
	header := page.KnobList{Name: "header", Title: v.L.T("knob.match.headers"), Add: v.L.T("knob.match.header.add"), Nothing: v.L.T("knob.match.header.none")}
	if protocol == mesh.GRPC {
		header.Title = v.L.T("knob.match.metadata")
	}
	for i, row := range rows(values, "header") {
		header.Rows = append(header.Rows, v.conditionRow("header", strconv.Itoa(i), row))
	}
	header.Blank = v.conditionRow("header", "#", url.Values{"how": {"exact"}})
	k.Lists = append(k.Lists, header)
	if protocol != mesh.GRPC {
		query := page.KnobList{Name: "query", Title: v.L.T("knob.match.queries"), Add: v.L.T("knob.match.query.add"), Nothing: v.L.T("knob.match.query.none")}
		for i, row := range rows(values, "query") {
			query.Rows = append(query.Rows, v.conditionRow("query", strconv.Itoa(i), row))
		}
		query.Blank = v.conditionRow("query", "#", url.Values{"how": {"exact"}})
		k.Lists = append(k.Lists, query)
	}
	return k
}

// pathFields are the fields of a match that has one value each.
func (v view) pathFields(protocol mesh.Protocol, values url.Values) []page.KnobField {
	switch protocol {
	case mesh.TCP:
		return nil
	case mesh.GRPC:
		service, rpc := v.text(values, "match", "service", ""), v.text(values, "match", "rpc", "")
		service.Placeholder, rpc.Placeholder = "package.Service", v.L.T("knob.match.any")
		return []page.KnobField{service, rpc}
	}
	how := v.choice("match", "how", orElse(values.Get("how"), "prefix"), "prefix", "exact", "regex")
	for i := range how.Options {
		how.Options[i].Label = v.L.T("knob.match.how." + how.Options[i].Value)
	}
	path := v.text(values, "match", "path", "")
	path.Placeholder = "/"
	return []page.KnobField{
		how, path,
		v.choice("match", "method", values.Get("method"), append([]string{""}, httpMethods()...)...),
		v.choice("match", "scheme", values.Get("scheme"), "", "http", "https"),
	}
}

// choice is a field with options; "" among them stands for any.
func (v view) choice(form, name, value string, options ...string) page.KnobField {
	f := page.KnobField{Name: name, Kind: "select", Label: v.L.T("knob." + form + "." + name), Value: value}
	for _, each := range options {
		label := each
		if each == "" {
			label = v.L.T("knob.match.any")
		}
		f.Options = append(f.Options, page.KnobOption{Value: each, Label: label})
	}
	if !slices.Contains(options, value) { // what somebody sent is shown again, and the door says what is wrong with it
		f.Options = append(f.Options, page.KnobOption{Value: value, Label: orElse(value, v.L.T("knob.match.any"))})
	}
	return f
}

// conditionRow is one header or query parameter. Query parameters know only "is" and "is there".
func (v view) conditionRow(list, row string, values url.Values) page.KnobRow {
	at := list + "." + row + "."
	name := page.KnobField{Name: at + "name", Kind: "text", Label: v.L.T("knob.match." + list + ".name"), Value: values.Get("name")}
	ways := headerWays()
	if list == "query" {
		ways = []string{"exact", "present"}
	}
	how := page.KnobField{Name: at + "how", Kind: "select", Label: v.L.T("knob.match.way"), Value: orElse(values.Get("how"), "exact")}
	for _, each := range ways {
		how.Options = append(how.Options, page.KnobOption{Value: each, Label: v.L.T("knob.match.way." + each)})
	}
	value := page.KnobField{Name: at + "value", Kind: "text", Label: v.L.T("knob.match.value"), Value: values.Get("value")}
	fields := []page.KnobField{name, how, value}
	if list == "header" {
		not := page.KnobField{Name: at + "not", Kind: "switch", Label: v.L.T("knob.match.not"), Value: values.Get("not")}
		fields = []page.KnobField{name, not, how, value}
	}
	return page.KnobRow{Label: v.L.T("knob.match." + list), Fields: fields}
}

// readMatch reads the form of a match for a route's protocol.
func readMatch(route mesh.Route, values url.Values) (mesh.Match, map[string]string) {
	m := mesh.Match{Hostname: route.Match.Hostname}
	wrong := make(map[string]string)
	if port := values.Get("matchPort"); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			wrong["matchPort"] = "limits.error.count"
		}
		m.Port = n
	}
	switch route.Protocol {
	case mesh.TCP:
		return m, wrong
	case mesh.GRPC:
		m.Service, m.RPC = strings.TrimSpace(values.Get("service")), strings.TrimSpace(values.Get("rpc"))
	default:
		m.Method, m.Scheme = values.Get("method"), values.Get("scheme")
		readPath(&m, values)
		m.QueryParameters = readConditions(values, "query", wrong)
	}
	m.Headers = readConditions(values, "header", wrong)
	return m, wrong
}

func readPath(m *mesh.Match, values url.Values) {
	path := strings.TrimSpace(values.Get("path"))
	switch values.Get("how") {
	case "exact":
		m.Path = &mesh.PathMatch{Exact: path}
	case "regex":
		m.Path = &mesh.PathMatch{Regex: path}
	default:
		m.Prefix = path
	}
}

func readConditions(values url.Values, list string, wrong map[string]string) []mesh.ValueMatch {
	var all []mesh.ValueMatch
	for i, row := range rows(values, list) {
		m := mesh.ValueMatch{Name: strings.TrimSpace(row.Get("name")), Invert: row.Get("not") != ""}
		at := list + "." + strconv.Itoa(i) + ".value"
		value := strings.TrimSpace(row.Get("value"))
		way := orElse(row.Get("how"), "exact")
		if value == "" && way != "present" {
			wrong[at] = "knob.match.error.empty"
		}
		switch way {
		case "exact":
			m.Exact = value
		case "prefix":
			m.Prefix = value
		case "suffix":
			m.Suffix = value
		case "regex":
			m.Regex = value
		case "range":
			var ok bool
			if m.Range, ok = parseRange(value); !ok {
				wrong[at] = "knob.match.error.range"
			}
		case "present":
			if value != "" {
				wrong[at] = "knob.match.error.present"
			}
		default:
			wrong[list+"."+strconv.Itoa(i)+".how"] = "knob.match.error.way"
		}
		all = append(all, m)
	}
	return all
}

// parseRange reads "200 – 300", with any of the usual signs between.
func parseRange(text string) (*mesh.IntRange, bool) {
	for _, sign := range []string{"–", "..", "to", "~", ","} {
		text = strings.Replace(text, sign, " ", 1)
	}
	parts := strings.Fields(text)
	if len(parts) == 1 { // "200-300"; a minus may be the number's own
		if i := strings.IndexByte(parts[0][1:], '-'); i >= 0 {
			parts = []string{parts[0][:i+1], parts[0][i+2:]}
		}
	}
	if len(parts) != 2 {
		return nil, false
	}
	start, err := strconv.ParseInt(parts[0], 10, 64)
	end, err2 := strconv.ParseInt(parts[1], 10, 64)
	return &mesh.IntRange{Start: start, End: end}, err == nil && err2 == nil
}

func (v view) router(name string) (mesh.VirtualRouter, bool) {
	for _, r := range v.current.Mesh.Routers {
		if r.Name == name {
			return r, true
		}
	}
	return mesh.VirtualRouter{}, false
}
