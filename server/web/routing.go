package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// targetsEditor says which versions a route sends to. Weights alone are the split's business.
func targetsEditor() editor {
	return editor{
		name: "targets", tab: "traffic",
		values: func(_ view, at spot) url.Values {
			values := make(url.Values)
			all := make([]url.Values, len(at.route.Targets))
			for i, t := range at.route.Targets {
				all[i] = url.Values{"node": {t.Node}, "weight": {strconv.Itoa(t.Weight)}}
				if t.Port != 0 {
					all[i].Set("port", strconv.Itoa(t.Port))
				}
			}
			setRows(values, "target", all)
			return values
		},
		layout: targetsLayout,
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			wrong := make(map[string]string)
			after := at.route
			after.Targets = nil
			for i, row := range rows(values, "target") {
				name := "target." + strconv.Itoa(i) + "."
				t := mesh.WeightedTarget{Node: row.Get("node")}
				var err error
				if t.Weight, err = strconv.Atoi(orElse(strings.TrimSpace(row.Get("weight")), "0")); err != nil {
					wrong[name+"weight"] = "split.error.number"
				}
				if t.Port, err = strconv.Atoi(orElse(strings.TrimSpace(row.Get("port")), "0")); err != nil {
					wrong[name+"port"] = "limits.error.count"
				}
				after.Targets = append(after.Targets, t)
			}
			return mesh.Patch{Put: []mesh.Object{after}}, wrong
		},
	}
}

func targetsLayout(v view, at spot, values url.Values) page.Knob {
	names := make([]string, len(at.route.Targets))
	for i, t := range at.route.Targets {
		names[i] = t.Node
	}
	k := page.Knob{Lead: v.L.T("knob.targets.lead"), Now: strings.Join(names, ", ")}
	list := page.KnobList{Name: "target", Title: v.L.T("col.targets"), Add: v.L.T("knob.targets.add")}
	for i, row := range rows(values, "target") {
		list.Rows = append(list.Rows, v.weightedRow(strconv.Itoa(i), at.route.Protocol, row))
	}
	list.Blank = v.weightedRow("#", at.route.Protocol, url.Values{"weight": {"0"}})
	k.Lists = []page.KnobList{list}
	return k
}

func (v view) weightedRow(row string, protocol mesh.Protocol, values url.Values) page.KnobRow {
	at := "target." + row + "."
	weight := page.KnobField{Name: at + "weight", Kind: "number", Label: v.L.T("split.weight"), Value: values.Get("weight")}
	fields := []page.KnobField{v.nodeChoice(at+"node", protocol, values.Get("node")), weight}
	if node, ok := v.node(values.Get("node")); ok && len(node.Listeners) > 1 || values.Get("port") != "" {
		fields = append(fields, page.KnobField{Name: at + "port", Kind: "number", Label: v.L.T("knob.match.matchPort"), Value: values.Get("port")})
	}
	return page.KnobRow{Label: orElse(values.Get("node"), v.L.T("col.target")), Fields: fields}
}

// nodeChoice offers the nodes that a route of a protocol can send to.
func (v view) nodeChoice(name string, protocol mesh.Protocol, chosen string) page.KnobField {
	f := page.KnobField{Name: name, Kind: "select", Label: v.L.T("col.target"), Value: chosen}
	f.Options = append(f.Options, page.KnobOption{Label: v.L.T("knob.targets.choose")})
	found := chosen == ""
	for _, n := range v.current.Mesh.Nodes {
		speaks := slices.ContainsFunc(n.Listeners, func(l mesh.Listener) bool {
			return l.Protocol == protocol || protocol != mesh.TCP && l.Protocol != mesh.TCP
		})
		if speaks || n.Name == chosen {
			f.Options = append(f.Options, page.KnobOption{Value: n.Name, Label: n.Name})
			found = found || n.Name == chosen
		}
	}
	if !found {
		f.Options = append(f.Options, page.KnobOption{Value: chosen, Label: chosen})
	}
	return f
}

