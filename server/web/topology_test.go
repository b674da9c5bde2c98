package web_test

import (
	"context"
	"encoding/csv"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
)

// shelf keeps saved views in memory.
type shelf struct {
	list map[string]desk.View
	fail error
}

func (s *shelf) Views(_ context.Context, of string) ([]desk.View, error) {
	var list []desk.View
	for _, name := range slices.Sorted(maps.Keys(s.list)) {
		if v := s.list[name]; v.Mesh == of {
			list = append(list, v)
		}
	}
	return list, s.fail
}

func (s *shelf) SaveView(_ context.Context, v desk.View) error {
	s.list[v.Name] = v
	return s.fail
}

func (s *shelf) DropView(_ context.Context, _, name string) error {
	delete(s.list, name)
	return s.fail
}

func TestProblemPaths(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/topology", http.StatusOK)
	paths := doc.Find(id("path"))
	if paths.Length() != 3 {
		t.Fatalf("%d problems are listed, want 3", paths.Length())
	}
	worst := paths.First()
	way := text(worst.Find(".path-way"))
	if worst.AttrOr("data-health", "") != "unhealthy" || !strings.HasSuffix(way, "→ reviews-v2 → ratings") {
		t.Errorf("the worst problem is %s", way)
	}
	if worst.Find(".causes a.knob[href='/services/ratings/pool#pool']").Length() == 0 {
		t.Error("the full pool does not lead to where it is set")
	}
	if caption := text(doc.Find(id("caption"))); caption != "3 problems, all 10 boxes shown" {
		t.Errorf("the caption is %q", caption)
	}
	doc = b.get(worst.Find("[data-select]").AttrOr("href", ""), http.StatusOK)
	if got := text(doc.Find(id("subject") + " h2").First()); got != "reviews-v2 → ratings" {
		t.Errorf("selected is %q", got)
	}
	if doc.Find(id("path")+"[aria-current=page]").Length() != 1 {
		t.Error("the selected problem is not marked")
	}
	if doc.Find(id("subject")+" .subject-change a[href='/history/chg-038']").Length() != 1 {
		t.Error("the last change that touched ratings is not named")
	}
}

// TestWell says in words that nothing is wrong.
func TestWell(t *testing.T) {
	w := newWorld()
	g := w.graphs["sample_app"]
	for i := range g.Edges {
		g.Edges[i].Health, g.Edges[i].Causes, g.Edges[i].Why = mesh.Healthy, nil, nil
	}
	for i := range g.Nodes {
		g.Nodes[i].Health, g.Nodes[i].Causes, g.Nodes[i].Why = mesh.Healthy, nil, nil
	}
	doc := open(t, w).get("/topology", http.StatusOK)
	if got := text(doc.Find(id("paths") + " h2")); got != "Nothing is wrong" {
		t.Errorf("the list says %q", got)
	}
}

func TestTopologyFocus(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/topology?focus=reviews", http.StatusOK)
	if got := text(doc.Find("h1")); got != "Around reviews" {
		t.Errorf("the page is called %q", got)
	}
	near := doc.Find(id("around") + " .around-column")
	far := b.get("/topology?focus=reviews&hops=3", http.StatusOK).Find(id("around") + " .around-column")
	if near.Length() != 3 || far.Length() <= near.Length() {
		t.Errorf("one hop has %d columns, three have %d", near.Length(), far.Length())
	}
	gone := b.get("/topology?focus=yesterday", http.StatusNotFound)
	if got := text(gone.Find(id("gone"))); !strings.Contains(got, "yesterday") || gone.Find(id("gone")+" a[href='/topology?view=problems']").Length() != 1 {
		t.Errorf("of a box that is gone the page says %q", got)
	}
}

