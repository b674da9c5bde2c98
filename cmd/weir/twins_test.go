package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/change"
)

// twinForm is a form of the console: where it is, and what somebody changes in it.
type twinForm struct {
	at, form string
	typed    url.Values
	press    string // a button of the form that is pressed before it is reviewed
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
// page have to mean the same change.
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
			var dry change.Change
			if said := s.shell(twin(review, "curl")); json.Unmarshal([]byte(said), &dry) != nil || plain(dry.Diff) != wanted {
				t.Errorf("the request does\n%s\nand the page says\n%s", said, wanted)
			}
			cli := twin(review, "cli")
			if cli == "" {
				t.Fatal("no command does the same")
			}
			sameSteps(t, review, dry, s.shell(dryRun(cli)))
			s.shell(cli)
			made := s.newest()
			if plain(made.Diff) != wanted {
				t.Errorf("the command does\n%s\nand the page says\n%s", made.Diff, wanted)
			}
			back := "undo" // what changes no traffic need not be kept
			if made.State == change.Pending {
				back = "revert"
			}
			s.shell("weir changes " + back + " " + made.ID)
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
func sameSteps(t *testing.T, review *goquery.Document, dry change.Change, said string) {
	t.Helper()
	if dry.Plan == nil || len(dry.Plan.Steps) == 0 {
		t.Fatalf("the request forecasts nothing: %+v", dry)
	}
	if rows := review.Find(`[data-testid="steps"] tbody tr`).Length(); rows != len(dry.Plan.Steps) {
		t.Errorf("the page tells %d steps, the request %d", rows, len(dry.Plan.Steps))
	}
	flat := strings.Join(strings.Fields(said), " ")
	for _, step := range dry.Plan.Steps {
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
	if err := json.Unmarshal([]byte(s.shell(twin(review, "curl"))), &asked); err != nil {
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
		if err := json.Unmarshal([]byte(s.shell(twin(review, "curl"))), &would); err != nil || !strings.Contains(would.Why, "it's time") {
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

// console is a server with a browser before it.
type console struct {
	*testing.T
	url  string
	http *http.Client
}

func (s console) in(t *testing.T) console {
	s.T = t
	return s
}

func (s console) page(method, address string, form url.Values) *goquery.Document {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+address, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.http.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s %v: %.3000s", method, address, answer.Status, err, doc.Text())
	}
	return doc
}

// review fills a form in and reviews it.
func (s console) review(f twinForm) *goquery.Document {
	s.Helper()
	page := s.page(http.MethodGet, f.at, nil)
	if f.press != "" {
		action, values := filled(page, f.form)
		values.Set("do", f.press)
		page = s.page(http.MethodPost, action, values)
	}
	action, values := filled(page, f.form)
	for name, typed := range f.typed {
		values[name] = typed
	}
	return s.page(http.MethodPost, action, values)
}

// filled reads a form as a browser would send it.
func filled(page *goquery.Document, name string) (action string, values url.Values) {
	form := page.Find(`[data-testid="` + name + `"]`).First().Clone()
	form.Find("template").Remove() // a row for script to copy
	values = make(url.Values)
	form.Find("input[name]").Each(func(_ int, input *goquery.Selection) {
		kind := input.AttrOr("type", "")
		if _, checked := input.Attr("checked"); checked || !slices.Contains([]string{"radio", "checkbox"}, kind) {
			values.Add(input.AttrOr("name", ""), input.AttrOr("value", ""))
		}
	})
	form.Find("select[name]").Each(func(_ int, s *goquery.Selection) {
		first := s.Find("option").First().AttrOr("value", "")
		values.Set(s.AttrOr("name", ""), s.Find("option[selected]").AttrOr("value", first))
	})
	form.Find("textarea[name]").Each(func(_ int, s *goquery.Selection) { values.Set(s.AttrOr("name", ""), s.Text()) })
	return form.AttrOr("action", ""), values
}

// shell runs what somebody pasted, and gives what it prints.
func (s console) shell(text string) string {
	s.Helper()
	var complaint strings.Builder
	cmd := exec.CommandContext(s.Context(), "sh", "-c", text)
	cmd.Env = append(os.Environ(), "WEIR_URL="+s.url, "NO_COLOR=1")
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		s.Errorf("%s\n%v: %s%s", text, err, complaint.String(), out)
	}
	return string(out)
}

// newest is the newest entry of the ledger.
func (s console) newest() (c change.Change) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+"/api/v1/changes?limit=1", nil)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.http.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	var list struct{ Items []change.Change }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil || len(list.Items) == 0 {
		s.Fatalf("the ledger answers %s: %v", answer.Status, err)
	}
	return list.Items[0]
}

func openConsole(t *testing.T) console {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	served, err := serveFor(t.TempDir(), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	return console{T: t, url: served.URL(), http: &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// curl stands in for the program of that name, which not every machine has: it knows the options that the console's pages
// use, and only asks what a change would do. It fails where a server refuses.
func curl() {
	address, method, body, headers := "", http.MethodGet, "", make(http.Header)
	for args := os.Args[1:]; len(args) > 0; args = args[1:] {
		if !strings.HasPrefix(args[0], "-") {
			address = args[0]
			continue
		}
		option, value := args[0], args[1]
		args = args[1:]
		switch option {
		case "-X":
			method = value
		case "-H":
			name, text, _ := strings.Cut(value, ": ")
			headers.Set(name, text)
		case "-d", "--data-binary":
			if body = value; value == "@-" {
				text, _ := io.ReadAll(os.Stdin)
				body = string(text)
			}
		default:
			giveUp("curl: option %s is not known here", option)
		}
	}
	to, err := url.Parse(address)
	if err != nil {
		giveUp("curl: %v", err)
	}
	query := to.Query()
	query.Set("dryRun", "true")
	to.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(context.Background(), method, to.String(), strings.NewReader(body))
	if err != nil {
		giveUp("curl: %v", err)
	}
	r.Header = headers
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		giveUp("curl: %v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(answer.Body)
		giveUp("%s %s answers %s: %s", method, to, answer.Status, text)
	}
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		giveUp("curl: %v", err)
	}
}

func giveUp(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
