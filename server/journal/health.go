package journal

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// What keeps turns of health from flooding: a verdict is told when it has held for a while, longer for a good one; who
// turned maxTurns times within turnsWithin is told to go to and fro, and then nothing more until it held for calmAfter.
const (
	illAfter    = 5 * time.Second
	wellAfter   = 15 * time.Second
	maxTurns    = 4
	turnsWithin = 5 * time.Minute
	calmAfter   = time.Minute
)

// condition is what is known of the health of one service or call.
type condition struct {
	told     mesh.Health // as it was last told; well if it never was
	is       mesh.Health // as it was last seen, and
	since    time.Time   // since when
	turns    []time.Time // when it was told lately
	flapping bool
}

// conditions are those of one mesh, by subject.
type conditions map[string]*condition

// seen is one subject's health in a picture.
type seen struct {
	name   string
	health mesh.Health
	why    string
	from   string // of a call
	to     string
}

// take gives the turns of health that a picture completes. A picture that is not fresh says nothing, and neither do
// subjects without traffic.
func (c conditions) take(g graph.Graph, now time.Time) []Event {
	if !g.Fresh || g.Partial {
		return nil
	}
	subjects := subjectsOf(g)
	maps.DeleteFunc(c, func(subject string, _ *condition) bool { _, there := subjects[subject]; return !there })
	group := make(map[string][]string)
	for _, subject := range slices.Sorted(maps.Keys(subjects)) {
		s := subjects[subject]
		if s.health != mesh.Healthy && s.health != mesh.Degraded && s.health != mesh.Unhealthy {
			continue
		}
		known := c[subject]
		if known == nil {
			known = &condition{told: mesh.Healthy, is: s.health, since: now}
			c[subject] = known
		}
		if what := known.turn(s.health, now); what != "" {
			group[what] = append(group[what], subject)
		}
	}
	var events []Event
	for _, what := range []string{"health.unhealthy", "health.degraded", "health.flapping", "health.healthy"} {
		events = append(events, healthEvents(g.Mesh, what, group[what], subjects, now)...)
	}
	return events
}

// turn takes a subject's health and gives the sentence to be told, or none.
func (c *condition) turn(health mesh.Health, now time.Time) string {
	if health != c.is {
		c.is, c.since = health, now
	}
	held := now.Sub(c.since)
	if c.flapping {
		if held < calmAfter {
			return ""
		}
		c.flapping, c.turns = false, nil
		c.told = c.is
		return "health." + string(c.is)
	}
	wait := illAfter
	if rank(c.is) < rank(c.told) {
		wait = wellAfter
	}
	if c.is == c.told || held < wait {
		return ""
	}
	c.turns = slices.DeleteFunc(append(c.turns, now), func(at time.Time) bool { return now.Sub(at) > turnsWithin })
	c.told = c.is
	if len(c.turns) > maxTurns {
		c.flapping = true
		return "health.flapping"
	}
	return "health." + string(c.is)
}

// rank sorts verdicts: the higher, the worse.
func rank(h mesh.Health) int {
	return slices.Index([]mesh.Health{mesh.Healthy, mesh.Degraded, mesh.Unhealthy}, h)
}

// subjectsOf gives the services of a picture as bad as the worst of their versions, what belongs to no service, and calls.
func subjectsOf(g graph.Graph) map[string]seen {
	all := make(map[string]seen, len(g.Nodes)+len(g.Edges))
	add := func(subject string, s seen) {
		if before, ok := all[subject]; !ok || rank(s.health) > rank(before.health) {
			all[subject] = s
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Kind == graph.KindUnknown || n.Kind == graph.KindExternal {
			continue
		}
		s := seen{name: n.Name, health: n.Health, why: strings.Join(n.Why, "; ")}
		subject := n.ID
		if n.Service != "" {
			subject, s.name = mesh.ServiceID(n.Service), n.Service
		}
		add(subject, s)
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		name := e.From + " → " + e.To
		add(name, seen{name: name, health: e.Health, why: strings.Join(e.Why, "; "), from: e.From, to: e.To})
	}
	return all
}

func healthEvents(meshName, what string, subjects []string, all map[string]seen, now time.Time) []Event {
	severity := Info
	switch what {
	case "health.unhealthy":
		severity = Problem
	case "health.degraded", "health.flapping":
		severity = Warning
	}
	if len(subjects) > maxSingle {
		list := make([]string, len(subjects))
		for i, s := range subjects {
			list[i] = all[s].name
		}
		return []Event{Event{
			At: now.UTC(), Mesh: meshName, Kind: KindHealth, Severity: severity, What: what + ".many",
			With: map[string]string{"count": strconv.Itoa(len(list)), "names": names(list)},
		}.said()}
	}
	var events []Event
	for _, subject := range subjects {
		s := all[subject]
		e := Event{
			At: now.UTC(), Mesh: meshName, Kind: KindHealth, Subject: subject, Severity: severity, What: what,
			With: map[string]string{"name": cmp.Or(s.name, subject)},
		}
		if s.health != mesh.Healthy {
			e.Detail = s.why
		}
		if s.from != "" {
			e.With["from"], e.With["to"] = s.from, s.to
		}
		events = append(events, e.said())
	}
	return events
}
