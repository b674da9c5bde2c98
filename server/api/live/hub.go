package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// The hub's limits and rhythm.
const (
	maxSockets     = 256
	maxTopics      = 1024
	maxViews       = 16 // of one socket
	recentChanges  = 20 // in the view of changes
	tick           = time.Second
	overdue        = 1500 * time.Millisecond // a topic's frame is late: the graph's own loop did not make one
	graphPace      = 200 * time.Millisecond  // between two frames of a graphical topic, at least
	changesPace    = 100 * time.Millisecond
	staleAfter     = 3 * time.Second // a graph this old is not fresh, whatever it says
	keepUnwatched  = 30 * time.Second
	pollFor        = 25 * time.Second
	metricsAtSteps = 5 * time.Second
)

// Meshes names the meshes there are.
type Meshes interface {
	Meshes() []string
}

// Graphs is where the newest graph of each mesh is kept.
type Graphs interface {
	Graph(mesh string) (graph.Graph, bool)
	Updates() *event.Bus[graph.Graph]
}

// Changes is the ledger.
type Changes interface {
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
	Events() *event.Bus[change.Change]
}

// Proxies knows the proxies of each mesh.
type Proxies interface {
	Proxies(mesh string) []provider.Proxy
}

// Options is what a hub needs; every field but May is required.
type Options struct {
	Meshes  Meshes
	Graphs  Graphs
	Changes Changes
	Proxies Proxies
	Logger  *slog.Logger
	// May says whether the viewer that a context is of may see a mesh, now; nil: every viewer may see all. It is asked as a
	// view is opened, and every few seconds while one is looked at.
	May func(ctx context.Context, mesh string) error
}

// Hub serves the views. Its Handler may be called as soon as it exists; frames move while Run runs.
type Hub struct {
	o       Options
	mu      sync.Mutex
	topics  map[string]*topic
	sockets map[*socket]struct{}
	polls   int
	closed  bool
	ended   chan struct{}  // closed with it
	done    sync.WaitGroup // handlers of sockets

	reading  sync.Mutex
	outlines map[string]*graph.Outline // by mesh
}

// New makes a hub.
func New(o Options) *Hub {
	return &Hub{o: o, ended: make(chan struct{}), topics: make(map[string]*topic), sockets: make(map[*socket]struct{}), outlines: make(map[string]*graph.Outline)}
}

// Run moves the frames until ctx ends, then closes every socket with code 1012 and waits for them.
func (h *Hub) Run(ctx context.Context) error {
	graphs := h.o.Graphs.Updates().Subscribe(64)
	defer graphs.Close()
	changes := h.o.Changes.Events().Subscribe(64)
	defer changes.Close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	soon := time.NewTicker(changesPace)
	defer soon.Stop()
	dirty := make(map[string]bool) // "mesh" with changes to show
	for {
		select {
		case <-ctx.Done():
			h.close()
			return nil
		case g := <-graphs.C:
			h.refresh(ctx, func(t *topic) bool {
				return t.view.graphical() && t.view.mesh == g.Mesh && t.due(time.Now())
			})
		case c := <-changes.C:
			dirty[c.Mesh] = true
		case <-soon.C:
			if len(dirty) == 0 {
				continue
			}
			h.refresh(ctx, func(t *topic) bool { return t.view.kind == "changes" && dirty[t.view.mesh] })
			clear(dirty)
		case <-ticker.C:
			h.refresh(ctx, func(t *topic) bool { return !t.view.graphical() || time.Since(t.at) >= overdue })
			h.tidy(time.Now())
		}
	}
}

// refresh makes the next frame of the topics that are watched and wanted. want is called under the topic's lock.
func (h *Hub) refresh(ctx context.Context, want func(*topic) bool) {
	h.mu.Lock()
	topics := make([]*topic, 0, len(h.topics))
	for _, t := range h.topics {
		topics = append(topics, t)
	}
	h.mu.Unlock()
	for _, t := range topics {
		t.mu.Lock()
		wanted := t.watched(time.Now()) && want(t)
		t.mu.Unlock()
		if !wanted {
			continue
		}
		if err := h.renew(ctx, t); err != nil && ctx.Err() == nil {
			h.o.Logger.Warn("view not renewed", "view", t.view.name, "error", err)
		}
	}
}

// renew makes a topic's next frame and tells its viewers.
func (h *Hub) renew(ctx context.Context, t *topic) error {
	var rows []item
	var err error
	switch t.view.kind {
	case "changes":
		rows, err = h.changeRows(ctx, t.view.mesh)
	case "proxies":
		rows, err = h.proxyRows(t.view.mesh)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	var p content
	if t.view.graphical() {
		p = h.look(t, now)
	} else {
		p = content{rows: rows, head: Frame{Time: now.UnixMilli(), Fresh: true, Total: len(rows)}}
	}
	if err := t.advance(p, now); err != nil {
		return err
	}
	for s := range t.viewers {
		s.socket.nudge()
	}
	return nil
}

func (h *Hub) changeRows(ctx context.Context, mesh string) ([]item, error) {
	changes, err := h.o.Changes.Changes(ctx, change.Query{Mesh: mesh, Limit: recentChanges})
	if err != nil {
		return nil, fmt.Errorf("list changes of mesh %s: %w", mesh, err)
	}
	rows := make([]item, len(changes))
	for i := range changes {
		body, err := json.Marshal(changes[i])
		if err != nil {
			return nil, fmt.Errorf("encode change %s: %w", changes[i].ID, err)
		}
		rows[i] = item{key: changes[i].ID, same: string(body), body: body}
	}
	return rows, nil
}

func (h *Hub) proxyRows(mesh string) ([]item, error) {
	proxies := h.o.Proxies.Proxies(mesh)
	rows := make([]item, 0, min(len(proxies), maxRows))
	for _, p := range proxies[:min(len(proxies), maxRows)] {
		body, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode proxy %s: %w", p.ID, err)
		}
		// A proxy reports twice a second; that alone is not worth sending the row again.
		p.MetricsAt = p.MetricsAt.Truncate(metricsAtSteps)
		same, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode proxy %s: %w", p.ID, err)
		}
		rows = append(rows, item{key: p.ID, same: string(same), body: body})
	}
	return rows, nil
}

