package live

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/weirmesh/weir/server/auth"
)

// A socket's limits.
const (
	maxMessage   = 4 << 10
	inFlight     = 2
	writeWithin  = 5 * time.Second
	pingEvery    = 20 * time.Second
	pongWithin   = 45 * time.Second
	closeWithin  = time.Second
	returnWithin = 2 * time.Second // after a restart: viewers come back spread over it
	compressOver = 1 << 10
	perSecond    = 100
	burst        = 200
	maxReplies   = 32
	askAgain     = 5 * time.Second // whether the viewer may still see what it looks at
)

// upgrader makes sockets. The API has checked the request's origin and host before.
func upgrader() *websocket.Upgrader {
	return &websocket.Upgrader{
		HandshakeTimeout: writeWithin, ReadBufferSize: 1 << 10, WriteBufferSize: 64 << 10, EnableCompression: true,
		CheckOrigin: func(*http.Request) bool { return true },
	}
}

// request is what a client may say.
type request struct {
	Op   string `json:"op"`
	View string `json:"v"`
	Seq  int64  `json:"seq"`
}

// socket is one client. One goroutine reads, one writes; there is no queue between a topic and the writer, which takes
// the topic's newest frame when the client has credit.
type socket struct {
	hub    *Hub
	wake   chan struct{} // capacity one
	paused atomic.Bool
	quit   chan struct{} // closed when the reader ends

	mu      sync.Mutex
	conn    *websocket.Conn
	subs    map[string]*subscription
	replies [][]byte
	leaving bool
}

func newSocket(h *Hub) *socket {
	return &socket{hub: h, wake: make(chan struct{}, 1), quit: make(chan struct{}), subs: make(map[string]*subscription)}
}

// nudge tells the writer that there may be something to send.
func (s *socket) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// serve runs the socket until the client leaves, breaks a rule, or is too slow.
func (s *socket) serve(ctx context.Context, conn *websocket.Conn) {
	s.mu.Lock()
	s.conn = conn
	leaving := s.leaving
	s.mu.Unlock()
	var writer sync.WaitGroup
	writer.Go(func() { s.write(ctx, conn) })
	if leaving {
		s.restart()
	}
	s.read(ctx, conn)
	close(s.quit)
	conn.Close()
	writer.Wait()
}

// read takes the client's messages until the connection ends.
func (s *socket) read(ctx context.Context, conn *websocket.Conn) {
	conn.SetReadLimit(maxMessage)
	s.alive(conn)
	conn.SetPongHandler(func(string) error { s.alive(conn); return nil })
	limit := rate.NewLimiter(perSecond, burst)
	asked := time.Now()
	for {
		kind, reader, err := conn.NextReader()
		if err != nil {
			return
		}
		data, err := io.ReadAll(io.LimitReader(reader, maxMessage+1)) // the connection's own limit is before inflating
		if err != nil {
			return
		}
		if len(data) > maxMessage {
			s.end(conn, websocket.CloseMessageTooBig, "a message is at most 4 KiB")
			return
		}
		if kind != websocket.TextMessage {
			s.end(conn, websocket.CloseUnsupportedData, "send text")
			return
		}
		if !limit.Allow() {
			s.end(conn, websocket.ClosePolicyViolation, "too many messages")
			return
		}
		var m request
		if err := json.Unmarshal(data, &m); err != nil {
			s.end(conn, websocket.ClosePolicyViolation, "not a JSON object of op, v and seq")
			return
		}
		s.alive(conn)
		if now := time.Now(); now.Sub(asked) >= askAgain {
			if asked = now; !s.may(s.usedBy(ctx)) {
				s.end(conn, websocket.ClosePolicyViolation, "you may not see this any more: sign in again")
				return
			}
		}
		if reason := s.handle(ctx, m); reason != "" {
			s.end(conn, websocket.ClosePolicyViolation, reason)
			return
		}
	}
}

// may tells whether the viewer may still see all that it looks at. A viewer that says nothing is sent two frames at most, so
// that asking with its messages, and now and then between them, is enough.
func (s *socket) may(ctx context.Context) bool {
	s.mu.Lock()
	meshes := make(map[string]bool, 1)
	for _, sub := range s.subs {
		meshes[sub.topic.view.mesh] = true
	}
	s.mu.Unlock()
	for name := range meshes {
		if s.hub.may(ctx, name) != nil {
			return false
		}
	}
	return true
}

// usedBy marks what is asked because the client said something as somebody's doing, unless its page is paused, as one that is
// hidden is: pages acknowledge every frame that they draw.
func (s *socket) usedBy(ctx context.Context) context.Context {
	if s.paused.Load() {
		return ctx
	}
	return auth.InUse(ctx)
}

// alive gives the client more time, unless the server is leaving.
func (s *socket) alive(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaving {
		_ = conn.SetReadDeadline(time.Now().Add(pongWithin)) // fails only on a closed connection, as the next read will
	}
}

// handle does what the client asks; a reason ends the socket.
func (s *socket) handle(ctx context.Context, m request) (reason string) {
	switch m.Op {
	case "sub":
		s.subscribe(ctx, m.View)
	case "unsub":
		s.unsubscribe(m.View)
	case "ack":
		s.acknowledge(m.View, m.Seq)
	case "resync":
		s.resync(m.View)
	case "pause":
		s.paused.Store(true)
	case "resume":
		s.resume(ctx)
	default:
		return "op is one of sub, unsub, ack, resync, pause, resume"
	}
	return ""
}

