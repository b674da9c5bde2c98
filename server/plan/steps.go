package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	maxSteps = 60  // more are summed up, kind by kind
	maxValue = 120 // characters of a value in a step
)

// steps says what differs, a line for one meaning. Routes that only follow a split are said by the split.
func steps(edits []Edit) []Step {
	var list []Step
	splits := make(map[string]bool)
	for _, e := range edits {
		if e.Ref.Kind == mesh.KindSplit {
			splits[e.Ref.Name] = true
		}
	}
	for i, e := range edits {
		more := stepsOf(e, splits)
		if len(list)+len(more) > maxSteps {
			return append(list, summed(edits[i:])...)
		}
		list = append(list, more...)
	}
	return list
}

// summed says of many edits how many objects of each kind there are.
func summed(edits []Edit) []Step {
	type count struct{ created, changed, deleted int }
	counts := make(map[mesh.Kind]*count)
	for _, e := range edits {
		c := counts[e.Ref.Kind]
		if c == nil {
			c = &count{}
			counts[e.Ref.Kind] = c
		}
		switch {
		case e.Before == nil:
			c.created++
		case e.After == nil:
			c.deleted++
		default:
			c.changed++
		}
	}
	var list []Step
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		var parts []string
		c := counts[kind]
		for _, p := range []struct {
			n    int
			word string
		}{{c.created, "created"}, {c.changed, "changed"}, {c.deleted, "deleted"}} {
			if p.n > 0 {
				parts = append(parts, strconv.Itoa(p.n)+" "+p.word)
			}
		}
		list = append(list, Step{Object: mesh.Ref{Kind: kind}, Field: "more objects", After: strings.Join(parts, ", ")})
	}
	return list
}

// stepsOf says what one edit does.
func stepsOf(e Edit, splits map[string]bool) []Step {
	switch {
	case e.Before == nil:
		return []Step{{Object: e.Ref, After: said(e.After)}}
	case e.After == nil:
		return []Step{{Object: e.Ref, Before: said(e.Before)}}
	}
	var list []Step
	if r, ok := e.After.(mesh.Route); !ok || !splits[r.Split] {
		list = weights(e)
	}
	found := differences(e.Before, e.After)
	for _, field := range slices.Sorted(maps.Keys(found)) {
		if field != "targets" {
			d := found[field]
			list = append(list, Step{Object: e.Ref, Field: field, Before: d[0], After: d[1]})
		}
	}
	return list
}

// weights says which shares of a route or a split would be others, in percent.
func weights(e Edit) []Step {
	before, after := targets(e.Before).Shares(), targets(e.After).Shares()
	nodes := maps.Clone(before)
	maps.Copy(nodes, after)
	var list []Step
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		was, had := before[node]
		is, has := after[node]
		s := Step{Object: e.Ref, Field: "weight " + node}
		if had {
			s.Before = Percent(was)
		}
		if has {
			s.After = Percent(is)
		}
		if s.Before != s.After {
			list = append(list, s)
		}
	}
	// What grows is what a change is about.
	slices.SortStableFunc(list, func(a, b Step) int {
		return cmp.Compare(after[strings.TrimPrefix(b.Field, "weight ")]-before[strings.TrimPrefix(b.Field, "weight ")],
			after[strings.TrimPrefix(a.Field, "weight ")]-before[strings.TrimPrefix(a.Field, "weight ")])
	})
	return list
}

// targets gives what a route or a split shares out, as a route.
func targets(o mesh.Object) mesh.Route {
	switch o := o.(type) {
	case mesh.Route:
		return o
	case mesh.Split:
		return mesh.Route{Targets: o.Targets}
	}
	return mesh.Route{}
}

// Percent writes a share, 0 to 1, with at most one decimal: "33.3 %".
func Percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1000)/10, 'f', -1, 64) + " %"
}

