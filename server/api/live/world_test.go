package live

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/provider"
)

// world is what the hub looks at.
type world struct {
	mu      sync.Mutex
	graph   graph.Graph
	changes []change.Change
	proxies []provider.Proxy
	updates event.Bus[graph.Graph]
	events  event.Bus[change.Change]
}

func (w *world) Meshes() []string                  { return []string{"m"} }
func (w *world) Updates() *event.Bus[graph.Graph]  { return &w.updates }
func (w *world) Events() *event.Bus[change.Change] { return &w.events }

func (w *world) Graph(string) (graph.Graph, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.graph, true
}

func (w *world) Changes(_ context.Context, q change.Query) ([]change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changes[:min(len(w.changes), q.Limit)], nil
}

func (w *world) Proxies(string) []provider.Proxy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxies
}

// move publishes a graph whose edges all have the given rate.
func (w *world) move(rate float64) {
	w.mu.Lock()
	w.graph.At = time.Now()
	edges := make([]graph.Edge, len(w.graph.Edges))
	for i, e := range w.graph.Edges {
		e.RequestRate = rate
		edges[i] = e
	}
	w.graph.Edges = edges
	g := w.graph
	w.mu.Unlock()
	w.updates.Publish(g)
}

// drive publishes the graph again and again, as its own loop does, until the test ends.
func (w *world) drive(t *testing.T) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		ticker := time.NewTicker(graphPace + 20*time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				w.mu.Lock()
				w.graph.At = time.Now()
				g := w.graph
				w.mu.Unlock()
				w.updates.Publish(g)
			}
		}
	}()
}

// start runs a hub over a world; stop ends it and waits.
func start(t *testing.T, w *world) (hub *Hub, url string, stop func()) {
	t.Helper()
	hub = New(Options{Meshes: w, Graphs: w, Changes: w, Proxies: w, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- hub.Run(ctx) }()
	server := httptest.NewServer(hub)
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ran; err != nil {
				t.Errorf("the hub ended with %v", err)
			}
			server.Close()
		})
	}
	t.Cleanup(stop)
	return hub, "ws" + strings.TrimPrefix(server.URL, "http"), stop
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{EnableCompression: true}
	conn, _, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func say(t *testing.T, conn *websocket.Conn, message string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func ack(t *testing.T, conn *websocket.Conn, f Frame) {
	t.Helper()
	data, err := json.Marshal(request{Op: "ack", View: f.View, Seq: f.Seq})
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, string(data))
}

// hear reads the next frame.
func hear(t *testing.T, conn *websocket.Conn) Frame {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, data, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}
