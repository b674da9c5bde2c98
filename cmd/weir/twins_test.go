package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/change"
)

// twinForm is a form of the console: where it is, and what somebody changes in it.
type twinForm struct {
	at, form string
	typed    url.Values
	press    string // a button of the form that is pressed before it is reviewed
	stays    bool   // those that come after it need what it makes
}

func twinForms() []twinForm {
	const traffic, pool = "/services/reviews/traffic", "/services/ratings/pool"
	one := func(pairs ...string) url.Values {
		v := make(url.Values)
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	return []twinForm{
		{at: traffic, form: "weights-form", typed: one("weight.reviews-v1", "40", "weight.reviews-v2", "60")},
		{at: traffic, form: "timeout-form", typed: one("perRequest", "3s", "idle", "0")},
		{at: traffic, form: "retry-form", typed: one("on", "1", "maxRetries", "4", "perRetryTimeout", "500ms", "httpRetryEvents", "server-error")},
		{at: traffic, form: "match-form", typed: one("how", "regex", "path", `/it's "a"\..*$HOME`)},
		{at: traffic, form: "targets-form", typed: one("target.1.weight", "7")},
		{at: traffic, form: "order-form", press: "down:order:0"},
		{at: traffic, form: "add-form", typed: one("name", "gamma", "path", "/gamma", "target", "reviews-v1")},
		{at: traffic + "?route=beta", form: "delete-form"},
		{at: "/config/route/reviews/beta", form: "delete-object"},
		{at: "/config/node/spare", form: "delete-object"},
		{at: pool, form: "pool-form", typed: one("maxConnections", "44", "maxPendingRequests", "")},
		{at: pool, form: "outlier-form", typed: one("on", "1", "maxServerErrors", "7")},
		{at: pool, form: "listener-form", typed: one("idle", "1m")},
		{at: "/services/reviews/health", form: "limits-form", typed: one("degradedErrors", "2", "unhealthyErrors", "9")},
		{at: "/config/node/ratings/edit", form: "definition-form", typed: one("text",
			"kind: node\nmesh: shop\nname: ratings\nlisteners: [{port: 8080, protocol: http, connectionPool: {maxConnections: 90}}]\nserviceDiscovery: {registration: {}}\n")},
		{at: "/settings", form: "limits-form", typed: one("degradedErrors", "3", "minRequests", "50")},
		{at: "/config/mesh/shop/edit", form: "definition-form", typed: one("text", "kind: mesh\nname: shop\nguard: {largestStep: 20, protected: false}\n")},
		{at: "/config/apply", form: "definition-form", typed: one("text",
			"mesh: shop\nnodes: [{name: other, listeners: [{port: 8080, protocol: http}], serviceDiscovery: {registration: {}}}, {name: another}]\nservices: [{name: other, node: other}]\n")},
		{at: "/config/new?kind=split", form: "definition-form", stays: true, typed: one("text",
			"kind: split\nmesh: shop\nname: both\ntargets: [{node: reviews-v1, weight: 3}, {node: reviews-v2, weight: 1}]\n")},
		{at: "/config/route/reviews/primary/edit", form: "definition-form", stays: true, typed: one("text",
			"kind: route\nmesh: shop\nrouter: reviews\nname: primary\nprotocol: http\npriority: 10\nmatch: {prefix: /}\nsplit: both\n")},
		{at: traffic + "?route=primary", form: "leave-form"},
		{at: traffic + "?route=primary", form: "weights-form", typed: one("weight.reviews-v1", "30", "weight.reviews-v2", "70")},
		{at: "/config/route/reviews/primary/edit", form: "definition-form", stays: true, typed: one("text",
			"kind: route\nmesh: shop\nrouter: reviews\nname: primary\nprotocol: http\npriority: 10\nmatch: {prefix: /}\ntargets: [{node: reviews-v1, weight: 1}]\n")},
		{at: "/config/split/both", form: "delete-object"},
		{at: traffic + "?route=primary", form: "share-form", typed: one("name", "pair")},
	}
}

const twinMesh = `mesh: shop
nodes:
  - {name: reviews-v1, listeners: [{port: 8080, protocol: http}], serviceDiscovery: {registration: {}}, backends: [{service: ratings}]}
  - {name: reviews-v2, listeners: [{port: 8080, protocol: http}], serviceDiscovery: {registration: {}}}
  - name: ratings
    listeners: [{port: 8080, protocol: http, connectionPool: {maxConnections: 100, maxPendingRequests: 50}}]
    serviceDiscovery: {registration: {}}
  - {name: spare}
services: [{name: reviews, router: reviews}, {name: ratings, node: ratings}]
routers: [{name: reviews, listeners: [{port: 8080, protocol: http}]}]
routes:
  - router: reviews
    name: primary
    protocol: http
    priority: 10
    match: {prefix: /}
    targets: [{node: reviews-v1, weight: 75}, {node: reviews-v2, weight: 25}]
    timeout: {perRequest: 5s}
  - {router: reviews, name: beta, protocol: http, priority: 5, match: {prefix: /beta}, targets: [{node: reviews-v2, weight: 1}]}
`

// TestTwins reviews every form, and gives its twins to a shell as they stand on the page: the command, the request and the
// page have to mean the same change, and to leave the same entry in the ledger.
func TestTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "END")
	for _, f := range twinForms() {
		t.Run(f.form, func(t *testing.T) {
			s := s.in(t)
			review := s.review(f)
			wanted := plain(strings.Join(review.Find(`[data-testid="diff"] [data-line]`).Map(func(_ int, line *goquery.Selection) string {
				return line.Text()
			}), "\n"))
			if wanted == "" {
				t.Fatalf("the review changes nothing: %.2000s", review.Text())
			}
			cli := twin(review, "cli")
			if cli == "" {
				t.Fatal("no command does the same")
			}
			forecast := s.shell(dryRun(cli))
			var made change.Change
			s.three(ways{
				page: func() { s.applied(s.review(f), nil) },
				request: func() {
					if said := s.shell(twin(s.review(f), "curl")); json.Unmarshal([]byte(said), &made) != nil || plain(made.Diff) != wanted {
						t.Errorf("the request does\n%s\nand the page says\n%s", said, wanted)
					}
				},
				command: func() { s.shell(cli) },
			})
			sameSteps(t, review, made, forecast)
			if f.stays {
				s.shell(twin(s.review(f), "cli"))
			}
		})
	}
}

