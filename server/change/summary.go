package change

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// summarise says in one sentence what a change does.
func summarise(edits []Edit) string {
	if s, ok := leader(edits); ok && len(edits) > 1 {
		return summarise([]Edit{s}) + fmt.Sprintf(" (%s)", countRoutes(len(edits)-1))
	}
	if len(edits) != 1 {
		return summariseMany(edits)
	}
	e := edits[0]
	switch {
	case e.Before == nil:
		return "creates " + e.Ref.String()
	case e.After == nil:
		return "deletes " + e.Ref.String()
	}
	if s := summariseLimits(e); s != "" {
		return s
	}
	switch after := e.After.(type) {
	case mesh.Route:
		if s := summariseWeights(e.Before.(mesh.Route), after); s != "" {
			return s
		}
	case mesh.Split:
		before := mesh.Route{Name: after.Name, Targets: e.Before.(mesh.Split).Targets}
		if s := summariseWeights(before, mesh.Route{Name: after.Name, Targets: after.Targets}); s != "" {
			return "split " + strings.TrimPrefix(s, "/")
		}
	case mesh.VirtualNode:
		if s := summarisePools(e.Before.(mesh.VirtualNode), after); s != "" {
			return s
		}
	}
	return e.Ref.String() + ": " + summariseFields(e.Before, e.After)
}

// leader gives the edit that a change is about when the others only follow: a split, and the routes that share it.
func leader(edits []Edit) (Edit, bool) {
	if len(edits) == 1 {
		return edits[0], true
	}
	at := slices.IndexFunc(edits, func(e Edit) bool { return e.Ref.Kind == mesh.KindSplit })
	if at < 0 {
		return Edit{}, false
	}
	for i, e := range edits {
		before, was := e.Before.(mesh.Route)
		after, is := e.After.(mesh.Route)
		if i == at {
			continue
		}
		if !was || !is || after.Split != edits[at].Ref.Name {
			return Edit{}, false
		}
		if before.Targets = after.Targets; !equal(before, after) {
			return Edit{}, false
		}
	}
	return edits[at], true
}

func countRoutes(n int) string {
	if n == 1 {
		return "1 route"
	}
	return strconv.Itoa(n) + " routes"
}

// summariseWeights is the sentence for a change of nothing but a route's targets; "" for any other. With two targets the
// second says it all, since the first gets the rest.
func summariseWeights(before, after mesh.Route) string {
	rest := before
	rest.Targets = after.Targets
	if !equal(rest, after) {
		return ""
	}
	was, is := before.Shares(), after.Shares()
	nodes := make([]string, 0, len(was)+len(is))
	for _, t := range slices.Concat(after.Targets, before.Targets) {
		if was[t.Node] != is[t.Node] && !slices.Contains(nodes, t.Node) {
			nodes = append(nodes, t.Node)
		}
	}
	if len(nodes) == 2 && len(after.Targets) == 2 {
		nodes = nodes[1:]
	}
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = fmt.Sprintf("%s %s → %s", n, plan.Percent(was[n]), plan.Percent(is[n]))
	}
	if len(parts) == 0 {
		return after.Ref().Name + ": other weights for the same shares"
	}
	return after.Ref().Name + ": " + strings.Join(parts, ", ")
}

// summarisePools is the sentence for a change of nothing but connection pools; "" for any other.
func summarisePools(before, after mesh.VirtualNode) string {
	if len(before.Listeners) != len(after.Listeners) {
		return ""
	}
	rest := before
	rest.Listeners = slices.Clone(before.Listeners)
	var parts []string
	for i, l := range after.Listeners {
		was := fields(rest.Listeners[i].ConnectionPool)
		rest.Listeners[i].ConnectionPool = l.ConnectionPool
		for _, change := range changedFields(was, fields(l.ConnectionPool), "no limit") {
			if len(after.Listeners) > 1 {
				change = "port " + strconv.Itoa(l.Port) + " " + change
			}
			parts = append(parts, change)
		}
	}
	if len(parts) == 0 || !equal(rest, after) {
		return ""
	}
	return after.Name + ": " + strings.Join(parts, ", ")
}

// summariseFields names an object's fields that changed, with their values where those are short.
func summariseFields(before, after mesh.Object) string {
	return strings.Join(changedFields(fields(before), fields(after), "none"), ", ")
}

// changedFields lists what differs between two JSON objects, "name a → b" for plain values and "name" for others.
func changedFields(before, after map[string]json.RawMessage, absent string) []string {
	var out []string
	for _, name := range fieldOrder(before, after) {
		was, is := before[name], after[name]
		if bytes.Equal(was, is) {
			continue
		}
		from, plainFrom := plain(was, absent)
		to, plainTo := plain(is, absent)
		if plainFrom && plainTo {
			name += " " + from + " → " + to
		}
		out = append(out, name)
	}
	return out
}

// fieldOrder lists the names in either of two JSON objects, sorted.
func fieldOrder(a, b map[string]json.RawMessage) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// plain writes a JSON value that is neither a list nor an object.
func plain(data json.RawMessage, absent string) (s string, ok bool) {
	if len(data) == 0 {
		return absent, true
	}
	if data[0] == '"' {
		err := json.Unmarshal(data, &s)
		return s, err == nil && len(s) <= 40
	}
	return string(data), data[0] != '{' && data[0] != '['
}

// fields gives the fields of a value that is written as a JSON object; none of one that is not.
func fields(v any) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	if data, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(data, &out) // Objects are written as objects, an absent pool as null.
	}
	return out
}

// equal compares two values by what is written of them.
func equal(a, b any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// summariseMany counts objects by what happens to them: "creates 3 nodes and route reviews/primary; deletes node x".
func summariseMany(edits []Edit) string {
	var clauses []string
	for _, verb := range []string{"creates", "changes", "deletes"} {
		byKind := make(map[mesh.Kind][]string)
		for _, e := range edits {
			if verbOf(e) == verb {
				byKind[e.Ref.Kind] = append(byKind[e.Ref.Kind], e.Ref.Name)
			}
		}
		var groups []string
		for _, kind := range mesh.Kinds() {
			switch names := byKind[kind]; len(names) {
			case 0:
			case 1:
				groups = append(groups, string(kind)+" "+names[0])
			default:
				groups = append(groups, strconv.Itoa(len(names))+" "+kind.Plural())
			}
		}
		if len(groups) > 0 {
			clauses = append(clauses, verb+" "+strings.Join(groups, ", "))
		}
	}
	return strings.Join(clauses, "; ")
}

func verbOf(e Edit) string {
	switch {
	case e.Before == nil:
		return "creates"
	case e.After == nil:
		return "deletes"
	}
	return "changes"
}
