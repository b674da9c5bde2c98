package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
)

// diary is what happened, in memory.
type diary struct {
	mu   sync.Mutex
	list []journal.Event
	bus  event.Bus[journal.Event]
	done chan struct{}
}

func newDiary(events int) *diary {
	d := &diary{done: make(chan struct{})}
	for range events {
		d.add()
	}
	return d
}

func (d *diary) add() {
	d.mu.Lock()
	id := int64(1)
	if n := len(d.list); n > 0 {
		id = d.list[n-1].ID + 1
	}
	e := journal.Event{ID: id, At: time.UnixMilli(1_795_000_000_000).UTC(), Mesh: "shop", Kind: []journal.Kind{journal.KindChange, journal.KindRollout}[id%2], Subject: "s", Severity: journal.Info, What: "change.made", Text: fmt.Sprint("event ", id)}
	d.list = append(d.list, e)
	d.mu.Unlock()
	d.bus.Publish(e)
}

func (d *diary) Events(_ context.Context, q journal.Query) ([]journal.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []journal.Event
	for i := range d.list {
		e := d.list[i]
		if q.After == 0 && !q.Forward {
			e = d.list[len(d.list)-1-i]
		}
		if q.Matches(e) && len(found) < q.Limit {
			found = append(found, e)
		}
	}
	return found, nil
}

func (d *diary) Published() *event.Bus[journal.Event] { return &d.bus }

func (d *diary) Last() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		return 0
	}
	return d.list[len(d.list)-1].ID
}

func (d *diary) Done() <-chan struct{} { return d.done }

func withDiary(d *diary) func(*bench, *Options) {
	return func(_ *bench, o *Options) {
		o.Events = d
		o.Hooks = func() []journal.HookState {
			return []journal.HookState{{Name: "chat", Failing: true, Message: "it answered 500"}}
		}
	}
}

func TestEvents(t *testing.T) {
	b := newBench(t, withDiary(newDiary(6)))
	check(t, b, []scenario{
		{name: "newest first", method: "GET", url: "/api/v1/events?limit=2", status: 200, want: `{"items":[{"id":6,"text":"event 6"},{"id":5}],"next":"5"}`},
		{name: "the page that follows", method: "GET", url: "/api/v1/events?limit=2&before=2", status: 200, want: `{"items":[{"id":1}],"next":null}`},
		{name: "since", method: "GET", url: "/api/v1/events?after=3&limit=2", status: 200, want: `{"items":[{"id":4},{"id":5}],"next":"5"}`},
		{name: "from the beginning", method: "GET", url: "/api/v1/events?after=0&limit=2", status: 200, want: `{"items":[{"id":1},{"id":2}],"next":"2"}`},
		{name: "of a kind", method: "GET", url: "/api/v1/events?kind=rollout,%20guard&mesh=shop", status: 200, want: `{"items":[{"id":5},{"id":3},{"id":1}]}`},
		{name: "nothing", method: "GET", url: "/api/v1/events?mesh=none", status: 200, want: `{"items":[],"next":null}`},
		{name: "no such kind", method: "GET", url: "/api/v1/events?kind=chnage", status: 422, wantIn: []string{"there is change, approval, rollout"}},
		{name: "no number", method: "GET", url: "/api/v1/events?after=-1", status: 422},
		{name: "too large a number", method: "GET", url: "/api/v1/events?after=99999999999999999999", status: 422, wantIn: []string{"a whole number"}},
		{name: "both ways", method: "GET", url: "/api/v1/events?after=1&before=2", status: 422, wantIn: []string{"give one of them"}},
		{name: "stream of no such kind", method: "GET", url: "/api/v1/events/stream?kind=x", status: 422, wantIn: []string{"there is change, approval, rollout"}},
		{name: "webhooks", method: "GET", url: "/api/v1/webhooks", status: 200, want: `{"items":[{"name":"chat","failing":true,"message":"it answered 500"}]}`},
	})
	check(t, newBench(t), []scenario{
		{name: "none are kept", method: "GET", url: "/api/v1/events", status: 501, wantIn: []string{"writes no events down"}},
		{name: "none to follow", method: "GET", url: "/api/v1/events/stream", status: 501},
		{name: "no webhooks", method: "GET", url: "/api/v1/webhooks", status: 200, want: `{"items":[]}`},
	})
}

// follow opens a stream and gives its lines.
func follow(t *testing.T, b *bench, query, last string) (*bufio.Scanner, func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/api/v1/events/stream"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := b.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/event-stream") {
		t.Fatalf("%s %s", answer.Status, got)
	}
	return bufio.NewScanner(answer.Body), func() { cancel(); _ = answer.Body.Close() }
}

