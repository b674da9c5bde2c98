package web

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// limitField is one field of a form of health limits. Its text is "" where nothing is set.
type limitField struct {
	name      string // as the API has it
	unit      string // a key under "limits.unit."
	objective bool   // of what a service promises; a route has none
	read      func(h mesh.HealthLimits) string
	write     func(h *mesh.HealthLimits, text string) bool // false: the text does not say it
	words     func(l i18n.Locale, text string) string      // a text that was read, for people
}

func limitFields() []limitField {
	return []limitField{
		shareField("degradedErrors", func(h *mesh.HealthLimits) **float64 { return &h.DegradedErrors }),
		shareField("unhealthyErrors", func(h *mesh.HealthLimits) **float64 { return &h.UnhealthyErrors }),
		timeField("degradedP95", func(h *mesh.HealthLimits) **mesh.Duration { return &h.DegradedP95 }),
		timeField("unhealthyP95", func(h *mesh.HealthLimits) **mesh.Duration { return &h.UnhealthyP95 }),
		shareField("saturation", func(h *mesh.HealthLimits) **float64 { return &h.Saturation }),
		countField("minRequests", func(h *mesh.HealthLimits) **int { return &h.MinRequests }),
		countField("minFailures", func(h *mesh.HealthLimits) **int { return &h.MinFailures }),
		promise("availability", "percent", func(o *mesh.Objective) (string, bool) { return percentText(o.Availability), true },
			func(o *mesh.Objective, text string) (ok bool) { o.Availability, ok = parsePercent(text); return ok }),
		promise("latency", "time", func(o *mesh.Objective) (string, bool) { return durationText(o.Latency), o.Latency != nil },
			func(o *mesh.Objective, text string) (ok bool) { o.Latency, ok = parseDuration(text); return ok }),
		promise("latencyShare", "percent", func(o *mesh.Objective) (string, bool) { return percentText(o.LatencyShare), o.LatencyShare != 0 },
			func(o *mesh.Objective, text string) (ok bool) { o.LatencyShare, ok = parsePercent(text); return ok }),
		promise("period", "days", func(o *mesh.Objective) (string, bool) {
			return strconv.FormatFloat(time.Duration(o.Period).Hours()/24, 'f', -1, 64), o.Period != 0
		}, func(o *mesh.Objective, text string) bool {
			days, err := strconv.ParseFloat(text, 64)
			o.Period = mesh.Duration(days * 24 * float64(time.Hour))
			return err == nil && days > 0 && days <= 1000
		}),
	}
}

func shareField(name string, of func(*mesh.HealthLimits) **float64) limitField {
	return limitField{
		name: name, unit: "percent", words: percentWords,
		read: func(h mesh.HealthLimits) string {
			if v := *of(&h); v != nil {
				return percentText(*v)
			}
			return ""
		},
		write: func(h *mesh.HealthLimits, text string) bool {
			v, ok := parsePercent(text)
			*of(h) = &v
			return ok
		},
	}
}

func timeField(name string, of func(*mesh.HealthLimits) **mesh.Duration) limitField {
	return limitField{
		name: name, unit: "time", words: timeWords,
		read: func(h mesh.HealthLimits) string { return durationText(*of(&h)) },
		write: func(h *mesh.HealthLimits, text string) (ok bool) {
			*of(h), ok = parseDuration(text)
			return ok
		},
	}
}

func countField(name string, of func(*mesh.HealthLimits) **int) limitField {
	return limitField{
		name: name, unit: "count", words: func(_ i18n.Locale, text string) string { return text },
		read: func(h mesh.HealthLimits) string { return digits(*of(&h)) },
		write: func(h *mesh.HealthLimits, text string) bool {
			n, err := strconv.Atoi(text)
			*of(h) = &n
			return err == nil && n >= 0
		},
	}
}

// promise is a field of the objective, which is inherited as a whole.
func promise(name, unit string, read func(*mesh.Objective) (string, bool), write func(*mesh.Objective, string) bool) limitField {
	f := limitField{name: name, unit: unit, objective: true, words: percentWords}
	switch unit {
	case "time":
		f.words = timeWords
	case "days":
		f.words = func(l i18n.Locale, text string) string { return l.T("format.days", "n", text) }
	}
	f.read = func(h mesh.HealthLimits) string {
		if h.Objective == nil {
			return ""
		}
		if text, set := read(h.Objective); set {
			return text
		}
		return ""
	}
	f.write = func(h *mesh.HealthLimits, text string) bool {
		if h.Objective == nil {
			h.Objective = &mesh.Objective{}
		}
		return write(h.Objective, text)
	}
	return f
}

// decimalText is a number as people write it in a field, so that "1e5" and "Inf" are none.
var decimalText = regexp.MustCompile(`^[0-9]{1,9}([.][0-9]{1,9})?$`)

// parsePercent reads "1", "0.5" or "99.9 %" as a share. The decimal point is moved in the text, so that what was typed
// is what is shown again.
func parsePercent(text string) (float64, bool) {
	text = strings.TrimSpace(strings.TrimSuffix(text, "%"))
	if !decimalText.MatchString(text) {
		return 0, false
	}
	v, err := strconv.ParseFloat(text+"e-2", 64)
	return v, err == nil && v <= 1
}