// said puts a whole object into a few words.
func said(o mesh.Object) string {
	switch o := o.(type) {
	case mesh.Route, mesh.Split:
		var parts []string
		for _, t := range targets(o).Targets {
			parts = append(parts, t.Node+" "+Percent(targets(o).Shares()[t.Node]))
		}
		return shortened(strings.Join(parts, ", "))
	case mesh.VirtualService:
		if o.Node != "" {
			return "node " + o.Node
		}
		if o.Router != "" {
			return "router " + o.Router
		}
		return "provided by nobody"
	case mesh.GatewayRoute:
		return "to " + o.Target.Service
	case mesh.VirtualNode:
		return listening(o.Listeners)
	case mesh.VirtualGateway:
		return listening(o.Listeners)
	}
	return string(o.Ref().Kind)
}

func listening(list []mesh.Listener) string {
	var parts []string
	for _, l := range list {
		parts = append(parts, fmt.Sprintf("%s on %d", l.Protocol, l.Port))
	}
	return cmp.Or(strings.Join(parts, ", "), "listens nowhere")
}

// differences gives what differs between two objects, field by field as people name them: before and after, "" for what is
// not there. Targets are one field.
func differences(before, after mesh.Object) map[string][2]string {
	was, is := make(map[string]string), make(map[string]string)
	flatten("", decoded(before), was)
	flatten("", decoded(after), is)
	out := make(map[string][2]string)
	fields := maps.Clone(was)
	maps.Copy(fields, is)
	for field := range fields {
		if was[field] != is[field] {
			out[field] = [2]string{shortened(was[field]), shortened(is[field])}
		}
	}
	return out
}

// decoded is an object as JSON has it; nil for none.
func decoded(o mesh.Object) any {
	if o == nil {
		return nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// flatten writes a value's parts by their names. Lists of named things are told apart by their names, others are one value;
// a match is one thing to a person, however many fields it has.
func flatten(name string, v any, into map[string]string) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		if name == "match" || name == "serviceDiscovery" {
			into[name] = words(v)
			return
		}
		for key, value := range v {
			flatten(joined(name, key), value, into)
		}
	case []any:
		if name == "targets" {
			into[name] = compact(v)
			return
		}
		keys := keysOf(v)
		if keys == nil {
			into[name] = compact(v)
			return
		}
		for i, item := range v {
			if len(v) == 1 && name == "listeners" {
				flatten("", item, into)
				continue
			}
			flatten(joined(strings.TrimSuffix(name, "s"), keys[i]), item, into)
		}
	default:
		into[name] = compact(v)
	}
}

// keysOf gives the names of a list's items by what tells them apart; nil when nothing does.
func keysOf(list []any) []string {
	var keys []string
	for _, item := range list {
		fields, _ := item.(map[string]any)
		found := ""
		for _, key := range []string{"name", "service", "port"} {
			if v, ok := fields[key]; ok && found == "" {
				found = compact(v)
			}
		}
		if found == "" || slices.Contains(keys, found) {
			return nil
		}
		keys = append(keys, found)
	}
	return keys
}

// joined writes a part's name: "pool maxConnections", "timeout perRequest".
func joined(name, key string) string {
	if key == "connectionPool" {
		key = "pool"
	}
	return strings.TrimSpace(name + " " + key)
}

// isPool says whether a field is a limit of a connection pool.
func isPool(field string) bool { return slices.Contains(strings.Fields(field), "pool") }

// words writes the parts of a thing after one another: "method GET, prefix /api".
func words(fields map[string]any) string {
	parts := make([]string, 0, len(fields))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, key+" "+compact(fields[key]))
	}
	return cmp.Or(strings.Join(parts, ", "), "anything")
}

// compact writes a JSON value as people do, texts without quotes.
func compact(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// shortened cuts a long value. Two long values that differ late would look alike, so the end is kept.
func shortened(s string) string {
	n := utf8.RuneCountInString(s)
	if n <= maxValue {
		return s
	}
	r := []rune(s)
	return string(r[:maxValue/2]) + " … " + string(r[n-maxValue/2:])
}