// dryRun puts the flag behind a command's verb: what it reads may follow.
func dryRun(cli string) string {
	weir, rest, _ := strings.Cut(cli, " ")
	verb, rest, _ := strings.Cut(rest, " ")
	return weir + " " + verb + " --dry-run " + rest
}

// sameSteps compares the steps that the page, the request and the command forecast.
func sameSteps(t *testing.T, review *goquery.Document, made change.Change, said string) {
	t.Helper()
	if made.Plan == nil || len(made.Plan.Steps) == 0 {
		t.Fatalf("the request forecasts nothing: %+v", made)
	}
	if rows := review.Find(`[data-testid="steps"] tbody tr`).Length(); rows != len(made.Plan.Steps) {
		t.Errorf("the page tells %d steps, the request %d", rows, len(made.Plan.Steps))
	}
	flat := strings.Join(strings.Fields(said), " ")
	for _, step := range made.Plan.Steps {
		if row := strings.TrimSpace(step.Object.String() + " " + step.Field); !strings.Contains(flat, row) || !strings.Contains(flat, strings.Join(strings.Fields(step.After), " ")) {
			t.Errorf("the command does not tell %q → %q:\n%s", row, step.After, said)
		}
	}
}

// TestRolloutTwins reviews a rollout and each of its verbs, and gives the twins to a shell as they stand on the page.
func TestRolloutTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "END")
	page := s.page(http.MethodGet, "/canaries/new?target=reviews/primary", nil)
	action, values := filled(page, "rollout-form")
	for name, typed := range map[string]string{
		"preset": "own", "steps": "pause\n30\nanalysis", "canary": "reviews-v2", "stable": "reviews-v1", "alpha": "2", "delta": "0.5",
		"minRequests": "70", "tolerance": "0.2", "deadline": "9m", "interval": "5s", "ignoreLatency": "1", "webhooks": "rollback=http://127.0.0.1:1/it's",
	} {
		values.Set(name, typed)
	}
	review := s.page(http.MethodPost, action, values)
	var asked, begun, filed canary.Rollout
	if err := json.Unmarshal([]byte(s.try(twin(review, "curl"))), &asked); err != nil {
		t.Fatal(err)
	}
	spec := func(r canary.Rollout) string {
		text, err := json.Marshal(r.Spec)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if err := json.Unmarshal([]byte(s.shell("weir canary start -o json --dry-run -f - <<'END'\n"+twin(review, "yaml")+"\nEND")), &filed); err != nil || spec(filed) != spec(asked) {
		t.Errorf("the file asks for\n%s\nand the request for\n%s\n%v", spec(filed), spec(asked), err)
	}
	if err := json.Unmarshal([]byte(s.shell(twin(review, "cli")+" -o json")), &begun); err != nil || spec(begun) != spec(asked) {
		t.Errorf("the command begins\n%s\nand the request\n%s\n%v", spec(begun), spec(asked), err)
	}
	at := "/canaries/" + begun.ID
	for _, verb := range []string{"promote", "abort"} {
		review := s.page(http.MethodPost, at, url.Values{"do": {verb}, "reason": {"it's time"}})
		var would canary.Rollout
		if err := json.Unmarshal([]byte(s.try(twin(review, "curl"))), &would); err != nil || !strings.Contains(would.Why, "it's time") {
			t.Errorf("%s: the request comes to %q: %v", verb, would.Why, err)
		}
		if verb == "abort" {
			s.shell(twin(review, "cli"))
		}
	}
	if status := s.shell(strings.TrimSuffix(twin(s.page(http.MethodGet, at, nil), "cli"), " --follow")); !strings.Contains(status, "Aborted") {
		t.Errorf("after the command for aborting it is\n%s", status)
	}
}

// twin is a twin as it is copied from a page; "" when the page has none.
func twin(page *goquery.Document, name string) string {
	return strings.TrimSpace(page.Find(`[data-testid="twin-` + name + `"] pre`).Text())
}

// plain is a difference without the space at its lines' ends, which pages and the API write differently.
func plain(diff string) string {
	var lines []string
	for line := range strings.Lines(diff) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "+++") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