func percentText(share float64) string {
	text := strconv.FormatFloat(share*100, 'f', 9, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// parseDuration reads "500ms" or "1.5 s"; a zero needs no unit.
func parseDuration(text string) (*mesh.Duration, bool) {
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	v := mesh.Duration(d)
	return &v, err == nil && d >= 0
}

func durationText(d *mesh.Duration) string {
	switch {
	case d == nil:
		return ""
	case *d == 0:
		return "0"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // "1m0s" is written as "1m"
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func percentWords(l i18n.Locale, text string) string {
	if text == "0" {
		return l.T("limits.off")
	}
	return l.T("format.percent", "n", text)
}

func timeWords(l i18n.Locale, text string) string {
	d, err := time.ParseDuration(text)
	if err != nil || d == 0 {
		return l.T("limits.off")
	}
	return l.Length(d)
}

// layer is one place that limits may come from.
type layer struct {
	name   string // in words
	href   string // where they are set; "" for Weir's own
	limits *mesh.HealthLimits
}

// layersOver are what an object's limits fall back on, the nearest first.
func (v view) layersOver(o mesh.Object, service string) []layer {
	defaults := mesh.DefaultLimits()
	layers := []layer{{name: v.L.T("limits.from.default"), limits: &defaults}}
	if o.Ref().Kind == mesh.KindMesh {
		return layers
	}
	m := layer{name: v.L.T("limits.from.mesh"), href: v.Href("/settings"), limits: v.current.Mesh.Health}
	layers = append([]layer{m}, layers...)
	if s, ok := v.service(service); ok && o.Ref().Kind == mesh.KindRoute {
		layers = append([]layer{{name: v.L.T("limits.from.service", "service", service), href: v.ServiceHref(service, "/health"), limits: s.Health}}, layers...)
	}
	return layers
}

// inherited finds what a field falls back on: its text, "" when nothing is set anywhere, and where it comes from.
func (f limitField) inherited(layers []layer) (text string, from component.LinkTo) {
	for _, l := range layers {
		if l.limits == nil {
			continue
		}
		// An objective is inherited whole: the nearest that is set hides those behind it.
		if f.objective && l.limits.Objective == nil {
			continue
		}
		if text := f.read(*l.limits); text != "" || f.objective {
			return text, component.LinkTo{Name: l.name, Href: l.href}
		}
	}
	return "", component.LinkTo{}
}

// limitsOf gives an object's own limits; nil when it has none.
func limitsOf(o mesh.Object) *mesh.HealthLimits {
	switch o := o.(type) {
	case mesh.Settings:
		return o.Health
	case mesh.VirtualService:
		return o.Health
	case mesh.Route:
		return o.Health
	}
	return nil
}

// withLimits is an object with other limits.
func withLimits(o mesh.Object, h *mesh.HealthLimits) mesh.Object {
	switch o := o.(type) {
	case mesh.Settings:
		o.Health = h
		return o
	case mesh.VirtualService:
		o.Health = h
		return o
	case mesh.Route:
		o.Health = h
		return o
	}
	return o
}

// limits is the form of one object's limits, with the draft of its reader in it when there is one.
func (d *desks) limits(o mesh.Object, service string) page.LimitsForm {
	form := d.v.limitsForm(o, service)
	at := desk.Place{Mesh: d.v.Mesh, Object: o.Ref(), Form: "limits"}
	around, draft := d.of(at, form.Version, d.v.Href(limitsPath(d.v, o.Ref(), service)))
	form.Desk = around
	if draft == nil {
		return form
	}
	form.Version, _ = strconv.ParseInt(draft.Get("version"), 10, 64)
	for _, list := range [][]page.LimitField{form.Fields, form.Objective} {
		for i := range list {
			list[i].Value, list[i].Was = draft.Get(list[i].Name), draft.Get("was."+list[i].Name)
		}
	}
	return form
}

// limitsForm is the form of one object's limits, as it is in force.
func (v view) limitsForm(o mesh.Object, service string) page.LimitsForm {
	ref := o.Ref()
	own := limitsOf(o)
	if own == nil {
		own = &mesh.HealthLimits{}
	}
	form := page.LimitsForm{
		Kind: string(ref.Kind), Name: ref.Name, Version: v.current.Versions[ref], Title: ref.Name,
	}
	if route, ok := o.(mesh.Route); ok {
		form.Title, form.Aside = route.Name, matchText(v.L, route)
	}
	layers := v.layersOver(o, service)
	for _, f := range limitFields() {
		if f.objective && ref.Kind == mesh.KindRoute {
			continue
		}
		text, from := f.inherited(layers)
		field := page.LimitField{Name: f.name, Unit: f.unit, Value: f.read(*own), From: from}
		field.Was = field.Value
		// Of an objective of its own nothing is inherited.
		if text != "" && (!f.objective || own.Objective == nil) {
			field.Inherited, field.Placeholder = f.words(v.L, text), text
		}
		if f.objective {
			form.Objective = append(form.Objective, field)
		} else {
			form.Fields = append(form.Fields, field)
		}
	}
	return form
}

func limitsPath(v view, ref mesh.Ref, service string) string {
	if ref.Kind == mesh.KindMesh {
		return "/settings"
	}
	return v.ServiceHrefPath(service, "/health")
}

// inForce is what a field comes to: its own text or what it falls back on, in words.
func (f limitField) inForce(v view, own *mesh.HealthLimits, layers []layer) string {
	if own != nil && (f.read(*own) != "" || f.objective && own.Objective != nil) {
		if text := f.read(*own); text != "" {
			return f.words(v.L, text)
		}
		return v.L.T("limits.none")
	}
	text, from := f.inherited(layers)
	if text == "" {
		return v.L.T("limits.none")
	}
	return v.L.T("limits.inherited", "value", f.words(v.L, text), "from", cmp.Or(from.Name, "–"))
}
