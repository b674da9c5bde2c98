package plan

import (
	"slices"
	"strings"
)

// Note is a sentence for people. Text is English; Code and Values say the same in other languages.
type Note struct {
	Code   string            `json:"code"`
	Values map[string]string `json:"values,omitempty"`
	Text   string            `json:"text"`
}

// Say writes a note by its code, with the values for the names in its sentence, as in "node", "reviews-v1".
func Say(code string, pairs ...string) Note {
	n := Note{Code: code, Text: sentence(code)}
	for pair := range slices.Chunk(pairs, 2) {
		if n.Values == nil {
			n.Values = make(map[string]string)
		}
		n.Values[pair[0]] = pair[1]
		n.Text = strings.ReplaceAll(n.Text, "{"+pair[0]+"}", pair[1])
	}
	return n
}

// sentence is a code's English.
func sentence(code string) string {
	switch code {
	case "traffic.unknown":
		return "no requests were seen lately, so nothing is said about those that would move"
	case "flow.lost":
		return "{rate} requests/s of {service} from {caller} would find no route"
	case "flow.more":
		return "{rate} requests/s of {n} more callers would find no route"
	case "flow.shared":
		return "{a} and {b} lead to the same versions: how many requests take which is estimated from their proportions"
	case "flow.gateway":
		return "routes of {caller} that led to {service} lead to several services: its requests are shared out evenly among them"
	case "flow.match":
		return "how many requests match route {route} as it would be is not known: it is counted as if it took what it takes now"
	case "node.deserted":
		return "nobody is declared to call {node} any more"
	case "node.calls":
		return "{node} gets next to nothing now, so what it would call in its turn is not known"
	case "load.more":
		return "the loads of {n} more nodes would change"
	case "pool.refusing":
		return "{node} refuses {rate} requests/s because of its pool already"
	case "pool.unknown":
		return "{node} gets next to nothing now, so what its pool would hold is not known"
	case "pool.like":
		return "{node} gets next to nothing now: what its pool would hold is worked out from the other versions"
	case "history.none":
		return "no history is kept, so the highest loads are not known"
	case "history.failed":
		return "the highest loads could not be read: {detail}"
	case "preview.failed":
		return "which proxies would get new configuration was not found out: {detail}"
	case "envoy.none":
		return "no dry run by Envoy: {detail}"
	case "envoy.busy":
		return "no dry run by Envoy: it was busy with others"
	case "envoy.more":
		return "Envoy was asked about some kinds of proxies only: {n} more are too many to wait for"
	case "envoy.failed":
		return "no dry run by Envoy for {for}: {detail}"
	case "lost.gone":
		return "it is gone and still called: calls to it would be answered 404"
	case "lost.provider":
		return "nothing provides it: calls to it would be answered 404"
	case "lost.routes":
		return "its router {router} has no routes: calls to it would be answered 404"
	case "lost.shadowed":
		return "it can never match: {by} is tried first and takes everything that it matches"
	}
	return code
}