func TestHideList(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/topology?hide=service/ratings&hide=unknown", http.StatusOK)
	if n := doc.Find(id("path")).Length(); n != 1 {
		t.Errorf("%d problems are listed, want the one that is not hidden", n)
	}
	if got := text(doc.Find(id("caption"))); !strings.Contains(got, "2 more problems among what is hidden") {
		t.Errorf("the caption is %q: it does not say what is hidden", got)
	}
	back := doc.Find(id("hidden")+" a").First().AttrOr("href", "")
	if back != "/topology?hide=unknown" {
		t.Errorf("bringing ratings back leads to %s", back)
	}
	all := url.Values{"view": {"whole"}}
	for _, n := range picture().Nodes {
		all.Add("hide", n.ID)
	}
	doc = b.get("/topology?"+all.Encode(), http.StatusOK)
	if got := text(doc.Find(id("caption"))); got != "Everything is hidden. Bring boxes back above." {
		t.Errorf("of nothing the caption is %q", got)
	}
}

func TestGroups(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/topology?view=groups&by=kind", http.StatusOK)
	cell := doc.Find("[data-matrix] td[data-health=unhealthy] a")
	if cell.Length() != 1 || cell.Find("svg").Length() != 1 {
		t.Fatalf("%d cells are failing, want one, with its shape", cell.Length())
	}
	table := b.get(cell.AttrOr("href", ""), http.StatusOK)
	rows := table.Find("table[data-edges] tbody tr")
	if rows.Length() == 0 || rows.Length() >= len(picture().Edges) {
		t.Errorf("the cell leads to %d calls of %d", rows.Length(), len(picture().Edges))
	}
	if !strings.Contains(text(doc.Find(id("matrix"))), "does not mean that A's requests reach C") {
		t.Error("nobody says that sums do not chain")
	}
}

func TestEdgeTable(t *testing.T) {
	b := open(t, many())
	all := b.get("/topology?view=table", http.StatusOK)
	if n := all.Find("table[data-edges] tbody tr").Length(); n != 200 {
		t.Errorf("a page has %d rows", n)
	}
	next := all.Find("a[rel=next]").AttrOr("href", "")
	second := b.get(next, http.StatusOK).Find("table[data-edges] tbody tr")
	if n := second.Length(); n != len(many().graphs["sample_app"].Edges)-200 {
		t.Errorf("the second page has %d rows", n)
	}
	if n := b.get("/topology?view=table&page=99", http.StatusOK).Find("table[data-edges] tbody tr").Length(); n != second.Length() {
		t.Errorf("a page beyond the last has %d rows", n)
	}
	if n := b.get("/topology?view=table&filter=to:service-007", http.StatusOK).Find("table[data-edges] tbody tr").Length(); n != 4 {
		t.Errorf("%d calls lead to service-007", n)
	}
	turned := b.get("/topology?view=table&sort=rate", http.StatusOK).Find("th[data-sort=rate]")
	if turned.AttrOr("aria-sort", "") != "descending" || turned.Find("button").AttrOr("value", "") != "-rate" {
		t.Error("a sorted column does not turn around")
	}
}

// TestCSV is read by a spreadsheet, which takes some names for formulas.
func TestCSV(t *testing.T) {
	w := newWorld()
	g := w.graphs["sample_app"]
	rename := func(name *string) {
		switch *name {
		case "mobile-api":
			*name = "=cmd|' /C calc'!A1"
		case "checkout":
			*name = "a,\"b\"\nc"
		}
	}
	for i := range g.Nodes {
		rename(&g.Nodes[i].ID)
		rename(&g.Nodes[i].Name)
	}
	for i := range g.Edges {
		rename(&g.Edges[i].From)
		rename(&g.Edges[i].To)
	}
	b := open(t, w)
	answer := b.do(http.MethodGet, "/topology/edges.csv?sort=rate", nil)
	if kind := answer.Header().Get("Content-Type"); answer.Code != http.StatusOK || !strings.HasPrefix(kind, "text/csv") {
		t.Fatalf("%d %s", answer.Code, kind)
	}
	if !strings.HasPrefix(answer.Header().Get("Content-Disposition"), "attachment") {
		t.Error("it is not saved but shown")
	}
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || len(rows) != len(g.Edges)+1 {
		t.Fatalf("%d rows of %d: %v", len(rows), len(g.Edges)+1, err)
	}
	seen := map[string]bool{}
	last := ""
	for i, row := range rows {
		seen[row[0]], seen[row[1]] = true, true
		if i > 1 && compareNumbers(t, last, row[5]) < 0 {
			t.Errorf("%s comes before %s", last, row[5])
		}
		last = row[5]
	}
	if !seen["'=cmd|' /C calc'!A1"] || seen["=cmd|' /C calc'!A1"] || !seen["a,\"b\"\nc"] {
		t.Error("a name is a formula, or is not what it was")
	}
	filtered, err := csv.NewReader(b.do(http.MethodGet, "/topology/edges.csv?filter=to:ratings", nil).Body).ReadAll()
	if err != nil || len(filtered) != 3 {
		t.Errorf("%d rows of the filter: %v", len(filtered), err)
	}
}