// deleteEditor takes a route away. The review asks.
func deleteEditor() editor {
	return editor{
		name: "delete", tab: "traffic", danger: true,
		values: func(view, spot) url.Values { return url.Values{} },
		layout: func(v view, at spot, _ url.Values) page.Knob {
			return page.Knob{Lead: v.deleteLead(at.route), Review: v.L.T("knob.delete.review")}
		},
		read: func(_ view, at spot, _ url.Values) (mesh.Patch, map[string]string) {
			return mesh.Patch{Delete: []mesh.Ref{at.route.Ref()}}, nil
		},
		apply: func(v view, at spot, _ url.Values) string {
			return v.L.T("knob.delete.apply", "object", at.route.Ref().Name)
		},
	}
}

// deleteLead says where a route's requests go without it.
func (v view) deleteLead(route mesh.Route) string {
	without := v.current.Mesh
	without.Routes = slices.DeleteFunc(slices.Clone(without.Routes), func(r mesh.Route) bool { return r.Ref() == route.Ref() })
	for _, next := range without.RoutesOf(route.Router) {
		if route.Match.Takes(next.Match) || next.Match.Takes(route.Match) {
			return v.L.T("knob.delete.next", "route", next.Name)
		}
	}
	return v.L.T("knob.delete.none")
}

// orderEditor sets in which order a router's routes are tried.
func orderEditor() editor {
	return editor{
		name: "order", tab: "traffic",
		values: func(v view, at spot) url.Values {
			values := make(url.Values)
			var all []url.Values
			for _, r := range v.current.Mesh.RoutesOf(at.router) {
				all = append(all, url.Values{"route": {r.Name}})
			}
			setRows(values, "order", all)
			return values
		},
		layout: orderLayout,
		read: func(v view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			return mesh.Patch{Put: reordered(v.current.Mesh.RoutesOf(at.router), ordered(v, at, values))}, nil
		},
		apply: func(v view, _ spot, _ url.Values) string { return v.L.T("knob.order.apply") },
	}
}

// ordered are a router's routes in the order of a form; those that it does not know of come last, as they are tried.
func ordered(v view, at spot, values url.Values) []mesh.Route {
	tried := v.current.Mesh.RoutesOf(at.router)
	var list []mesh.Route
	take := func(name string) {
		for i, r := range tried {
			if r.Name == name {
				list = append(list, r)
				tried = slices.Delete(tried, i, i+1)
				return
			}
		}
	}
	for _, row := range rows(values, "order") {
		take(row.Get("route"))
	}
	return append(list, tried...)
}

// reordered gives the routes whose priority has to change so that they are tried in the wanted order. Priorities that are
// there stay in use while they are different; otherwise they are dealt anew, ten apart where there is room.
func reordered(now, wanted []mesh.Route) []mesh.Object {
	same := len(now) == len(wanted)
	for i := range wanted {
		same = same && now[i].Name == wanted[i].Name
	}
	if same {
		return nil
	}
	priorities := make([]int, len(now))
	distinct := true
	for i, r := range now {
		priorities[i] = r.Priority
		distinct = distinct && (i == 0 || r.Priority > now[i-1].Priority)
	}
	if !distinct {
		step := max(1, min(10, 1000/max(len(now), 1)))
		for i := range priorities {
			priorities[i] = min((i+1)*step, 1000)
		}
	}
	var put []mesh.Object
	for i, r := range wanted {
		if r.Priority != priorities[i] {
			r.Priority = priorities[i]
			put = append(put, r)
		}
	}
	return put
}

func orderLayout(v view, at spot, values url.Values) page.Knob {
	k := page.Knob{Lead: v.L.T("knob.order.lead"), Open: true}
	list := page.KnobList{Name: "order", Title: v.L.T("knob.form.order"), Move: true, Fixed: true}
	wanted := ordered(v, at, values)
	shadowed := mesh.Shadowed(wanted)
	for i, r := range wanted {
		row := page.KnobRow{Label: r.Name, Note: matchText(v.L, r), Fields: []page.KnobField{
			{Name: "order." + strconv.Itoa(i) + ".route", Kind: "fixed", Label: v.L.T("col.route"), Value: r.Name},
		}}
		if by, ok := shadowed[r.Name]; ok {
			row.Note, row.Level = v.L.T("knob.order.shadowed", "match", row.Note, "route", by), "full"
		}
		list.Rows = append(list.Rows, row)
	}
	k.Lists = []page.KnobList{list}
	return k
}

