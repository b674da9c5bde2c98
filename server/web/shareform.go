package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// shareEditor makes a split of a route's targets. Nothing moves: routes that have the same targets may share it at once.
func shareEditor() editor {
	return editor{
		name: "share", tab: "traffic",
		values: func(view, spot) url.Values { return url.Values{} },
		layout: shareLayout,
		read:   readShare,
		apply: func(v view, _ spot, values url.Values) string {
			return v.L.T("knob.share.apply", "name", shorten(values.Get("name")))
		},
		says: func(v view, at spot, values url.Values) []string {
			return []string{v.L.T("knob.share.says", "name", values.Get("name"), "routes", strings.Join(append([]string{at.ref().Name}, values["with"]...), ", "))}
		},
	}
}

func shareLayout(v view, at spot, values url.Values) page.Knob {
	name := v.text(values, "share", "name", "")
	name.Placeholder, name.About = at.router, v.L.T("knob.share.name.about")
	k := page.Knob{Lead: v.L.T("knob.share.lead"), Fields: []page.KnobField{name}}
	with := page.KnobField{Name: "with", Kind: "checks", Label: v.L.T("knob.share.with")}
	for _, r := range v.alike(at.route) {
		with.Options = append(with.Options, page.KnobOption{Value: r.Ref().Name, Label: r.Ref().Name, On: slices.Contains(values["with"], r.Ref().Name)})
	}
	if len(with.Options) > 0 {
		k.Fields = append(k.Fields, with)
	}
	return k
}

// alike are the other routes with the same targets and weights, which can share a split without any traffic moving.
func (v view) alike(route mesh.Route) []mesh.Route {
	var list []mesh.Route
	for _, r := range v.current.Mesh.Routes {
		if r.Ref() != route.Ref() && r.Split == "" && r.Protocol == route.Protocol && slices.Equal(r.Targets, route.Targets) {
			list = append(list, r)
		}
	}
	return list
}

func readShare(v view, at spot, values url.Values) (mesh.Patch, map[string]string) {
	split := mesh.Split{Name: strings.TrimSpace(values.Get("name")), Targets: slices.Clone(at.route.Targets)}
	wrong := make(map[string]string)
	if _, taken := v.current.Mesh.Split(split.Name); taken {
		wrong["name"] = "knob.share.error.taken"
	}
	switch {
	case at.route.Split != "":
		wrong["name"] = "knob.share.error.shares"
	case split.Name == "":
		wrong["name"] = "knob.share.error.name"
	}
	patch := mesh.Patch{Put: []mesh.Object{split}}
	join := func(r mesh.Route) {
		r.Split = split.Name
		patch.Put = append(patch.Put, r)
	}
	join(at.route)
	for _, name := range values["with"] {
		i := slices.IndexFunc(v.alike(at.route), func(r mesh.Route) bool { return r.Ref().Name == name })
		if i < 0 {
			wrong["with"] = "knob.share.error.with"
			continue
		}
		join(v.alike(at.route)[i])
	}
	return patch, wrong
}

// leaveEditor takes a route out of its split. It keeps the targets that it has, and moves alone from then on.
func leaveEditor() editor {
	return editor{
		name: "leave", tab: "traffic",
		values: func(view, spot) url.Values { return url.Values{} },
		layout: func(v view, at spot, _ url.Values) page.Knob {
			return page.Knob{Now: at.route.Split, Lead: v.leaveLead(at.route)}
		},
		read: func(_ view, at spot, _ url.Values) (mesh.Patch, map[string]string) {
			alone := at.route
			alone.Split = ""
			return mesh.Patch{Put: []mesh.Object{alone}}, nil
		},
		apply: func(v view, at spot, _ url.Values) string {
			return v.L.T("knob.leave.apply", "object", at.ref().Name)
		},
		says: func(v view, at spot, _ url.Values) []string {
			return []string{v.L.T("knob.leave.says", "object", at.ref().Name, "split", at.route.Split)}
		},
	}
}

// leaveLead says what becomes of the routes that stay.
func (v view) leaveLead(route mesh.Route) string {
	if stay := len(v.sharing(route.Split)) - 1; stay > 0 {
		return v.L.N("knob.leave.lead", stay, "split", route.Split)
	}
	return v.L.T("knob.leave.last", "split", route.Split)
}

// fits says whether a form is about a route as it is; one that was sent is shown all the same, with what is wrong.
func (e editor) fits(route mesh.Route, sent string) bool {
	switch e.name {
	case "retry":
		return route.Protocol != mesh.TCP // it has no requests to repeat
	case "share":
		return route.Split == "" || sent == e.name
	case "leave":
		return route.Split != "" || sent == e.name
	case "targets":
		return route.Split == "" || sent == e.name // they are the split's
	}
	return true
}
