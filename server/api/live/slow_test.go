package live

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/graph"
)

// TestSlowViewerGetsTheNewest withholds acknowledgements: no more than two frames come, and then the newest state at once.
func TestSlowViewerGetsTheNewest(t *testing.T) {
	w := &world{graph: big(3)}
	hub, url, _ := start(t, w)
	w.drive(t)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"graph:m"}`)
	var p Picture
	first := hear(t, conn)
	if err := p.Apply(first); err != nil {
		t.Fatal(err)
	}
	topic, err := hub.topicOf(t.Context(), "graph:m", func(*topic) {})
	if err != nil {
		t.Fatal(err)
	}
	for moved := first.Seq; moved < first.Seq+4; { // the topic moves on without the viewer
		topic.mu.Lock()
		changed := topic.changed
		topic.mu.Unlock()
		w.move(float64(moved % 1000))
		await(t, changed)
		topic.mu.Lock()
		moved = topic.seq
		topic.mu.Unlock()
	}
	w.move(4242)
	for {
		topic.mu.Lock()
		rate, changed := topic.lines[pair{"node-0000", "node-0001"}].row[colRate], topic.changed
		topic.mu.Unlock()
		if rate == 4242 {
			break
		}
		await(t, changed)
	}
	ack(t, conn, Frame{View: "graph:m", Seq: math.MaxInt64})
	frames, last := 0, Frame{}
	for p.Edges[[2]string{"node-0000", "node-0001"}].Rate != 4242 {
		last = hear(t, conn)
		frames++
		if err := p.Apply(last); err != nil {
			t.Fatal(err)
		}
	}
	if frames > 2 || last.Base != 0 {
		t.Errorf("the newest state came as frame %d with base %d; want a full one, and at most one before that was on its way", frames, last.Base)
	}
}

func await(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("the topic stands still")
	}
}

// TestSlowViewerSeesNothingOld plays viewers who need some time for each frame, on a clock of its own: what they have drawn
// is never older than the time they need and a tick, so that one who is half as fast as the server sees the last 3 s.
func TestSlowViewerSeesNothingOld(t *testing.T) {
	for _, needs := range []time.Duration{50 * time.Millisecond, 900 * time.Millisecond, 1500 * time.Millisecond, 2 * time.Second, 4 * time.Second} {
		v, err := parseView("graph:m")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.UnixMilli(1_795_000_000_000).UTC()
		topic, s := newTopic(v, begin), newSocket(&Hub{})
		s.subs[v.name] = &subscription{socket: s, topic: topic}
		g := big(3)
		var waiting []*encoded // sent, in order; the viewer draws one after the other
		var idle time.Time     // when the viewer has drawn what it took last
		var drawing *encoded
		oldest, drawn := time.Duration(0), 0
		for now := begin; now.Sub(begin) < time.Minute; now = now.Add(50 * time.Millisecond) {
			if now.Sub(begin)%tick == 0 {
				g.At = now
				if err := topic.advance(topic.draw(graph.NewOutline(g), now), now); err != nil {
					t.Fatal(err)
				}
			}
			if drawing != nil && !now.Before(idle) {
				oldest, drawn = max(oldest, now.Sub(timeOf(t, drawing))), drawn+1
				s.acknowledge(v.name, drawing.seq)
				drawing = nil
			}
			if _, frame := s.next(now); frame != nil {
				waiting = append(waiting, frame)
			}
			if drawing == nil && len(waiting) > 0 {
				drawing, waiting, idle = waiting[0], waiting[1:], now.Add(needs)
			}
		}
		if limit := needs + tick; oldest > limit {
			t.Errorf("a viewer who needs %v for a frame has drawn what is %v old; want %v at most", needs, oldest, limit)
		}
		if least := int(time.Minute/max(needs, tick)) - 2; drawn < least {
			t.Errorf("a viewer who needs %v for a frame drew %d in a minute; want %d", needs, drawn, least)
		}
	}
}

// timeOf is the moment that a frame shows.
func timeOf(t *testing.T, e *encoded) time.Time {
	t.Helper()
	var f Frame
	if err := json.Unmarshal(e.body, &f); err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(f.Time).UTC()
}

// TestDroppedSocket loses the connection again and again: every new one has all there is at once, and nothing of the old
// ones is left behind.
func TestDroppedSocket(t *testing.T) {
	w := &world{graph: big(3)}
	hub, url, _ := start(t, w)
	w.drive(t)
	for range 4 {
		conn := dial(t, url)
		say(t, conn, `{"op":"sub","v":"problems:m"}`)
		var p Picture
		f := hear(t, conn)
		if err := p.Apply(f); err != nil || f.Base != 0 || len(p.Nodes) != 3 || p.Scene.Units != 3 {
			t.Fatalf("the first frame after a lost socket: %v, base %d, %d boxes, %+v", err, f.Base, len(p.Nodes), p.Scene)
		}
		ack(t, conn, f)
		hear(t, conn)
		conn.Close()
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		hub.mu.Lock()
		sockets, topics := len(hub.sockets), len(hub.topics)
		hub.mu.Unlock()
		if sockets == 0 && topics == 1 {
			return
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%d sockets and %d topics are left", sockets, topics)
		}
	}
}
