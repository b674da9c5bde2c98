package web_test

import (
	"flag"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pages are the addresses that every world answers with 200, except where it has nothing to show.
func pages() map[string]string {
	return map[string]string{
		"overview": "/", "topology": "/topology", "topology_focus": "/topology?view=focus&focus=reviews&hops=1", "topology_table": "/topology?view=table&sort=rate",
		"topology_groups": "/topology?view=groups&by=kind", "topology_hidden": "/topology?hide=service/ratings&hide=unknown", "topology_whole": "/topology?view=whole",
		"topology_selected": "/topology?select=reviews-v2+ratings", "topology_far": "/topology?focus=reviews&hops=3", "topology_gone": "/topology?focus=yesterday",
		"services": "/services", "services_filter": "/services?q=rat", "service": "/services/reviews", "service_traffic": "/services/reviews/traffic?route=beta",
		"service_pool": "/services/ratings/pool", "proxies": "/proxies", "proxy": "/proxies/checkout-1", "proxy_refused": "/proxies/refused-1",
		"events": "/events", "events_rollout": "/events?kind=rollout", "events_nothing": "/events?kind=proxy&subject=nobody",
		"history": "/history", "change_pending": "/history/chg-041", "change_refused": "/history/chg-040", "change_contradicted": "/history/chg-039",
		"undo_fields":    "/history/chg-039/undo",
		"service_events": "/services/reviews/events", "history_search": "/history?who=min&q=match", "overview_zoom": "/?from=2026-11-22T11:50:00Z&to=2026-11-22T11:55:00Z",
		"service_health": "/services/reviews/health", "settings": "/settings", "sources": "/sources", "sources_down": "/sources?state=down",
		"topology_past": "/topology?at=2026-11-22T11:53:00Z", "topology_past_table": "/topology?at=2026-11-22T11:53:00Z&span=1h&view=table",
		"topology_before": "/topology?at=2026-11-21T09:00", "compare": "/compare?from=2026-11-22T11:56:00Z&to=2026-11-22T11:53:00Z", "compare_ask": "/compare",
		"compare_same": "/compare?from=2026-11-22T11:56:30Z&to=2026-11-22T11:57:00Z",
		"config":       "/config", "config_drift": "/config?view=drift", "config_object": "/config/route/reviews/primary", "config_edit": "/config/route/reviews/primary/edit",
		"config_new": "/config/new?kind=node", "service_proxies": "/services/reviews/proxies", "service_config": "/services/reviews/config",
		"proxy_listener": "/proxies/checkout-1?tab=listener", "proxy_cluster": "/proxies/storefront-1?tab=cluster&q=0001", "proxy_route": "/proxies/cart-1?tab=route",
		"proxy_endpoint": "/proxies/cart-1?tab=endpoint", "proxy_certificates": "/proxies/cart-1?tab=certificates", "proxy_stats": "/proxies/cart-1?stats=rq",
		"proxy_resource": "/proxies/checkout-1?tab=listener&resource=lds_egress_0.0.0.0_15001",
		"canaries":       "/canaries", "canary_aborted": "/canaries/35a0000004", "canary_succeeded": "/canaries/35a0000005", "canary_new": "/canaries/new",
		"canary_new_form": "/canaries/new?target=reviews/primary", "canary_new_single": "/canaries/new?target=reviews/beta", "canary_active": "/canaries/35b0000000",
		"canary_monstrous": "/canaries/35b0000001",
		"missing":          "/nothing/here", "go": "/go", "go_weight": "/go?q=reviews-v2+40", "go_nothing": "/go?q=nothing-of-that-name",
	}
}

// TestGolden holds the words of every page in both languages; go test -update ./server/web writes them anew.
func TestGolden(t *testing.T) {
	b := open(t, newWorld())
	for name, address := range pages() {
		for _, lang := range []string{"en", "ko"} {
			t.Run(name+"."+lang, func(t *testing.T) {
				answer := b.in(lang).do(http.MethodGet, address, nil)
				doc, err := goquery.NewDocumentFromReader(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", name+"."+lang+".txt")
				got := outline(doc)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
					t.Errorf("the page says something else (go test -update ./server/web, then read the difference):\n%s", diff)
				}
			})
		}
	}
}

// outline is what a page says, a line per block, with the names of its parts and fields.
func outline(doc *goquery.Document) string {
	var b strings.Builder
	b.WriteString("title: " + text(doc.Find("head > title")) + "\n")
	doc.Find(".plot-table tbody").Remove() // the same numbers again
	doc.Find("main").Find("h1, h2, h3, p, tr, li, dt, dd, legend, label, button, summary, pre, input:not([type=hidden]), a.button, .meter, .bar").Each(func(_ int, s *goquery.Selection) {
		words := text(s)
		switch goquery.NodeName(s) {
		case "input":
			words = s.AttrOr("name", "") + "=" + s.AttrOr("value", "")
		case "svg":
			words = s.AttrOr("aria-label", "") + ": " + words
		}
		if words != "" {
			b.WriteString(goquery.NodeName(s) + ": " + words + "\n")
		}
	})
	return b.String()
}

// TestEveryPage looks at every page of every world for what holds on all of them.
func TestEveryPage(t *testing.T) {
	for name, make := range worlds() {
		b := open(t, make())
		for _, lang := range []string{"en", "ko"} {
			t.Run(name+"."+lang, func(t *testing.T) {
				b.in(lang)
				for _, address := range pages() {
					answer := b.do(http.MethodGet, address, nil)
					if to := answer.Header().Get("Location"); to != "" {
						answer = b.do(http.MethodGet, to, nil)
					}
					failed := name == "errors" && answer.Code == http.StatusInternalServerError ||
						name == "cutoff" && answer.Code == http.StatusServiceUnavailable // the database is away
					if answer.Code != http.StatusOK && answer.Code != http.StatusNotFound && !failed {
						t.Errorf("%s answers %d: %.300s", address, answer.Code, answer.Body)
						continue
					}
					raw := answer.Body.String()
					doc, err := goquery.NewDocumentFromReader(strings.NewReader(raw))
					if err != nil {
						t.Fatal(err)
					}
					for _, complaint := range complaints(doc, raw, lang) {
						t.Errorf("%s: %s", address, complaint)
					}
				}
			})
		}
	}
}

var placeholder = regexp.MustCompile(`\{[a-z0-9]+\}`)

// complaints lists what is wrong with a page on any of its data.
func complaints(doc *goquery.Document, raw, lang string) []string {
	var list []string
	need := func(ok bool, what string) {
		if !ok {
			list = append(list, what)
		}
	}
	need(doc.Find("html").AttrOr("lang", "") == lang, "the language of the document is not "+lang)
	need(doc.Find("h1").Length() == 1, "there is not one h1")
	need(doc.Find("main#main").Length() == 1 && doc.Find("a.skip[href='#main']").Length() == 1, "no way to skip to the content")
	need(doc.Find("header nav.sections[aria-label] a[href='/topology'], header nav.sections[aria-label] a[href^='/topology?']").Length() == 1, "no navigation")
	need(doc.Find("[data-live-age]").Length() == 1 && doc.Find("[data-live-banner]").Length() == 1 && doc.Find("weir-live[src][data-text-age]").Length() == 1, "no freshness")
	need(doc.Find("[style], style, script:not([src])").Length() == 0, "inline style or script, which the policy forbids")
	need(!strings.Contains(raw, "<img"), "markup from data got through")
	need(!strings.Contains(raw, "⟦"), "a text is missing: "+regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(raw))
	if got := placeholder.FindString(text(doc.Find("main"))); got != "" && !strings.Contains(got, "{{") {
		need(strings.Contains(text(doc.Find("main pre")), got), "an unfilled placeholder is shown: "+got)
	}
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		need(!ids[id], "the id "+id+" is there twice")
		ids[id] = true
	})
	for _, attr := range []string{"for", "aria-labelledby", "aria-describedby"} {
		doc.Find("[" + attr + "]").Each(func(_ int, s *goquery.Selection) {
			need(ids[s.AttrOr(attr, "")], attr+" leads nowhere: "+s.AttrOr(attr, ""))
		})
	}
	labels := map[string]bool{}
	doc.Find("label[for]").Each(func(_ int, l *goquery.Selection) { labels[l.AttrOr("for", "")] = true })
	doc.Find("input:not([type=hidden]), select").Each(func(_ int, s *goquery.Selection) {
		labelled := s.AttrOr("aria-label", "") != "" || s.ParentsFiltered("label").Length() > 0 || labels[s.AttrOr("id", "-")]
		need(labelled, "the field "+s.AttrOr("name", "")+" has no label")
	})
	doc.Find("svg[role=img]").Each(func(_ int, s *goquery.Selection) { need(s.AttrOr("aria-label", "") != "", "a picture without words") })
	doc.Find("template").Remove() // a row without data, for the island to fill
	doc.Find("a").Each(func(_ int, s *goquery.Selection) {
		address, err := url.Parse(s.AttrOr("href", ""))
		need(err == nil && s.AttrOr("href", "") != "" && !strings.HasPrefix(address.Path, "about:"), "a link leads nowhere: "+text(s))
		need(text(s) != "" || s.AttrOr("aria-label", "") != "", "a link without words to "+s.AttrOr("href", ""))
	})
	doc.Find("form[method=post]").Each(func(_ int, s *goquery.Selection) {
		need(s.Find("button[type=submit]").Length() > 0, "a form that cannot be sent")
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// TestLinks follows every link of every page of the sample within the console.
func TestLinks(t *testing.T) {
	w := worlds()["two"]()
	w.past = nil // every moment leads to every other
	b := open(t, w)
	seen, alike := map[string]bool{"/": true}, map[string]int{}
	queue := []string{"/"}
	for len(queue) > 0 {
		address := queue[0]
		queue = queue[1:]
		doc := b.get(address, http.StatusOK)
		doc.Find("a[href]:not(.switch a), weir-refresh[src], weir-change[src]").Each(func(_ int, s *goquery.Selection) {
			to, _, _ := strings.Cut(s.AttrOr("href", s.AttrOr("src", "")), "#")
			if to == "" || seen[to] {
				return
			}
			seen[to] = true
			if kind := kindOf(to); alike[kind] < 12 { // of thousands of links that differ in a value only, some
				alike[kind]++
				queue = append(queue, to)
			}
		})
	}
	if len(seen) < 60 {
		t.Errorf("only %d addresses were found", len(seen))
	}
}

// kindOf is an address without the values of its query.
func kindOf(address string) string {
	path, query, _ := strings.Cut(address, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return address
	}
	return path + "?" + strings.Join(slices.Sorted(maps.Keys(values)), "&")
}