// read takes lines up to one that begins so, and gives those with IDs or types of events.
func read(t *testing.T, lines *bufio.Scanner, until string) string {
	t.Helper()
	var said []string
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "id: ") || strings.HasPrefix(line, "event: ") {
			said = append(said, line)
		}
		if strings.HasPrefix(line, until) {
			return strings.Join(said, ", ")
		}
	}
	t.Fatalf("the stream ended after %v: %v", said, lines.Err())
	return ""
}

func TestStreamGoesOnWhereItWas(t *testing.T) {
	d := newDiary(4)
	b := newBench(t, withDiary(d))
	lines, stop := follow(t, b, "?after=2", "")
	defer stop()
	if got := read(t, lines, "id: 4"); got != "id: 2, id: 3, id: 4" {
		t.Errorf("%q", got)
	}
	for range 1000 { // more than there is room for
		d.add()
	}
	got := read(t, lines, "id: 1004")
	if n := strings.Count(got, "id: "); n != 1000 {
		t.Errorf("%d of 1000 events came", n)
	}
	if strings.Contains(got, "resync") {
		t.Error("a resync for what the store has")
	}

	later, stop := follow(t, b, "?kind=rollout", "1001")
	defer stop()
	if got := read(t, later, "id: 1003"); got != "id: 1001, id: 1003" {
		t.Errorf("%q", got)
	}
	close(d.done)
	for later.Scan() {
	}
	if err := later.Err(); err != nil {
		t.Errorf("the stream did not end well: %v", err)
	}
}

func TestStreamSaysWhatIsMissing(t *testing.T) {
	d := newDiary(10)
	d.list = d.list[5:] // the oldest went
	b := newBench(t, withDiary(d))
	lines, stop := follow(t, b, "", "2")
	defer stop()
	if got := read(t, lines, "id: 10"); got != "id: 2, event: resync, id: 6, id: 7, id: 8, id: 9, id: 10" {
		t.Errorf("%q", got)
	}
	lines, stop = follow(t, b, "", "77") // an ID that there is not yet: of another Weir
	defer stop()
	read(t, lines, "event: resync")
	d.add()
	if got := read(t, lines, "id: 11"); got != "id: 11" {
		t.Errorf("%q", got)
	}
}

func TestSplitWeights(t *testing.T) {
	b := newBench(t)
	both := mesh.Split{Name: "both", Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: 90}, {Node: "reviews-v2", Weight: 10}}}
	stored, err := b.door.Object("shop", mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"})
	if err != nil {
		t.Fatal(err)
	}
	first, ok := stored.Object.(mesh.Route)
	if !ok {
		t.Fatalf("%T", stored.Object)
	}
	first.Split, first.Targets = "both", nil
	second := first
	second.Name, second.Priority, second.Match = "beta", 5, mesh.Match{Prefix: "/beta"}
	if _, err := b.door.Propose(t.Context(), change.Proposal{Mesh: "shop", Author: "ann", Patch: mesh.Patch{Put: []mesh.Object{both, first, second}}}); err != nil {
		t.Fatal(err)
	}
	check(t, b, []scenario{
		{
			name: "a route of a split", method: "PUT", url: "/api/v1/meshes/shop/routers/reviews/routes/primary/weights", body: `{"weights":{"reviews-v1":1,"reviews-v2":1}}`, status: 422,
			wantIn: []string{"takes its weights from split both", "weir weights both", "/api/v1/meshes/shop/splits/both/weights"},
		},
		{
			name: "a target is missing", method: "PUT", url: "/api/v1/meshes/shop/splits/both/weights", body: `{"weights":{"reviews-v1":1}}`, status: 422,
			wantIn: []string{"weights of split both: no weight is given for reviews-v2"},
		},
		{name: "no such split", method: "PUT", url: "/api/v1/meshes/shop/splits/bth/weights", body: `{"weights":{"a":1}}`, status: 404},
		{
			name: "the split", method: "PUT", url: "/api/v1/meshes/shop/splits/both/weights", body: `{"weights":{"reviews-v1":50,"reviews-v2":50},"reason":"half"}`, status: 202,
			want: `{"kind":"split","name":"both","reason":"half"}`, wantIn: []string{"(2 routes)"},
		},
		{
			name: "both routes moved", method: "GET", url: "/api/v1/meshes/shop/routes", status: 200,
			want: `{"items":[{"name":"beta","split":"both","targets":[{"weight":50},{"weight":50}]},{"name":"primary","targets":[{"weight":50},{"weight":50}]}]}`,
		},
	})
}
