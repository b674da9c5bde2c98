package journal

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// maxSingle is how many proxies, services or calls are told one by one of what they did at the same time; more are told
// in one sentence.
const maxSingle = 3

// presence is what is remembered of a proxy.
type presence struct {
	state    provider.ProxyState
	since    time.Time
	node     string
	rejected bool
}

// compareProxies gives what became of a mesh's proxies between two looks, and what to compare the next look with. However
// many did the same, they make a few sentences.
func compareProxies(meshName string, was map[string]presence, list []provider.Proxy, now time.Time) (map[string]presence, []Event) {
	is := make(map[string]presence, len(list))
	group := make(map[string][]provider.Proxy)
	for _, p := range list {
		is[p.ID] = presence{p.State, p.Since, cmp.Or(p.Node, p.Gateway), p.State == provider.Rejected}
		for _, what := range turnsOf(was[p.ID], is[p.ID]) {
			group[what] = append(group[what], p)
		}
	}
	for id, p := range was {
		if _, listed := is[id]; !listed && connected(p.state) {
			group["proxy.left"] = append(group["proxy.left"], provider.Proxy{ID: id, Node: p.node})
		}
	}
	var events []Event
	for _, what := range []string{"proxy.left", "proxy.again", "proxy.came", "proxy.refused", "rejected.taken", "rejected.proxy"} {
		events = append(events, proxyEvents(meshName, what, group[what], now)...)
	}
	return is, events
}

func connected(s provider.ProxyState) bool {
	return s != "" && s != provider.Gone && s != provider.Refused
}

// turnsOf gives the sentences about one proxy. A proxy that waits for configuration after it refused some has not taken
// any yet.
func turnsOf(was, is presence) (list []string) {
	switch before, after := connected(was.state), connected(is.state); {
	case !before && after:
		list = append(list, "proxy.came")
	case before && !after:
		list = append(list, "proxy.left")
	case before && after && !was.since.Equal(is.since):
		list = append(list, "proxy.again")
	}
	if is.state == provider.Refused && was.state != provider.Refused {
		list = append(list, "proxy.refused")
	}
	switch {
	case is.rejected && !was.rejected:
		list = append(list, "rejected.proxy")
	case was.rejected && is.state == provider.Synced:
		list = append(list, "rejected.taken")
	}
	return list
}

func proxyEvents(meshName, what string, list []provider.Proxy, now time.Time) []Event {
	slices.SortFunc(list, func(a, b provider.Proxy) int { return cmp.Compare(a.ID, b.ID) })
	kind, severity := KindProxy, Info
	switch what {
	case "proxy.left":
		severity = Warning
	case "proxy.refused":
		severity = Problem
	case "rejected.proxy":
		kind, severity = KindRejected, Problem
	case "rejected.taken":
		kind = KindRejected
	}
	var events []Event
	event := func(subject, what, detail string, with map[string]string) Event {
		return Event{At: now.UTC(), Mesh: meshName, Kind: kind, Subject: subject, Severity: severity, What: what, With: with, Detail: detail}
	}
	if len(list) > maxSingle {
		ids := make([]string, len(list))
		detail := ""
		for i, p := range list {
			ids[i] = p.ID
			detail = cmp.Or(detail, p.Message)
		}
		if what != "proxy.refused" && what != "rejected.proxy" {
			detail = ""
		}
		return []Event{event("", what+".many", detail, map[string]string{"count": strconv.Itoa(len(list)), "names": names(ids)}).said()}
	}
	for _, p := range list {
		detail := ""
		if what == "proxy.refused" || what == "rejected.proxy" {
			detail = p.Message
		}
		e := event(p.ID, what, detail, map[string]string{"name": p.ID, "node": cmp.Or(p.Node, p.Gateway)})
		e.Proxy = p.ID
		events = append(events, e.said())
	}
	return events
}
