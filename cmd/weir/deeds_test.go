package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

// deed is what an entry of the ledger says was done: not when, by whom, and as which revision.
type deed struct {
	Kind             mesh.Kind
	Name             string
	Objects          []mesh.Ref
	Summary, Diff    string
	Reason, Override string
	Breaches         []guard.Breach
	State            change.State
	TakesBack        bool
	Within           time.Duration // until it would be taken back
	Edits            []deedEdit
}

// deedEdit is one object's step.
type deedEdit struct {
	Ref           mesh.Ref
	Before, After any
}

// deeds are the entries after the one with an ID, oldest first; an empty ID is before all.
func (s console) deeds(after string) (list []deed) {
	s.Helper()
	status, text := s.send(http.MethodGet, "/api/v1/changes/export?"+url.Values{"mesh": {"shop"}, "since": {after}}.Encode(), "")
	if status != http.StatusOK {
		s.Fatalf("the export answers %d: %s", status, text)
	}
	for line := range strings.Lines(text) {
		var read struct {
			change.Change
			Edits []deedEdit
		}
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			s.Fatalf("%v: %s", err, line)
		}
		c := read.Change
		d := deed{
			Kind: c.Kind, Name: c.Name, Objects: c.Objects, Summary: c.Summary, Diff: plain(c.Diff), Reason: c.Reason, Override: c.Override,
			Breaches: c.Breaches, State: c.State, TakesBack: c.Undoes != "", Edits: read.Edits,
		}
		if c.ConfirmBy != nil {
			d.Within = c.ConfirmBy.Sub(c.At).Round(time.Second)
		}
		if c.Undoes != "" {
			d.Summary = strings.ReplaceAll(d.Summary, c.Undoes, "ANOTHER")
		}
		if c.Rollout != "" { // whose reason names who gave it a verb
			d.Reason, _, _ = strings.Cut(d.Reason, " by ")
		}
		list = append(list, d)
	}
	return list
}

// ways are the three ways to do a thing.
type ways struct{ page, request, command func() }

// three does a thing in each of three ways, and takes it back after each: the ledger has to say the same of all of them.
func (s console) three(w ways) {
	s.Helper()
	s.same(w, func() {
		made := s.newest()
		verb := "undo" // what changes no traffic need not be kept
		if made.State == change.Pending {
			verb = "revert"
		}
		s.ask("/api/v1/changes/"+made.ID+"/"+verb, "{}")
	})
}

// same does a thing in each of three ways, with something after each that brings back what was before.
func (s console) same(w ways, back func()) {
	s.Helper()
	var first []deed
	for _, way := range []struct {
		name string
		do   func()
	}{{"the page", w.page}, {"the request", w.request}, {"the command", w.command}} {
		before := s.newest().ID
		way.do()
		done := s.deeds(before)
		if len(done) == 0 {
			s.Fatalf("%s leaves nothing in the ledger", way.name)
		}
		if first == nil {
			first = done
		} else if diff := cmp.Diff(first, done); diff != "" {
			s.Errorf("%s leaves another entry than the page: %s", way.name, diff)
		}
		back()
	}
}

// apply sends a review, with what somebody adds to it, and gives the page that comes of it.
func (s console) apply(review *goquery.Document, with url.Values) (page *goquery.Document, status int) {
	s.Helper()
	action, values := filled(review, "apply-form")
	maps.Copy(values, with)
	return s.visit(http.MethodPost, action, values)
}

// applied is apply where nothing stands in the way.
func (s console) applied(review *goquery.Document, with url.Values) {
	s.Helper()
	if page, status := s.apply(review, with); status != http.StatusOK {
		s.Fatalf("the review is not taken: %d: %.3000s", status, page.Text())
	}
}

// send makes a request to the REST API.
func (s console) send(method, path, body string) (status int, text string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// ask posts to the REST API what has to be taken.
func (s console) ask(path, body string) {
	s.Helper()
	if status, text := s.send(http.MethodPost, path, body); status >= http.StatusBadRequest {
		s.Errorf("%s answers %d: %s", path, status, text)
	}
}

// weigh sets the weights of reviews/primary, and gives the change.
func (s console) weigh(v1, v2 string) (id string) {
	s.Helper()
	status, text := s.send(http.MethodPut, weighing, `{"weights":{"reviews-v1":`+v1+`,"reviews-v2":`+v2+`}}`)
	if status >= http.StatusBadRequest {
		s.Fatalf("the weights are not taken: %d: %s", status, text)
	}
	return s.newest().ID
}

// weighing is where the weights of reviews/primary are set.
const weighing = "/api/v1/meshes/shop/routers/reviews/routes/primary/weights"
