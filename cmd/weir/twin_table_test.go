package main

import (
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/web"
)

// twinRow is what one form of the console does, and what does the same without it: an operation of the API and a command.
type twinRow struct {
	post, does string // the address, without its "/apply"; which of its forms or buttons, where it takes several
	rest, cli  string
	// why says of what changes nothing that is in force why nobody needs it elsewhere, and of what a mesh without traffic
	// does not show where it is tried.
	why, elsewhere string
}

// twinTable is everything that the console's forms do. A form that is added has to be added here, with its twins.
func twinTable() []twinRow {
	list := []twinRow{
		{post: "/services/:name/traffic", does: "weights", rest: "put-weights put-split-weights", cli: "weir weights"},
		{post: "/services/:name/traffic", does: "timeout", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "retry", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "match", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "targets", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "share", rest: "apply-to-mesh", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "leave", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "add", rest: "put-route", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "order", rest: "apply-to-mesh", cli: "weir apply"},
		{post: "/services/:name/traffic", does: "delete", rest: "delete-route", cli: "weir delete"},
		{post: "/services/:name/pool", does: "pool", rest: "put-connection-pool", cli: "weir pool"},
		{post: "/services/:name/pool", does: "advice", rest: "put-connection-pool", cli: "weir pool", elsewhere: "server/web: TestAdvice, which needs recorded load; it sends the fields of the pool's form"},
		{post: "/services/:name/pool", does: "outlier", rest: "put-node", cli: "weir apply"},
		{post: "/services/:name/pool", does: "listener", rest: "put-node", cli: "weir apply"},
		{post: "/services/:name/health", rest: "put-service put-route", cli: "weir apply"},
		{post: "/settings", rest: "put-mesh", cli: "weir apply"},
		{post: "/settings/approval", rest: "put-mesh", cli: "weir apply"},
		{post: "/proposals/:id", rest: "approve-proposal decline-proposal withdraw-proposal", cli: "weir approve", elsewhere: "server/web: TestProposalPages, between two people"},
		{post: "/config/new", rest: "apply-to-mesh", cli: "weir apply"},
		{post: "/config/apply", rest: "apply", cli: "weir apply"},
		{post: "/history/:id", does: "confirm", rest: "confirm-change", cli: "weir changes confirm"},
		{post: "/history/:id", does: "extend", rest: "extend-change", cli: "weir changes extend"},
		{post: "/history/:id", does: "revert", rest: "revert-change", cli: "weir changes revert"},
		{post: "/history/:id", does: "undo", rest: "undo-change", cli: "weir changes undo"},
		{post: "/history/:id/undo", rest: "get-undo undo-change", cli: "weir changes undo"},
		{post: "/canaries/new", rest: "start-canary", cli: "weir canary start"},
		{post: "/topology/views", does: "save", why: "a way of looking, which moves no traffic"},
		{post: "/topology/views", does: "drop", why: "a way of looking, which moves no traffic"},
	}
	const closed = "server/web: TestSignIn, TestSetup, TestAccount and TestPeople, on a Weir with sign-in"
	for post, why := range map[string]string{
		"/signin": "programs show a token", "/signout": "a token is revoked", "/setup/:secret": "who sets Weir up has a browser; --admin-password-file does without",
		"/invite/:secret": "a password is chosen by its person alone", "/account/password": "a password is chosen by its person alone",
		"/account/sessions": "sessions are browsers'",
	} {
		list = append(list, twinRow{post: post, why: why, elsewhere: closed})
	}
	list = append(list,
		twinRow{post: "/account/tokens", rest: "list-tokens mint-token revoke-token", cli: "weir token", elsewhere: closed},
		twinRow{post: "/people", rest: "list-people add-person", cli: "weir user add", elsewhere: closed},
		twinRow{post: "/people/:id", rest: "grant-person invite-person disable-person enable-person remove-person", cli: "weir user", elsewhere: closed})
	for _, verb := range []string{"pause", "resume", "promote", "abort", "retry"} {
		list = append(list, twinRow{post: "/canaries/:id", does: verb, rest: verb + "-canary", cli: "weir canary " + verb})
	}
	for kind, at := range map[string]string{
		"mesh": ":name", "node": ":name", "service": ":name", "router": ":name", "split": ":name", "gateway": ":name",
		"route": ":parent/:name", "gateway-route": ":parent/:name",
	} {
		object := "/config/" + kind + "/" + at
		list = append(list,
			twinRow{post: object + "/edit", rest: "put-" + kind, cli: "weir apply"},
			twinRow{post: object + "/delete", rest: "delete-" + kind, cli: "weir delete"})
	}
	return list
}

