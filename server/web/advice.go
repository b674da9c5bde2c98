package web

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// advicePatience is how long a page waits for its advice: the store may be busy with larger questions.
const advicePatience = 2 * time.Second

// advice is what is advised for a listener's pool; nil where nobody gives advice, and for parts of the page without it.
func (d *desks) advice(node mesh.VirtualNode, l mesh.Listener) *page.Advice {
	part := d.c.Query("fragment")
	if d.w.Advise == nil || part != "" && part != "controls" {
		return nil
	}
	out := &page.Advice{Prefix: "advice-" + node.Name + "-" + strconv.Itoa(l.Port) + "-", UseLabel: d.v.L.T("advice.use.label", "node", node.Name)}
	ctx, cancel := context.WithTimeout(d.c.Request.Context(), advicePatience)
	defer cancel()
	given, err := d.w.Advise(ctx, advice.Ask{Mesh: d.v.Mesh, Node: node.Name, Port: l.Port})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		d.w.Logger.WarnContext(ctx, "no advice", "node", node.Name, "err", err)
		out.Nothing = []string{d.v.L.T("advice.away", "why", err.Error())}
		return out
	}
	d.v.advised(out, given)
	d.v.takes(out, given, node, l)
	return out
}

// advised puts an advice into words.
func (v view) advised(out *page.Advice, a advice.Advice) {
	if a.Confidence == advice.TooLittle {
		out.Nothing = notes(v.L, a.Notes)
		if a.Again > 0 {
			out.Nothing = append(out.Nothing, v.L.T("advice.again", "again", v.L.Age(time.Duration(a.Again))))
		}
		return
	}
	out.Lead = v.L.T("advice.lead", "seen", v.L.Age(time.Duration(a.Seen*float64(time.Hour))), "hours", v.L.Number(a.Hours),
		"confidence", v.L.T("advice.confidence."+string(a.Confidence)))
	out.Notes = notes(v.L, a.Notes)
	for _, l := range a.Limits {
		row := page.AdvisedLimit{
			Name: v.L.T("pool." + l.Name), Now: v.limitText(digits(l.Now)), Advised: v.limitText(digits(l.Advised)),
			Range:   v.L.T("advice.range", "least", strconv.Itoa(l.Least), "most", strconv.Itoa(l.Most)),
			Verdict: v.L.T("advice.verdict." + string(l.Verdict)), Why: notes(v.L, l.Why),
		}
		switch {
		case l.Verdict == advice.TooLow && a.Load.Refused >= 0.5:
			row.Level = "high"
		case l.Verdict == advice.TooLow:
			row.Level = "raised"
		}
		out.Limits = append(out.Limits, row)
	}
	for _, r := range a.Replays {
		row := page.ReplayRow{
			Pool: v.L.T("advice.pool." + r.What), Share: v.L.Ratio(r.Share), Counted: "–", Waiting: v.L.Count(int64(r.Waiting + 0.5)),
			Rejected: v.L.T("advice.rejected.of", "n", v.L.Count(int64(r.Rejected+0.5)), "requests", v.L.Count(int64(r.Requests+0.5))),
			Level:    errorsOf(r.Share),
		}
		if r.Counted != nil {
			row.Counted = v.L.Count(int64(*r.Counted + 0.5))
		}
		out.Replays = append(out.Replays, row)
	}
	for _, c := range a.Callers {
		out.Callers = append(out.Callers, page.CallerRow{
			Name: v.name(c.From), Href: v.boxHref(c.From), Proxies: v.L.Number(c.Proxies), Rate: v.L.Rate(c.Rate),
			Latency: v.L.Latency(c.Latency), Mean: v.L.Number(c.Mean), Peak: strconv.Itoa(c.Peak),
		})
	}
	out.Sides = v.L.T("advice.sides", "wanted", v.L.Number(a.Sides.Wanted), "n", v.L.Number(max(a.Load.Instances, 1)),
		"now", inSentence(v.limitText(digits(a.Sides.Now))), "advised", inSentence(v.limitText(digits(a.Sides.Advised))))
}

// errorsOf is how loudly a share of refused requests is said.
func errorsOf(share float64) string {
	switch {
	case share >= 0.05:
		return "high"
	case share >= 0.001:
		return "raised"
	}
	return ""
}

// notes puts the sentences of an advice into words.
func notes(l i18n.Locale, list []advice.Note) []string {
	words := make([]string, 0, len(list))
	for _, n := range list {
		pairs := make([]any, 0, 2*len(n.Values))
		for name, value := range n.Values {
			pairs = append(pairs, name, value)
		}
		words = append(words, l.T("advice.note."+n.Code, pairs...))
	}
	return words
}

// takes fills the form that takes an advice to the ordinary review, and says the same as a command. Limits that there is
// no advice on stay as they are.
func (v view) takes(out *page.Advice, a advice.Advice, node mesh.VirtualNode, l mesh.Listener) {
	out.Settled = !a.Changes()
	advised := make(map[string]string)
	for _, limit := range a.Limits {
		advised[limit.Name] = digits(limit.Advised)
	}
	now := poolOf(node, l.Port)
	words := []string{"weir", "pool", page.ShellWord(node.Name)}
	out.Fields = append(out.Fields, page.Field{Name: "version", Value: strconv.FormatInt(v.current.Versions[node.Ref()], 10)})
	for _, limit := range poolLimits() {
		was := digits(*limit.of(&now))
		value := was
		if n := advised[limit.name]; n != "" {
			value = n
			words = append(words, limit.flag, n)
		}
		out.Fields = append(out.Fields, page.Field{Name: limit.name, Value: value}, page.Field{Name: "was." + limit.name, Value: was})
	}
	if len(node.Listeners) > 1 {
		words = append(words, "--port", strconv.Itoa(l.Port))
	}
	if !out.Settled {
		out.Command = strings.Join(append(words, ending(v.Mesh, "")...), " ")
	}
}
