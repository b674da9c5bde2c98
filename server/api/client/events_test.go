package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
)

// TestFollowLeavesNothingOutAndTellsNothingTwice follows a server that cuts every connection after a few events, in the
// middle of one too, and refuses some connections in between.
func TestFollowLeavesNothingOutAndTellsNothingTwice(t *testing.T) {
	const all = 40
	var mu sync.Mutex
	var calls int
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls++
		call := calls
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		mu.Unlock()
		if call%3 == 2 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"detail":"not now","code":"unavailable"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		last := 0
		_, _ = fmt.Sscan(r.Header.Get("Last-Event-ID"), &last)
		fmt.Fprintf(w, "retry: 1000\nid: %d\n\n: here\n\n", last)
		for id := max(last, 1); id <= min(last+15, all); id++ { // the one before, once more
			fmt.Fprintf(w, "id: %d\ndata: {\"id\":%d,\"text\":\"happened %d\"}\n\n", id, id, id)
		}
		fmt.Fprint(w, "id: 999\ndata: {\"id\":99") // and half of one
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []int64
	notices := 0
	err = c.Follow(ctx, EventAsk{}, Follower{
		Event: func(e journal.Event) error {
			if got = append(got, e.ID); len(got) == all {
				cancel()
			}
			return nil
		},
		Notice: func(string) { notices++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range got {
		if id != int64(i+1) {
			t.Fatalf("event %d came as number %d: %v", id, i+1, got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != all || notices == 0 || !slices.Contains(asked, "15") {
		t.Errorf("%d of %d events, %d notices, asked after %q", len(got), all, notices, asked)
	}
}

func TestFollowGivesUpWhereItCannotBegin(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"detail":"there is no such kind","code":"invalid"}`)
	}))
	c, err := New(Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Follow(t.Context(), EventAsk{Kinds: "x"}, Follower{}); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("%v", err)
	}
	server.Close()
	if err := c.Follow(t.Context(), EventAsk{}, Follower{}); err == nil || !strings.Contains(err.Error(), "cannot reach Weir") {
		t.Errorf("%v", err)
	}
}

func TestFollowEndsWithWhoeverIsTold(t *testing.T) {
	full := errors.New("the pipe is closed")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "id: 7\n\nevent: resync\ndata: {\"id\":3}\n\nid: 4\ndata: {\"id\":4}\n\n")
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	said := ""
	err = c.Follow(t.Context(), EventAsk{}, Follower{Event: func(journal.Event) error { return full }, Notice: func(s string) { said += s }})
	if !errors.Is(err, full) || !strings.Contains(said, "missing") {
		t.Errorf("%v, %q", err, said)
	}
}