// isDraft says whether an address keeps what somebody began and did not send, which is in force nowhere.
func isDraft(post string) bool { return strings.HasSuffix(post, "/draft") }

// sends is a form that a page shows, by the route that it goes to and what it does there.
type sends struct{ post, does string }

// TestEveryFormHasTwins walks through the whole console: every form on any page, and every address that takes one, is in the
// table, its operation is in the description of the API, and its command is in the program.
func TestEveryFormHasTwins(t *testing.T) {
	routes := consoleRoutes(t)
	described, err := os.ReadFile("../../server/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	program := (&app{}).root()
	known := make(map[sends]twinRow)
	for _, row := range twinTable() {
		known[sends{row.post, row.does}] = row
		if !slices.Contains(routes[http.MethodPost], row.post) {
			t.Errorf("the table has %s, which takes no form", row.post)
		}
		if (row.why == "") == (row.rest == "" || row.cli == "") {
			t.Errorf("%s %s: either it has twins or it needs none: %+v", row.post, row.does, row)
		}
		for _, operation := range strings.Fields(row.rest) {
			if !regexp.MustCompile(`(?m)^\s*operationId: ` + operation + `$`).Match(described) {
				t.Errorf("%s %s: the API has no operation %s", row.post, row.does, operation)
			}
		}
		if words := strings.Fields(row.cli); len(words) > 0 {
			if found, _, err := program.Find(words[1:]); err != nil || found.CommandPath() != row.cli {
				t.Errorf("%s %s: there is no command %q", row.post, row.does, row.cli)
			}
		}
	}
	for _, post := range routes[http.MethodPost] {
		if isDraft(post) {
			continue
		}
		bare := withoutApply(post, routes[http.MethodPost])
		if !slices.ContainsFunc(twinTable(), func(row twinRow) bool { return row.post == bare }) {
			t.Errorf("POST %s is new: name what does the same as a request and as a command in twinTable", post)
		}
	}
	shown := walk(openConsole(t), routes)
	for form, page := range shown {
		if _, ok := known[form]; !ok && !isDraft(form.post) {
			t.Errorf("%s has a form that does %q at %s: name its twins in twinTable", page, form.does, form.post)
		}
	}
	for form, row := range known {
		if _, ok := shown[form]; !ok && row.elsewhere == "" {
			t.Errorf("no page has a form that does %q at %s: take it out of twinTable", form.does, form.post)
		}
	}
}

// consoleRoutes are the console's addresses by method, as it mounts them.
func consoleRoutes(t *testing.T) map[string][]string {
	t.Helper()
	gin.SetMode(gin.TestMode)
	w, err := web.New(web.Options{Admission: &web.Admission{}})
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	w.Mount(engine)
	routes := make(map[string][]string)
	for _, r := range engine.Routes() {
		routes[r.Method] = append(routes[r.Method], r.Path)
	}
	return routes
}

// withoutApply gives the address of the review that an address of applying belongs to.
func withoutApply(post string, all []string) string {
	if bare, ok := strings.CutSuffix(post, "/apply"); ok && slices.Contains(all, bare) {
		return bare
	}
	return post
}

// routeOf finds the route of an address: the one with the fewest places that take anything.
func routeOf(path string, routes []string) (best string) {
	parts := strings.Split(path, "/")
	for _, route := range routes {
		pattern := strings.Split(route, "/")
		if len(pattern) != len(parts) || best != "" && strings.Count(best, ":") <= strings.Count(route, ":") {
			continue
		}
		if !slices.ContainsFunc(pattern, func(p string) bool { return strings.HasPrefix(p, "*") }) && fits(pattern, parts) {
			best = route
		}
	}
	return best
}

func fits(pattern, parts []string) bool {
	for i, p := range pattern {
		if p != parts[i] && !strings.HasPrefix(p, ":") {
			return false
		}
	}
	return true
}

// walk follows the links of a console in which there is one of everything, and gives the forms of its pages.
func walk(s console, routes map[string][]string) map[sends]string {
	s.Helper()
	s.shell("weir apply -f - <<'END'\n" + twinMesh +
		"  - {router: reviews, name: held, protocol: http, priority: 7, match: {prefix: /held}, targets: [{node: reviews-v1, weight: 1}, {node: reviews-v2, weight: 1}]}\n" +
		"  - {router: reviews, name: follower, protocol: http, priority: 8, match: {prefix: /follower}, split: halves}\n" +
		"gateways: [{name: edge, listeners: [{port: 8080, protocol: http}]}]\n" +
		"gatewayRoutes: [{gateway: edge, name: all, protocol: http, match: {prefix: /}, target: {service: reviews}}]\n" +
		"splits: [{name: halves, targets: [{node: reviews-v1, weight: 1}, {node: reviews-v2, weight: 1}]}]\nEND")
	s.ask("/api/v1/meshes/shop/canaries", `{"target":{"kind":"route","name":"reviews/held"},"stable":"reviews-v1","canary":"reviews-v2","steps":[{"pause":{}},{"setWeight":60}]}`)
	first := s.pending()
	s.ask("/api/v1/changes/"+first.ID+"/confirm", "{}")
	s.weigh("50", "50") // so that there is something to choose from in taking the first one back
	s.pending()
	shown, seen := make(map[sends]string), make(map[string]int)
	s.page(http.MethodPost, "/topology/views", url.Values{"name": {"mine"}, "query": {"view=focus"}, "do": {"save"}})
	todo := []string{"/", "/services/reviews/traffic?route=primary", "/services/reviews/traffic?route=follower", "/history/" + first.ID + "/undo", "/canaries/new?target=reviews/primary"}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		page := s.page(http.MethodGet, at, nil)
		formsOf(page, at, routes[http.MethodPost], shown)
		page.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
			to, err := url.Parse(a.AttrOr("href", ""))
			if err != nil || to.Host != "" || !strings.HasPrefix(to.Path, "/") {
				return
			}
			route := routeOf(to.EscapedPath(), routes[http.MethodGet])
			like := route + strings.Join(slices.Sorted(maps.Keys(to.Query())), "&")
			if route == "" || strings.HasSuffix(route, ".csv") || strings.HasSuffix(route, ".yaml") || seen[to.Path] > 0 || seen[like] > 3 {
				return
			}
			seen[to.Path]++
			seen[like]++
			todo = append(todo, to.RequestURI())
		})
	}
	s.Logf("%d pages", len(seen))
	return shown
}

// formsOf adds what a page's forms send.
func formsOf(page *goquery.Document, at string, routes []string, into map[sends]string) {
	page.Find("form").Each(func(_ int, form *goquery.Selection) {
		if !strings.EqualFold(form.AttrOr("method", ""), "post") {
			return
		}
		to, _ := url.Parse(form.AttrOr("action", ""))
		post := withoutApply(routeOf(to.EscapedPath(), routes), routes)
		does := []string{""}
		switch {
		case form.AttrOr("data-testid", "") == "advice-form":
			does = []string{"advice"}
		case form.AttrOr("data-testid", "") == "weights-form":
			does = []string{"weights"}
		case post == "/services/:name/traffic" || post == "/services/:name/pool":
			does[0] = form.Find(`input[type="hidden"][name="form"]`).AttrOr("value", "")
		case post == "/history/:id" || post == "/canaries/:id" || post == "/topology/views":
			does = form.Find(`[name="do"]`).Map(func(_ int, each *goquery.Selection) string { return each.AttrOr("value", "") })
		}
		for _, each := range does {
			into[sends{post, each}] = at
		}
	})
}
