package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// listed are the ids of the entries that a page of the ledger shows.
func listed(doc *goquery.Document) string {
	var ids []string
	doc.Find("[data-testid=history] [data-testid=change]").Each(func(_ int, s *goquery.Selection) {
		ids = append(ids, strings.TrimPrefix(s.AttrOr("data-key", ""), "chg-"))
	})
	return strings.Join(ids, " ")
}

func TestLedgerSearch(t *testing.T) {
	b := open(t, newWorld())
	for query, want := range map[string]string{
		"":                               "041 040 039 038 037 036",
		"who=MIN":                        "040 037",
		"q=peak":                         "038",
		"q=reviews-v2+5":                 "041",
		"object=route/reviews/primary":   "041 040 039",
		"object=ratings":                 "038 037 036",
		"object=ratings&who=min":         "037",
		"state=pending":                  "041",
		"from=2026-11-22T00:00":          "041 040 039",
		"to=2026-11-21T10:30":            "038 037 036",
		"from=2026-11-21T00:00&q=second": "041",
		"q=nobody+wrote+this":            "",
	} {
		doc := b.get("/history?"+query, http.StatusOK)
		if got := listed(doc); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		if want == "" && doc.Find("[data-testid=history-nothing]").Length() != 1 {
			t.Errorf("%s: nothing is found, and nothing says so", query)
		}
		if src := doc.Find("main weir-refresh").AttrOr("src", ""); query != "" && !strings.Contains(src, "fragment=history") {
			t.Errorf("%s: the list does not follow: %s", query, src)
		}
	}
	for _, query := range []string{"state=lost", "from=soon", "from=2026-11-22T00:00&to=2026-11-21T00:00"} {
		doc := b.get("/history?"+query, http.StatusUnprocessableEntity)
		if doc.Find("[data-testid=history-problem]").Length() != 1 {
			t.Errorf("%s: nothing says what is wrong", query)
		}
	}
}

func TestLedgerActs(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/history", http.StatusOK)
	pending, kept := doc.Find("[data-key=chg-041]"), doc.Find("[data-key=chg-038]")
	if pending.Find("button[value=confirm]").Length() != 1 || pending.Find("button[value=revert]").Length() != 1 || pending.Find("time.deadline").Length() != 1 {
		t.Error("what waits cannot be kept or reverted")
	}
	if kept.Find("button[value=undo]").Length() != 1 || kept.Find("a[href^='/compare']").Length() != 1 || kept.Find("a[href^='/topology?at=']").Length() != 1 {
		t.Error("what was kept cannot be undone or looked at")
	}
	if doc.Find("[data-key=chg-037] button").Length() != 0 {
		t.Error("what was undone can be undone again")
	}
	if answer := b.do(http.MethodPost, kept.Find("form").AttrOr("action", ""), url.Values{"do": {"undo"}}); answer.Code != http.StatusSeeOther {
		t.Errorf("undo answers %d", answer.Code)
	}
}

func TestOverviewSaysWhatHowAndSinceWhen(t *testing.T) {
	doc := open(t, newWorld()).get("/", http.StatusOK)
	worst := doc.Find("[data-testid=problem]").First()
	for what, want := range map[string]string{
		"[data-testid=since]": "since 11:52:00 UTC", "[data-testid=impact]": "1.2/s fail", ".causes": "connection pool is full", ".causes a.knob": "", ".problem-picture": "",
	} {
		if got := text(worst.Find(what)); worst.Find(what).Length() == 0 || !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", what, got, want)
		}
	}
	if href := worst.Find(".problem-picture").AttrOr("href", ""); href != "/topology?select=reviews-v2+ratings&view=problems" {
		t.Errorf("the picture is at %s", href)
	}
	if got := text(doc.Find("[data-testid=suspect]")); !strings.Contains(got, "match ~ )") {
		t.Errorf("what was changed shortly before is %q", got)
	}
	plots := doc.Find("[data-testid=trend] weir-plot")
	if plots.Find("[data-mark]").Length() != 2 || plots.Find("details table tbody tr").Length() == 0 || plots.Find("path.plot-line[d]").Length() == 0 {
		t.Error("the errors are not plotted with the changes")
	}
}

func TestServiceEvents(t *testing.T) {
	w := newWorld()
	w.told = nil
	doc := open(t, w).get("/services/reviews/events", http.StatusOK)
	kinds := ""
	doc.Find("[data-testid=event]").Each(func(_ int, s *goquery.Selection) { kinds += s.AttrOr("data-kind", "") + " " })
	if kinds != "change turn turn change turn " {
		t.Errorf("the events are %s", kinds)
	}
	w.past = nil
	if doc = open(t, w).get("/services/reviews/events?span=1h", http.StatusOK); doc.Find("[data-testid=events-off]").Length() != 1 || doc.Find("[data-kind=turn]").Length() != 0 {
		t.Error("nothing says that there is no history")
	}
}

func TestChangePlots(t *testing.T) {
	doc := open(t, newWorld()).get("/history/chg-041", http.StatusOK)
	share := doc.Find("[data-figure]").First()
	if share.AttrOr("data-title", "") != "Share of the traffic" || share.Find("[data-goal='0.25']").Length() != 1 || share.Find("path.plot-goal").Length() != 2 {
		t.Error("the share does not approach what is configured")
	}
	if doc.Find("[data-figure]").Length() != 4 || doc.Find("weir-plot[live]").Length() != 1 || doc.Find("weir-plot").AttrOr("span", "-") != "" {
		t.Error("the plots of a young change do not grow")
	}
	if doc = open(t, newWorld()).get("/history/chg-038", http.StatusOK); doc.Find("weir-plot[live]").Length() != 0 || doc.Find("[data-testid=plot-problem]:not([hidden])").Length() != 1 {
		t.Error("a change of which nothing is remembered does not say so")
	}
}
