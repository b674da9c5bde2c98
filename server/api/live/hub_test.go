package live

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSocketFollows(t *testing.T) {
	w := &world{graph: big(5)}
	_, url, _ := start(t, w)
	w.drive(t)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"table:m"}`)
	var p Picture
	for rate := 1.0; rate < 4; {
		f := hear(t, conn)
		if err := p.Apply(f); err != nil {
			t.Fatal(err)
		}
		if p.Edges[[2]string{"node-0003", "node-0004"}].Rate == rate {
			rate++
		}
		ack(t, conn, f)
		w.move(rate)
	}
	if len(p.Nodes) != 5 || len(p.Edges) != 4 || !p.Fresh {
		t.Errorf("%d boxes, %d edges, fresh %v", len(p.Nodes), len(p.Edges), p.Fresh)
	}
}

// TestOneEncodingServesAll has two viewers of one view get the very same bytes.
func TestOneEncodingServesAll(t *testing.T) {
	w := &world{graph: big(3)}
	hub, url, _ := start(t, w)
	w.drive(t)
	a, b := dial(t, url), dial(t, url)
	say(t, a, `{"op":"sub","v":"table:m"}`)
	first := hear(t, a)
	ack(t, a, first)
	say(t, b, `{"op":"sub","v":"table:m"}`)
	full := hear(t, b)
	ack(t, b, full)
	if full.Base != 0 || full.Epoch != first.Epoch {
		t.Fatalf("the second viewer began with base %d epoch %d, want a full frame of epoch %d", full.Base, full.Epoch, first.Epoch)
	}
	for range 3 {
		fa, fb := hear(t, a), hear(t, b)
		for fa.Seq < fb.Seq {
			ack(t, a, fa)
			fa = hear(t, a)
		}
		for fb.Seq < fa.Seq {
			ack(t, b, fb)
			fb = hear(t, b)
		}
		if fa.Seq != fb.Seq || fa.Base == 0 || fa.Base != fb.Base {
			t.Fatalf("the viewers got frames %d→%d and %d→%d", fa.Base, fa.Seq, fb.Base, fb.Seq)
		}
		ack(t, a, fa)
		ack(t, b, fb)
	}
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if len(hub.topics) != 1 {
		t.Errorf("%d topics, want one for both viewers", len(hub.topics))
	}
}

func TestPauseAndResync(t *testing.T) {
	w := &world{graph: big(3)}
	hub, url, _ := start(t, w)
	w.drive(t)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"graph:m"}`)
	f := hear(t, conn)
	ack(t, conn, f)
	say(t, conn, `{"op":"resync","v":"graph:m"}`)
	for f = hear(t, conn); f.Base != 0; f = hear(t, conn) {
		ack(t, conn, f)
	}
	ack(t, conn, f)
	say(t, conn, `{"op":"pause"}`)
	say(t, conn, `{"op":"sub","v":"nonsense"}`) // its answer shows that the pause has been read
	for f = hear(t, conn); f.Error == ""; f = hear(t, conn) {
		ack(t, conn, f)
	}
	topic, err := hub.topicOf(t.Context(), "graph:m", func(*topic) {})
	if err != nil {
		t.Fatal(err)
	}
	topic.mu.Lock()
	if topic.watched(time.Now()) {
		t.Error("a view that only a hidden tab holds is still computed")
	}
	topic.mu.Unlock()
	say(t, conn, `{"op":"resume"}`)
	if f = hear(t, conn); f.View != "graph:m" {
		t.Errorf("after resume came %+v", f)
	}
}

func TestChangesAndProxies(t *testing.T) {
	w := &world{graph: big(2), changes: []change.Change{{ID: "1", Mesh: "m"}}, proxies: []provider.Proxy{{ID: "a-0", MetricsAt: time.Unix(1000, 0)}}}
	_, url, _ := start(t, w)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"changes:m"}`)
	var p Picture
	take := func() {
		t.Helper()
		f := hear(t, conn)
		if err := p.Apply(f); err != nil {
			t.Fatal(err)
		}
		ack(t, conn, f)
	}
	take()
	if len(p.Rows) != 1 {
		t.Fatalf("%d changes, want 1", len(p.Rows))
	}
	w.mu.Lock()
	w.changes = []change.Change{{ID: "2", Mesh: "m"}, {ID: "1", Mesh: "m", State: change.Undone}}
	w.mu.Unlock()
	w.events.Publish(change.Change{ID: "2", Mesh: "m"})
	for len(p.Rows) != 2 {
		take()
	}
	if !strings.Contains(string(p.Rows["1"]), `"undone"`) {
		t.Errorf("change 1 is still %s", p.Rows["1"])
	}
	w.mu.Lock()
	w.changes = w.changes[:1]
	w.mu.Unlock()
	for len(p.Rows) != 1 {
		take()
	}
	say(t, conn, `{"op":"unsub","v":"changes:m"}`)
	say(t, conn, `{"op":"sub","v":"proxies:m"}`)
	f := hear(t, conn)
	for f.View != "proxies:m" {
		f = hear(t, conn)
	}
	if len(f.Rows) != 1 || !strings.Contains(string(f.Rows[0]), `"a-0"`) {
		t.Errorf("proxies: %s", f.Rows)
	}
}

// TestShutdown closes sockets with "service restart", refuses new ones, and leaves nothing running (TestMain looks).
func TestShutdown(t *testing.T) {
	w := &world{graph: big(2)}
	_, url, stop := start(t, w)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"graph:m"}`)
	hear(t, conn)
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("the socket ended with %v, want code 1012", err)
		}
		break
	}
	select {
	case <-stopped:
	case <-time.After(20 * time.Second):
		t.Fatal("the hub does not stop")
	}
}

