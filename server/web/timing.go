package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// text is a field of a form that is typed into. unit is a key under "limits.unit." or "".
func (v view) text(values url.Values, form, name, unit string) page.KnobField {
	f := page.KnobField{Name: name, Kind: "text", Label: v.L.T("knob." + form + "." + name), Value: values.Get(name)}
	if unit != "" {
		f.Unit = v.L.T("limits.unit." + unit)
	}
	return f
}

func durationOf(values url.Values, name string, wrong map[string]string) *mesh.Duration {
	text := strings.TrimSpace(values.Get(name))
	if text == "" {
		return nil
	}
	d, ok := parseDuration(text)
	if !ok {
		wrong[name] = "limits.error.time"
		return nil
	}
	return d
}

func countOf(values url.Values, name string, wrong map[string]string) int {
	n, err := strconv.Atoi(strings.TrimSpace(values.Get(name)))
	if err != nil {
		wrong[name] = "limits.error.count"
	}
	return n
}

// timeoutValues are a timeout as the form has it.
func timeoutValues(t *mesh.Timeout) url.Values {
	values := url.Values{"perRequest": {""}, "idle": {""}}
	if t != nil {
		values.Set("perRequest", durationText(t.PerRequest))
		values.Set("idle", durationText(t.Idle))
	}
	return values
}

func (v view) timeoutLayout(values url.Values, t *mesh.Timeout, protocol mesh.Protocol) page.Knob {
	k := page.Knob{Lead: v.L.T("knob.timeout.lead"), Now: v.timeoutNow(t, protocol)}
	if protocol != mesh.TCP {
		f := v.text(values, "timeout", "perRequest", "time")
		f.Placeholder, f.About = "15s", v.L.T("knob.timeout.empty", "value", v.L.T("timeout.default"))
		k.Fields = append(k.Fields, f)
	}
	f := v.text(values, "timeout", "idle", "time")
	f.Placeholder, f.About = "5m", v.L.T("knob.timeout.empty", "value", v.L.T("timeout.default.idle"))
	k.Fields = append(k.Fields, f)
	return k
}

func (v view) timeoutNow(t *mesh.Timeout, protocol mesh.Protocol) string {
	request, idle := v.L.T("timeout.default"), v.L.T("timeout.default.idle")
	if t != nil && t.PerRequest != nil {
		request = timeWords(v.L, t.PerRequest.String())
	}
	if t != nil && t.Idle != nil {
		idle = timeWords(v.L, t.Idle.String())
	}
	if protocol == mesh.TCP {
		return v.L.T("knob.timeout.now.tcp", "idle", idle)
	}
	return v.L.T("knob.timeout.now", "request", request, "idle", idle)
}

func readTimeout(values url.Values) (*mesh.Timeout, map[string]string) {
	wrong := make(map[string]string)
	t := &mesh.Timeout{PerRequest: durationOf(values, "perRequest", wrong), Idle: durationOf(values, "idle", wrong)}
	if t.PerRequest == nil && t.Idle == nil {
		t = nil
	}
	return t, wrong
}

// timeoutEditor sets how long a route's requests may take.
func timeoutEditor() editor {
	return editor{
		name: "timeout", tab: "traffic",
		values: func(_ view, at spot) url.Values { return timeoutValues(at.route.Timeout) },
		layout: func(v view, at spot, values url.Values) page.Knob {
			return v.timeoutLayout(values, at.route.Timeout, at.route.Protocol)
		},
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			t, wrong := readTimeout(values)
			after := at.route
			after.Timeout = t
			return mesh.Patch{Put: []mesh.Object{after}}, wrong
		},
	}
}

// withListener is a node with another listener in a place.
func withListener(n mesh.VirtualNode, i int, change func(*mesh.Listener)) mesh.Patch {
	n.Listeners = slices.Clone(n.Listeners)
	change(&n.Listeners[i])
	return mesh.Patch{Put: []mesh.Object{n}}
}

// listenerEditor sets how long requests to an instance may take.
func listenerEditor() editor {
	return editor{
		name: "listener", tab: "pool",
		values: func(_ view, at spot) url.Values { return timeoutValues(at.node.Listeners[at.listener].Timeout) },
		layout: func(v view, at spot, values url.Values) page.Knob {
			l := at.node.Listeners[at.listener]
			k := v.timeoutLayout(values, l.Timeout, l.Protocol)
			k.Lead = v.L.T("knob.listener.lead")
			return k
		},
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			t, wrong := readTimeout(values)
			return withListener(at.node, at.listener, func(l *mesh.Listener) { l.Timeout = t }), wrong
		},
	}
}

// turnedOn is the switch of a form.
func (v view) turnedOn(values url.Values, form string) *page.KnobField {
	return &page.KnobField{Name: "on", Kind: "switch", Label: v.L.T("knob." + form + ".on"), Value: values.Get("on")}
}

// retryEvents are App Mesh's, by the field that lists them.
func retryEvents(protocol mesh.Protocol) []struct{ field, events string } {
	list := []struct{ field, events string }{
		{"httpRetryEvents", "server-error gateway-error client-error stream-error"}, {"tcpRetryEvents", "connection-error"},
	}
	if protocol == mesh.GRPC {
		list = append(list, struct{ field, events string }{"grpcRetryEvents", "cancelled deadline-exceeded internal resource-exhausted unavailable"})
	}
	return list
}