// addEditor adds a route to a router. It begins as one target and a match; the rest is set on it afterwards.
func addEditor() editor {
	return editor{
		name: "add", tab: "traffic",
		values: func(v view, at spot) url.Values {
			protocol := mesh.HTTP
			if r, ok := v.router(at.router); ok && len(r.Listeners) > 0 {
				protocol = r.Listeners[0].Protocol
			}
			return url.Values{"protocol": {string(protocol)}, "how": {"prefix"}, "path": {"/"}, "priority": {strconv.Itoa(v.freePriority(at.router))}}
		},
		layout: addLayout,
		read:   readAdded,
		apply: func(v view, _ spot, values url.Values) string {
			return v.L.T("knob.add.apply", "name", shorten(values.Get("name")))
		},
	}
}

// freePriority is one before the first route's, so that a new route is tried first; or 0.
func (v view) freePriority(router string) int {
	if tried := v.current.Mesh.RoutesOf(router); len(tried) > 0 {
		return max(tried[0].Priority-1, 0)
	}
	return 0
}

func addLayout(v view, at spot, values url.Values) page.Knob {
	k := page.Knob{Lead: v.L.T("knob.add.lead")}
	protocol := mesh.Protocol(values.Get("protocol"))
	name := v.text(values, "add", "name", "")
	name.Placeholder = "beta"
	k.Fields = []page.KnobField{name}
	if router, ok := v.router(at.router); ok && len(router.Listeners) > 1 {
		speaks, port := v.choice("add", "protocol", string(protocol)), v.choice("match", "matchPort", values.Get("matchPort"))
		speaks.Options, port.Options = nil, nil
		for _, l := range router.Listeners {
			if !slices.ContainsFunc(speaks.Options, func(o page.KnobOption) bool { return o.Value == string(l.Protocol) }) {
				speaks.Options = append(speaks.Options, page.KnobOption{Value: string(l.Protocol), Label: strings.ToUpper(string(l.Protocol))})
			}
			port.Options = append(port.Options, page.KnobOption{Value: strconv.Itoa(l.Port), Label: strconv.Itoa(l.Port)})
		}
		k.Fields = append(k.Fields, speaks, port)
	} else {
		k.Fields = append(k.Fields, page.KnobField{
			Name: "protocol", Kind: "fixed", Label: v.L.T("knob.add.protocol"), Value: string(protocol),
		})
	}
	k.Fields = append(k.Fields, v.pathFields(protocol, values)...)
	priority := v.text(values, "add", "priority", "")
	priority.Kind, priority.About = "number", v.L.T("knob.add.priority.about")
	k.Fields = append(k.Fields, v.nodeChoice("target", protocol, values.Get("target")), priority)
	return k
}

func readAdded(v view, at spot, values url.Values) (mesh.Patch, map[string]string) {
	route := mesh.Route{
		Router: at.router, Name: strings.TrimSpace(values.Get("name")), Protocol: mesh.Protocol(values.Get("protocol")),
		Targets: []mesh.WeightedTarget{{Node: values.Get("target"), Weight: 100}},
	}
	var wrong map[string]string
	route.Match, wrong = readMatch(route, values)
	route.Priority = countOf(values, "priority", wrong)
	if route.Name == "" {
		wrong["name"] = "knob.add.error.name"
	} else if _, ok := v.current.Mesh.Get(route.Ref()); ok {
		wrong["name"] = "knob.add.error.taken"
	}
	if values.Get("target") == "" {
		wrong["target"] = "knob.add.error.target"
	} else if node, ok := v.node(values.Get("target")); ok && len(node.Listeners) > 1 {
		for _, l := range node.Listeners { // the first that suits; others are chosen among the targets
			if l.Protocol == route.Protocol {
				route.Targets[0].Port = l.Port
				break
			}
		}
	}
	return mesh.Patch{Put: []mesh.Object{route}}, wrong
}
