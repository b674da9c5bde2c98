package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/change"
)

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
	doc, status := s.visit(method, address, form)
	if status != http.StatusOK {
		s.Fatalf("%s %s: %d: %.3000s", method, address, status, doc.Text())
	}
	return doc
}

// visit asks for a page that may refuse.
func (s console) visit(method, address string, form url.Values) (page *goquery.Document, status int) {
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
	if err != nil {
		s.Fatalf("%s %s: %s %v", method, address, answer.Status, err)
	}
	return doc, answer.StatusCode
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
	out, code := s.run(text)
	if code != exitDone {
		s.Errorf("%s\nends with %d: %s", text, code, out)
	}
	return out
}

// try is shell for requests that only ask what would happen.
func (s console) try(text string) string {
	s.Helper()
	return s.shell("export " + dryCurl + "=1\n" + text)
}

// run is shell for what may be refused: what it printed, and with what it ended.
func (s console) run(text string) (out string, code int) {
	s.Helper()
	var said, complaint strings.Builder
	cmd := exec.CommandContext(s.Context(), "sh", "-c", text)
	cmd.Env = append(os.Environ(), "WEIR_URL="+s.url, "NO_COLOR=1")
	cmd.Stdout, cmd.Stderr = &said, &complaint
	if err := cmd.Run(); err != nil {
		return said.String() + complaint.String(), cmd.ProcessState.ExitCode()
	}
	return said.String(), exitDone
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

// openConsole runs a server. Its browser takes no cookies, so that no draft of one review shows in the next.
func openConsole(t *testing.T) console {
	t.Helper()
	served, err := serveFor(t.TempDir(), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	return console{T: t, url: served.URL(), http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// dryCurl makes curl ask only what a change would do.
const dryCurl = "WEIR_TEST_CURL_DRY"

// curl stands in for the program of that name, which not every machine has: it knows the options that the console's pages
// use. It fails where a server refuses.
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
	if os.Getenv(dryCurl) != "" {
		query := to.Query()
		query.Set("dryRun", "true")
		to.RawQuery = query.Encode()
	}
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