func compareNumbers(t *testing.T, a, b string) int {
	t.Helper()
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// TestFind is the search without script: it leads to the picture around what it finds.
func TestFindBox(t *testing.T) {
	b := open(t, newWorld())
	for search, want := range map[string]string{
		"RATINGS": "service/ratings", "rat": "service/ratings", "ingress": "gateway/ingress", "reviews-v2": "service/reviews", "views-v1": "service/reviews",
	} {
		answer := b.do(http.MethodGet, "/topology?"+url.Values{"filter": {search}, "go": {"1"}, "hide": {"unknown"}}.Encode(), nil)
		to, err := url.Parse(answer.Header().Get("Location"))
		if err != nil || answer.Code != http.StatusSeeOther || to.Query().Get("focus") != want || to.Query().Get("hide") != "unknown" || to.Query().Has("filter") {
			t.Errorf("%s leads to %s", search, to)
		}
	}
	if got := text(b.get("/topology?filter=nobody&go=1", http.StatusNotFound).Find(id("gone"))); !strings.Contains(got, "nobody") {
		t.Errorf("of what is not found the page says %q", got)
	}
}

func TestLooks(t *testing.T) {
	w := newWorld()
	s := &shelf{list: map[string]desk.View{}}
	w.views = s
	b := open(t, w)
	query := "view=focus&focus=service%2Freviews&hide=unknown&hide=catalog&at=2026-11-22T11%3A53%3A00Z&mesh=other&lang=ko"
	form := url.Values{"name": {"  my   <view> "}, "query": {query}, "do": {"save"}}
	answer := b.do(http.MethodPost, "/topology/views", form)
	if to := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || to != "/topology?focus=service%2Freviews&hide=unknown&hide=catalog&view=focus" {
		t.Fatalf("%d to %s", answer.Code, to)
	}
	want := desk.View{Mesh: "sample_app", Name: "my <view>", Query: "focus=service%2Freviews&hide=unknown&hide=catalog&view=focus", Author: "jiyoung", At: noon()}
	if diff := cmp.Diff(map[string]desk.View{want.Name: want}, s.list); diff != "" {
		t.Error(diff)
	}
	doc := b.get("/topology", http.StatusOK)
	link := doc.Find(id("saved-views") + " li > a")
	if link.AttrOr("href", "") != "/topology?focus=service%2Freviews&view=focus&hide=unknown&hide=catalog" || text(link) != want.Name {
		t.Errorf("the view %q leads to %s", text(link), link.AttrOr("href", ""))
	}
	for _, bad := range []url.Values{
		{"name": {" "}, "query": {query}},
		{"name": {strings.Repeat("한", desk.MaxName+1)}},
		{"name": {"a"}, "query": {"view=%"}},
		{"name": {"a"}, "query": {"filter=" + strings.Repeat("x", desk.MaxQuery)}},
	} {
		b.post("/topology/views", bad, http.StatusUnprocessableEntity)
	}
	form.Set("do", "drop")
	form.Set("name", "my <view>")
	if answer = b.do(http.MethodPost, "/topology/views", form); answer.Code != http.StatusSeeOther || len(s.list) != 0 {
		t.Errorf("%d, and %d views are left", answer.Code, len(s.list))
	}
	// A saved view changes no mesh: whoever may only look saves and drops one too.
	w.grants = "viewer"
	reader := open(t, w)
	for i, do := range []string{"save", "drop"} {
		form.Set("do", do)
		if answer = reader.do(http.MethodPost, "/topology/views", form); answer.Code != http.StatusSeeOther || len(s.list) != 1-i {
			t.Errorf("%s by somebody who may only look: %d, and there are %d views", do, answer.Code, len(s.list))
		}
	}
	reader.post("/config/apply", url.Values{"text": {"kind: node\nname: extra\n"}}, http.StatusForbidden)
	w.grants = ""
	s.fail = errors.New("the disk is full")
	if got := text(b.get("/topology", http.StatusOK).Find(id("saved-views"))); !strings.Contains(got, "cannot be read") {
		t.Errorf("views that cannot be read: %q", got)
	}
	w.views = nil
	b = open(t, w)
	if n := b.get("/topology", http.StatusOK).Find(id("saved-views")).Length(); n != 0 {
		t.Error("views can be saved where nobody keeps them")
	}
	b.post("/topology/views", form, http.StatusServiceUnavailable)
}

func TestWall(t *testing.T) {
	w := worlds()["two"]()
	b := open(t, w)
	doc := b.get("/tv?mesh=sample_app", http.StatusOK)
	if doc.Find("html").AttrOr("data-theme", "") != "dark" || doc.Find("header.top, form, button").Length() != 0 {
		t.Error("a wall is dark and has nothing to click")
	}
	if got := text(doc.Find(id("verdict"))); got != "3 problems" {
		t.Errorf("the verdict is %q", got)
	}
	if n := doc.Find(id("paths") + " > li").Length(); n != 3 {
		t.Errorf("%d problems are shown", n)
	}
	if again := doc.Find("noscript").Text(); !strings.Contains(again, `http-equiv="refresh"`) {
		t.Error("without script it stands still")
	}
	turn := b.get("/tv?mesh=sample_app&rotate=15", http.StatusOK).Find("weir-tv")
	if turn.AttrOr("next", "") != "/tv?mesh=billing&rotate=15" || turn.AttrOr("rotate", "") != "15" {
		t.Errorf("after sample_app comes %s", turn.AttrOr("next", ""))
	}
	b.get("/tv?mesh=nowhere", http.StatusNotFound)
	if got := b.get("/tv?fragment=wall&mesh=sample_app", http.StatusOK).Find("[data-wall]").Length(); got != 1 {
		t.Errorf("%d walls to renew", got)
	}
	for _, lang := range []string{"en", "ko"} {
		got := outline(b.in(lang).get("/tv?mesh=sample_app", http.StatusOK))
		file := filepath.Join("testdata", "tv."+lang+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
	}
}

// TestTopologyFragments are what the island fetches: toolbar and parts in one answer, and what it cannot know of a selection.
func TestTopologyFragments(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/topology?fragment=head,parts", http.StatusOK)
	if doc.Find(".page-head[data-title]").Length() != 1 || doc.Find("[data-parts][data-view=problems]").Length() != 1 || doc.Find("weir-graph").Length() != 0 {
		t.Error("the fragments are not the toolbar and the parts")
	}
	more := b.get("/topology?fragment=about&select=service/reviews", http.StatusOK).Find("[data-subject-more]")
	_, split := more.Attr("data-split")
	if more.AttrOr("data-governs", "") != "reviews" || !split {
		t.Errorf("reviews is governed by %q, and split %v", more.AttrOr("data-governs", ""), split)
	}
	plain := b.get("/topology?fragment=about&"+url.Values{"select": {"checkout payments"}}.Encode(), http.StatusOK).Find("[data-subject-more]")
	if _, split := plain.Attr("data-split"); plain.AttrOr("data-governs", "") != "payments" || split {
		t.Error("payments is governed by another service, or split")
	}
	if b.get("/topology?select=nobody", http.StatusOK).Find(id("subject")).Length() != 0 {
		t.Error("nobody is somebody")
	}
}