func TestRefusals(t *testing.T) {
	w := &world{graph: big(2)}
	_, url, _ := start(t, w)
	cases := []struct {
		name, say, answer string
		code              int
	}{
		{"unknown view", `{"op":"sub","v":"hairball:m"}`, "the views are", 0},
		{"unknown mesh", `{"op":"sub","v":"graph:other"}`, `no mesh "other"`, 0},
		{"unknown op", `{"op":"delete everything"}`, "", websocket.ClosePolicyViolation},
		{"not JSON", `{{{`, "", websocket.ClosePolicyViolation},
		{"too long", `{"op":"` + strings.Repeat("x", maxMessage) + `"}`, "", websocket.CloseMessageTooBig},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, url)
			say(t, conn, c.say)
			if c.answer != "" {
				if f := hear(t, conn); !strings.Contains(f.Error, c.answer) {
					t.Errorf("answer %q, want one with %q", f.Error, c.answer)
				}
				return
			}
			_, _, err := conn.ReadMessage()
			if !websocket.IsCloseError(err, c.code) {
				t.Errorf("ended with %v, want code %d", err, c.code)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	w := &world{graph: big(2)}
	_, url, _ := start(t, w)
	t.Run("views", func(t *testing.T) {
		conn := dial(t, url)
		for _, box := range strings.Split("a b c d e f g h i j k l m n o p q", " ") {
			say(t, conn, `{"op":"sub","v":"focus:m:`+box+`:1"}`)
		}
		for f := hear(t, conn); !strings.Contains(f.Error, "at most 16"); f = hear(t, conn) {
			if f.Error != "" {
				t.Fatalf("answer %q", f.Error)
			}
		}
	})
	t.Run("messages", func(t *testing.T) {
		conn := dial(t, url)
		for range burst * 10 {
			if conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"resume"}`)) != nil {
				break // closed already
			}
		}
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				// The flood may still be on its way when the server closes, which resets the connection.
				var closed *websocket.CloseError
				if errors.As(err, &closed) && closed.Code != websocket.ClosePolicyViolation && closed.Code != websocket.CloseAbnormalClosure {
					t.Errorf("ended with %v, want code 1008", err)
				}
				return
			}
		}
	})
	t.Run("sockets", func(t *testing.T) {
		for range maxSockets + 2 {
			conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
		t.Errorf("%d sockets were let in", maxSockets+2)
	})
}

func TestPoll(t *testing.T) {
	w := &world{graph: big(3)}
	hub, _, _ := start(t, w)
	w.drive(t)
	var p Picture
	for range 3 {
		body, err := hub.Poll(t.Context(), "table:m", p.Seq)
		if err != nil {
			t.Fatal(err)
		}
		var f Frame
		if err := json.Unmarshal(body, &f); err != nil {
			t.Fatal(err)
		}
		if f.Base != 0 || f.Seq == p.Seq {
			t.Fatalf("frame %d base %d after %d, want a newer full one", f.Seq, f.Base, p.Seq)
		}
		if err := p.Apply(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := hub.Poll(t.Context(), "table:x", 0); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("unknown mesh: %v", err)
	}
}

// TestStalledGraphIsNotFresh keeps a graph that nobody renews from being shown as fresh.
func TestStalledGraphIsNotFresh(t *testing.T) {
	g := big(3)
	g.At = time.Now().Add(-10 * time.Second)
	w := &world{graph: g}
	_, url, _ := start(t, w)
	conn := dial(t, url)
	say(t, conn, `{"op":"sub","v":"graph:m"}`)
	if f := hear(t, conn); f.Fresh || f.Age < 9 {
		t.Errorf("fresh %v, age %v s; want not fresh, 10 s", f.Fresh, f.Age)
	}
}