// retryEditor sets when a route's requests are sent again. What is off begins from values that do no harm.
func retryEditor() editor {
	return editor{
		name: "retry", tab: "traffic",
		values: func(_ view, at spot) url.Values {
			r := at.route.Retry
			if r == nil {
				return url.Values{"maxRetries": {"2"}, "perRetryTimeout": {"1s"}, "httpRetryEvents": {"gateway-error"}, "tcpRetryEvents": {"connection-error"}}
			}
			return url.Values{
				"on": {"1"}, "maxRetries": {strconv.Itoa(r.MaxRetries)}, "perRetryTimeout": {durationText(&r.PerRetryTimeout)},
				"httpRetryEvents": r.HTTPEvents, "tcpRetryEvents": r.TCPEvents, "grpcRetryEvents": r.GRPCEvents,
			}
		},
		layout: retryLayout,
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			after := at.route
			after.Retry = nil
			wrong := make(map[string]string)
			if values.Get("on") != "" {
				r := mesh.Retry{
					MaxRetries: countOf(values, "maxRetries", wrong), HTTPEvents: values["httpRetryEvents"],
					TCPEvents: values["tcpRetryEvents"], GRPCEvents: values["grpcRetryEvents"],
				}
				if d := durationOf(values, "perRetryTimeout", wrong); d != nil {
					r.PerRetryTimeout = *d
				} else if wrong["perRetryTimeout"] == "" {
					wrong["perRetryTimeout"] = "limits.error.time"
				}
				after.Retry = &r
			}
			return mesh.Patch{Put: []mesh.Object{after}}, wrong
		},
	}
}

func retryLayout(v view, at spot, values url.Values) page.Knob {
	k := page.Knob{Lead: v.L.T("knob.retry.lead"), Now: v.L.T("retry.none"), Switch: v.turnedOn(values, "retry")}
	if r := at.route.Retry; r != nil {
		k.Now = v.retryText(*r)
	}
	most := v.text(values, "retry", "maxRetries", "")
	most.Kind = "number"
	k.Fields = append(k.Fields, most, v.text(values, "retry", "perRetryTimeout", "time"))
	for _, each := range retryEvents(at.route.Protocol) {
		f := page.KnobField{Name: each.field, Kind: "checks", Label: v.L.T("knob.retry." + each.field)}
		for _, event := range strings.Fields(each.events) {
			f.Options = append(f.Options, page.KnobOption{Value: event, Label: v.L.T("event." + event), On: slices.Contains(values[each.field], event)})
		}
		k.Fields = append(k.Fields, f)
	}
	return k
}

// outlierEditor sets when the callers leave a failing instance alone.
func outlierEditor() editor {
	of := func(at spot) *mesh.OutlierDetection { return at.node.Listeners[at.listener].OutlierDetection }
	return editor{
		name: "outlier", tab: "pool",
		values: func(_ view, at spot) url.Values {
			o := of(at)
			if o == nil {
				return url.Values{"maxServerErrors": {"5"}, "interval": {"10s"}, "baseEjectionTime": {"30s"}, "maxEjectionPercent": {"50"}}
			}
			return url.Values{
				"on": {"1"}, "maxServerErrors": {strconv.Itoa(o.MaxServerErrors)}, "interval": {durationText(&o.Interval)},
				"baseEjectionTime": {durationText(&o.BaseEjectionTime)}, "maxEjectionPercent": {strconv.Itoa(o.MaxEjectionPercent)},
			}
		},
		layout: func(v view, at spot, values url.Values) page.Knob {
			k := page.Knob{Lead: v.L.T("knob.outlier.lead"), Now: v.L.T("limits.off"), Switch: v.turnedOn(values, "outlier")}
			if o := of(at); o != nil {
				k.Now = v.L.T("knob.outlier.now", "n", o.MaxServerErrors, "time", timeWords(v.L, o.BaseEjectionTime.String()), "most", v.L.Percent(o.MaxEjectionPercent))
			}
			errors, share := v.text(values, "outlier", "maxServerErrors", ""), v.text(values, "outlier", "maxEjectionPercent", "percent")
			errors.Kind, share.Kind = "number", "number"
			k.Fields = []page.KnobField{errors, v.text(values, "outlier", "interval", "time"), v.text(values, "outlier", "baseEjectionTime", "time"), share}
			k.Fields[2].About = v.L.T("knob.outlier.baseEjectionTime.about")
			return k
		},
		read: func(_ view, at spot, values url.Values) (mesh.Patch, map[string]string) {
			wrong := make(map[string]string)
			var o *mesh.OutlierDetection
			if values.Get("on") != "" {
				o = &mesh.OutlierDetection{
					MaxServerErrors: countOf(values, "maxServerErrors", wrong), MaxEjectionPercent: countOf(values, "maxEjectionPercent", wrong),
				}
				for name, into := range map[string]*mesh.Duration{"interval": &o.Interval, "baseEjectionTime": &o.BaseEjectionTime} {
					if d := durationOf(values, name, wrong); d != nil {
						*into = *d
					} else {
						wrong[name] = "limits.error.time"
					}
				}
			}
			return withListener(at.node, at.listener, func(l *mesh.Listener) { l.OutlierDetection = o }), wrong
		},
	}
}