func (s *socket) subscribe(ctx context.Context, name string) {
	s.mu.Lock()
	_, again := s.subs[name]
	full := len(s.subs) >= maxViews
	s.mu.Unlock()
	if again {
		s.resync(name)
		return
	}
	if full {
		s.reply(name, "a socket holds at most 16 views: end one first")
		return
	}
	sub := &subscription{socket: s}
	t, err := s.hub.topicOf(ctx, name, func(t *topic) { t.viewers[sub] = struct{}{} })
	if err != nil {
		s.reply(name, err.Error())
		return
	}
	if err := s.hub.current(ctx, t); err != nil {
		s.hub.o.Logger.Warn("view not renewed", "view", name, "error", err)
	}
	s.mu.Lock()
	sub.topic = t
	s.subs[name] = sub
	s.mu.Unlock()
	s.nudge()
}

// reply queues an error answer; a client that asks for more than it reads gets no more of them.
func (s *socket) reply(name, message string) {
	body, err := json.Marshal(struct {
		View  string `json:"v"`
		Error string `json:"error"`
	}{name, message}) // in full, or the client would not know it again
	if err != nil {
		return // two strings always encode
	}
	s.mu.Lock()
	if len(s.replies) < maxReplies {
		s.replies = append(s.replies, body)
	}
	s.mu.Unlock()
	s.nudge()
}

func (s *socket) unsubscribe(name string) {
	s.mu.Lock()
	sub := s.subs[name]
	delete(s.subs, name)
	s.mu.Unlock()
	if sub == nil {
		return
	}
	sub.topic.mu.Lock()
	delete(sub.topic.viewers, sub)
	sub.topic.mu.Unlock()
}

func (s *socket) acknowledge(name string, seq int64) {
	s.mu.Lock()
	if sub := s.subs[name]; sub != nil {
		sub.flight = slices.DeleteFunc(sub.flight, func(sent parcel) bool { return sent.seq <= seq })
	}
	s.mu.Unlock()
	s.nudge()
}

// resync sends everything again with the topic's next frame, so that asking often costs nothing more.
func (s *socket) resync(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.subs[name]; sub != nil && sub.sent != 0 {
		sub.hold, sub.sent, sub.flight = sub.sent, 0, nil
	}
}

func (s *socket) resume(ctx context.Context) {
	if !s.paused.Swap(false) {
		return
	}
	s.mu.Lock()
	topics := make([]*topic, 0, len(s.subs))
	for _, sub := range s.subs {
		topics = append(topics, sub.topic)
	}
	s.mu.Unlock()
	for _, t := range topics {
		if err := s.hub.current(ctx, t); err != nil {
			s.hub.o.Logger.Warn("view not renewed", "view", t.view.name, "error", err)
		}
	}
	s.nudge()
}

// write sends what there is to send until the reader ends.
func (s *socket) write(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-ping.C:
			if !s.may(ctx) {
				s.end(conn, websocket.ClosePolicyViolation, "you may not see this any more: sign in again")
				conn.Close()
				return
			}
			if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin)) != nil {
				conn.Close()
				return
			}
		case <-s.wake:
			if !s.drain(conn) {
				conn.Close() // the reader notices
				return
			}
		}
	}
}

// drain sends everything that is due; false when the client does not take it.
func (s *socket) drain(conn *websocket.Conn) bool {
	for {
		reply, frame := s.next(time.Now())
		_ = conn.SetWriteDeadline(time.Now().Add(writeWithin)) // never fails
		switch {
		case reply != nil:
			conn.EnableWriteCompression(false)
			if conn.WriteMessage(websocket.TextMessage, reply) != nil {
				return false
			}
		case frame != nil:
			conn.EnableWriteCompression(len(frame.body) > compressOver)
			if conn.WritePreparedMessage(frame.prepared) != nil {
				return false
			}
		default:
			return true
		}
	}
}

// next takes one message that is due: a reply, or the newest frame of a view with credit.
func (s *socket) next(now time.Time) (reply []byte, frame *encoded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) > 0 {
		reply, s.replies = s.replies[0], s.replies[1:]
		return reply, nil
	}
	if s.paused.Load() {
		return nil, nil
	}
	for _, sub := range s.subs {
		if !sub.credit(now) {
			continue
		}
		if frame = sub.due(); frame != nil {
			sub.sent, sub.hold = frame.seq, 0
			sub.flight = append(sub.flight, parcel{frame.seq, now})
			return nil, frame
		}
	}
	return nil, nil
}

// end says why and lets the reader stop.
func (s *socket) end(conn *websocket.Conn, code int, reason string) {
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(closeWithin))
}

// restart tells the client to come back, and when, and gives it a moment to agree.
func (s *socket) restart() {
	s.mu.Lock()
	s.leaving = true
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return // serve sees that it is leaving
	}
	s.end(conn, websocket.CloseServiceRestart, fmt.Sprintf("the server is restarting; retry=%d", rand.N(returnWithin).Milliseconds()))
	_ = conn.SetReadDeadline(time.Now().Add(closeWithin))
}

// forgetAll empties the socket's subscriptions.
func (s *socket) forgetAll() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		out = append(out, sub)
	}
	clear(s.subs)
	return out
}