// topicOf finds or begins the topic of a view and lets hold keep it from being tidied away.
func (h *Hub) topicOf(ctx context.Context, name string, hold func(*topic)) (*topic, error) {
	v, err := parseView(name)
	if err != nil {
		return nil, err
	}
	if err := h.may(ctx, v.mesh); err != nil {
		return nil, err
	}
	if !slices.Contains(h.o.Meshes.Meshes(), v.mesh) {
		return nil, mesh.Errorf(mesh.NotFound, "view %q: there is no mesh %q", mesh.Shorten(name), mesh.Shorten(v.mesh))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if t == nil {
		if len(h.topics) >= maxTopics {
			return nil, mesh.Errorf(mesh.Unavailable, "view %q: %d views are being watched, which is the limit", mesh.Shorten(name), maxTopics)
		}
		t = newTopic(v, time.Now())
		h.topics[name] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	hold(t)
	return t, nil
}

// may asks whether a viewer may see a mesh.
func (h *Hub) may(ctx context.Context, meshName string) error {
	if h.o.May == nil {
		return nil
	}
	return h.o.May(ctx, meshName)
}

// current makes sure that a topic's newest frame is of now, as it may not have been watched for a while.
func (h *Hub) current(ctx context.Context, t *topic) error {
	t.mu.Lock()
	old := time.Since(t.at) >= overdue
	t.mu.Unlock()
	if !old {
		return nil
	}
	return h.renew(ctx, t)
}

// watched says whether somebody looks at the topic. The caller holds t.mu.
func (t *topic) watched(now time.Time) bool {
	if now.Sub(t.polled) < keepUnwatched {
		return true
	}
	for s := range t.viewers {
		if !s.socket.paused.Load() {
			return true
		}
	}
	return false
}

// tidy forgets topics that nobody holds.
func (h *Hub) tidy(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	watched := make(map[string]bool)
	for name, t := range h.topics {
		watched[t.view.mesh] = true
		t.mu.Lock()
		if len(t.viewers) == 0 && now.Sub(t.polled) >= keepUnwatched {
			delete(h.topics, name)
		}
		t.mu.Unlock()
	}
	h.reading.Lock()
	defer h.reading.Unlock()
	maps.DeleteFunc(h.outlines, func(mesh string, _ *graph.Outline) bool { return !watched[mesh] })
}

// Poll gives the view's newest frame in full once its seq is not the given one; nil after 25 seconds without one, and when the hub ends.
func (h *Hub) Poll(ctx context.Context, name string, seq int64) ([]byte, error) {
	if err := h.beginPoll(); err != nil {
		return nil, err
	}
	defer h.endPoll()
	t, err := h.topicOf(ctx, name, func(t *topic) { t.polled = time.Now() })
	if err != nil {
		return nil, err
	}
	if err := h.current(ctx, t); err != nil {
		return nil, err
	}
	limit := time.NewTimer(pollFor)
	defer limit.Stop()
	for {
		t.mu.Lock()
		if t.seq != seq {
			full, err := t.whole()
			t.mu.Unlock()
			if err != nil {
				return nil, err
			}
			return full.body, nil
		}
		changed := t.changed
		t.polled = time.Now()
		t.mu.Unlock()
		select {
		case <-changed:
		case <-limit.C:
			return nil, nil
		case <-h.ended:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (h *Hub) beginPoll() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.polls >= maxSockets {
		return mesh.Errorf(mesh.Unavailable, "no room for another poll: try again in a second")
	}
	h.polls++
	return nil
}

func (h *Hub) endPoll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polls--
}

// ServeHTTP upgrades a request whose origin was checked and serves the socket until it ends.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := newSocket(h)
	if !h.admit(s) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "no room for another socket: try again in a second", http.StatusServiceUnavailable)
		return
	}
	defer h.dismiss(s)
	conn, err := upgrader().Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	s.serve(r.Context(), conn)
}

func (h *Hub) admit(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.sockets) >= maxSockets {
		return false
	}
	h.sockets[s] = struct{}{}
	h.done.Add(1)
	return true
}

func (h *Hub) dismiss(s *socket) {
	for _, sub := range s.forgetAll() {
		sub.topic.mu.Lock()
		delete(sub.topic.viewers, sub)
		sub.topic.mu.Unlock()
	}
	h.mu.Lock()
	delete(h.sockets, s)
	h.mu.Unlock()
	h.done.Done()
}

// close ends every socket and refuses new ones.
func (h *Hub) close() {
	h.mu.Lock()
	h.closed = true
	close(h.ended)
	sockets := make([]*socket, 0, len(h.sockets))
	for s := range h.sockets {
		sockets = append(sockets, s)
	}
	h.mu.Unlock()
	for _, s := range sockets {
		go s.restart() // each waits for its writer, a second at most
	}
	h.done.Wait()
}
