package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// crowded is a mesh of so many services that each get a request a second more than the one before.
func crowded(services int) *world {
	w := newWorld()
	m, g := mesh.Mesh{Name: "crowd"}, graph.Graph{Mesh: "crowd", At: noon(), Fresh: true, Window: "30s"}
	for i := range services {
		name := fmt.Sprintf("service-%03d", i)
		m.Services = append(m.Services, mesh.VirtualService{Name: name})
		g.Nodes = append(g.Nodes, graph.Node{ID: mesh.ServiceID(name), Kind: graph.KindService, Name: name, Health: mesh.Healthy, RequestRate: float64(i)})
		w.proxies["crowd"] = append(w.proxies["crowd"], provider.Proxy{ID: "proxy-" + name, State: provider.Synced, Revision: int64(i)})
	}
	g.Nodes[7].Health = mesh.Unhealthy
	w.add(m)
	w.graphs["crowd"] = g
	return w
}

func names(doc *goquery.Document, row string) []string {
	return doc.Find("[data-testid=" + row + "] .name").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
}

// TestLongLists asks for parts of lists that are too long for a page.
func TestLongLists(t *testing.T) {
	b := open(t, crowded(120))
	for _, c := range []struct {
		address, row string
		first, last  string
		rows         int
		says         string
	}{
		{"/services?mesh=crowd", "service", "service-007", "service-071", 50, "1–50 of 120"},
		{"/services?mesh=crowd&page=3", "service", "service-020", "service-000", 20, "101–120 of 120"},
		{"/services?mesh=crowd&page=999", "service", "service-020", "service-000", 20, "101–120 of 120"},
		{"/services?mesh=crowd&page=-1&sort=nonsense", "service", "service-007", "service-071", 50, "1–50 of 120"},
		{"/services?mesh=crowd&sort=service", "service", "service-000", "service-049", 50, "1–50 of 120"},
		{"/services?mesh=crowd&sort=-service&page=2", "service", "service-069", "service-020", 50, "51–100 of 120"},
		{"/services?mesh=crowd&sort=rate", "service", "service-119", "service-070", 50, "1–50 of 120"},
		{"/services?mesh=crowd&q=SERVICE-01", "service", "service-019", "service-010", 10, ""},
		{"/proxies?mesh=crowd", "proxy", "proxy-service-000", "proxy-service-049", 50, "1–50 of 120"},
		{"/proxies?mesh=crowd&sort=revision", "proxy", "proxy-service-119", "proxy-service-070", 50, "1–50 of 120"},
		{"/proxies?mesh=crowd&q=-007", "proxy", "proxy-service-007", "proxy-service-007", 1, ""},
	} {
		doc := b.get(c.address, 200)
		rows := names(doc, c.row)
		if len(rows) != c.rows || rows[0] != c.first || rows[len(rows)-1] != c.last {
			t.Errorf("%s shows %d rows: %v", c.address, len(rows), rows)
		}
		if says := doc.Find("[data-testid=pager]").Text(); c.says == "" && says != "" || !strings.Contains(says, c.says) {
			t.Errorf("%s says %q, want %q", c.address, says, c.says)
		}
	}
}

// TestTurning walks through a list by its links, without script, and keeps what it was filtered and sorted by.
func TestTurning(t *testing.T) {
	b := open(t, crowded(120))
	address := "/services?mesh=crowd&q=service&sort=service"
	var seen []string
	for range 3 {
		doc := b.get(address, 200)
		seen = append(seen, names(doc, "service")...)
		address, _ = doc.Find("[data-testid=pager] a[rel=next]").Attr("href")
	}
	if len(seen) != 120 || address != "" {
		t.Fatalf("%d services by three pages, then %q", len(seen), address)
	}
	for i, name := range seen {
		if want := fmt.Sprintf("service-%03d", i); name != want {
			t.Fatalf("row %d is %s, want %s", i, name, want)
		}
	}
	doc := b.get("/services?mesh=crowd&sort=service&page=2", 200)
	head := doc.Find("th[data-sort=service]")
	if state, _ := head.Attr("aria-sort"); state != "ascending" {
		t.Errorf("the head says %q", state)
	}
	turned, _ := head.Find("a").Attr("href")
	if rows := names(b.get(turned, 200), "service"); rows[0] != "service-119" {
		t.Errorf("%s begins with %s", turned, rows[0])
	}
	fragment := b.get("/services?mesh=crowd&fragment=services", 200)
	if next, _ := fragment.Find("a[rel=next]").Attr("href"); strings.Contains(next, "fragment") {
		t.Errorf("a part of the page leads to a part: %s", next)
	}
	if text := b.get("/proxies?mesh=crowd&q=nobody", 200).Find("[data-testid=empty-proxies]").Text(); !strings.Contains(text, "nobody") {
		t.Errorf("a search without a match says %q", text)
	}
}
