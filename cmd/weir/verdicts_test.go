package main

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
)

// TestVerdictTwins gives a change more time, keeps it, takes it back, and takes one back that waits: by the forms of its
// page, by commands and by requests, which all have to come to the same.
func TestVerdictTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "END")
	ways := map[string]func(c console, id, verb string){
		"page": func(c console, id, verb string) {
			c.page(http.MethodPost, "/history/"+id, url.Values{"do": {verb}, "within": {"5m"}})
		},
		"command": func(c console, id, verb string) {
			if verb == "extend" {
				id += " 5m"
			}
			c.shell("weir changes " + verb + " " + id)
		},
		"request": func(c console, id, verb string) {
			body := "{}"
			if verb == "extend" {
				body = `{"within":"5m"}`
			}
			c.ask("/api/v1/changes/"+id+"/"+verb, body)
		},
	}
	for name, settle := range ways {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			made := s.pending()
			settle(s, made.ID, "extend")
			if got := s.newest(); got.ConfirmBy == nil || got.ConfirmBy.Sub(*made.ConfirmBy) != 5*time.Minute {
				t.Errorf("more time: from %v to %v", made.ConfirmBy, got.ConfirmBy)
			}
			settle(s, made.ID, "confirm")
			if got := s.newest(); got.ID != made.ID || got.State != change.Kept {
				t.Errorf("kept: %s is %s", got.ID, got.State)
			}
			settle(s, made.ID, "undo")
			if got := s.newest(); got.Undoes != made.ID {
				t.Errorf("taken back: %s undoes %q", got.ID, got.Undoes)
			}
			made = s.pending()
			settle(s, made.ID, "revert")
			if got := s.newest(); got.Undoes != made.ID {
				t.Errorf("reverted: %s undoes %q", got.ID, got.Undoes)
			}
		})
	}
}

// pending makes a change that waits to be kept.
func (s console) pending() change.Change {
	s.Helper()
	s.shell("weir weights reviews/primary reviews-v1=60 reviews-v2=40 --mesh shop --confirm-within 20m")
	made := s.newest()
	if made.State != change.Pending || made.ConfirmBy == nil {
		s.Fatalf("%s does not wait: %s", made.ID, made.State)
	}
	return made
}
