package live

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
)

// TestUse: what a page says that is looked at is a use of its session; what one says that is paused, or hidden, is none.
func TestUse(t *testing.T) {
	s := newSocket(&Hub{})
	for _, step := range []struct {
		op   string
		used bool
	}{{"ack", true}, {"pause", false}, {"ack", false}, {"resume", true}, {"ack", true}} {
		if reason := s.handle(t.Context(), request{Op: step.op, View: "graph:m"}); reason != "" {
			t.Fatal(reason)
		}
		if used := auth.Used(s.usedBy(t.Context())); used != step.used {
			t.Errorf("after %s it is used: %v", step.op, used)
		}
	}
}

// TestUseIsAsked: a client that says something is asked about as one who uses the socket.
func TestUseIsAsked(t *testing.T) {
	used := make(chan struct{}, 1)
	w := &world{}
	hub := New(Options{Meshes: w, Graphs: w, Changes: w, Proxies: w, Logger: slog.New(slog.DiscardHandler), May: func(ctx context.Context, _ string) error {
		if auth.Used(ctx) {
			select {
			case used <- struct{}{}:
			default:
			}
		}
		return nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- hub.Run(ctx) }()
	server := httptest.NewServer(hub)
	defer func() { cancel(); <-ran; server.Close() }()
	conn := dial(t, "ws"+strings.TrimPrefix(server.URL, "http"))
	say(t, conn, `{"op":"sub","v":"graph:m"}`)
	deadline := time.After(60 * time.Second)
	for {
		select {
		case <-used:
			return
		case <-deadline:
			t.Fatal("no message counts as use")
		case <-time.After(time.Second):
			say(t, conn, `{"op":"ack","v":"graph:m","seq":1}`)
		}
	}
}
