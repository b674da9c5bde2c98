package live

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/faultproxy"
)

// audience is many sockets on one view, some of which are bad.
type audience struct {
	t     *testing.T
	world *world
	url   string
	good  sync.WaitGroup
	quit  chan struct{}

	mu    sync.Mutex
	waits []time.Duration // from the moment that a frame shows to its arrival, at good sockets
	heard map[int]int     // frames by good socket
}

// TestFaultBadSockets has 40 of 200 sockets be slow, never read, or be half open, behind a network that froze: the others get
// their frames as soon as they do without them.
func TestFaultBadSockets(t *testing.T) {
	const good, each = 160, 13
	w := &world{graph: big(120)}
	_, at, _ := start(t, w)
	a := &audience{t: t, world: w, url: at, quit: make(chan struct{}), heard: make(map[int]int)}
	a.drive()
	for i := range good {
		a.watch(i)
	}
	frames := chaos.Scaled(3, 30)
	without := a.round(good, frames)
	network := a.frozen(each + 1)
	defer network.Close() //nolint:errcheck // nothing is left to lose
	for range each {
		a.deaf()
		a.slow()
	}
	with := a.round(good, frames)
	network.Restore()
	close(a.quit)
	a.good.Wait()
	chaos.Figure(t, "40 bad sockets of 200", "p99 of the others ≤ 2 × that without", "without %v, with %v", without, with)
	if with > 2*without && chaos.Full() {
		t.Errorf("99 of 100 frames come within %v beside bad sockets, within %v without", with, without)
	}
}

// drive moves the picture until the test ends.
func (a *audience) drive() {
	over, done := make(chan struct{}), make(chan struct{})
	a.t.Cleanup(func() { close(over); <-done })
	go func() {
		defer close(done)
		for rate := 1.0; ; rate++ {
			select {
			case <-over:
				return
			case <-time.After(graphPace + 20*time.Millisecond):
				a.world.move(rate)
			}
		}
	}()
}

// watch is a good socket.
func (a *audience) watch(id int) {
	conn := dial(a.t, a.url)
	say(a.t, conn, `{"op":"sub","v":"graph:m"}`)
	a.good.Go(func() {
		for {
			var f Frame
			if err := errors.Join(conn.SetReadDeadline(time.Now().Add(time.Minute)), conn.ReadJSON(&f)); err != nil {
				a.t.Errorf("a good socket ends: %v", err)
				return
			}
			wait := time.Since(time.UnixMilli(f.Time))
			if err := conn.WriteJSON(request{Op: "ack", View: f.View, Seq: f.Seq}); err != nil {
				a.t.Errorf("a good socket ends: %v", err)
				return
			}
			a.mu.Lock()
			a.waits = append(a.waits, wait)
			a.heard[id]++
			a.mu.Unlock()
			select {
			case <-a.quit:
				return
			default:
			}
		}
	})
}

// round waits until every good socket has had some frames, and gives what 99 of 100 of them waited for at most.
func (a *audience) round(good, frames int) time.Duration {
	a.t.Helper()
	a.mu.Lock()
	a.waits, a.heard = nil, make(map[int]int)
	a.mu.Unlock()
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		a.mu.Lock()
		done := 0
		for _, n := range a.heard {
			if n >= frames {
				done++
			}
		}
		sorted := slices.Sorted(slices.Values(a.waits))
		a.mu.Unlock()
		if done == good {
			return sorted[len(sorted)*99/100]
		}
		if time.Since(begin) > 2*time.Minute {
			a.t.Fatalf("%d of %d good sockets have had %d frames", done, good, frames)
		}
	}
}

// deaf is a socket that asks and never reads, with as small a window as there is.
func (a *audience) deaf() {
	dialer := websocket.Dialer{NetDial: func(network, address string) (net.Conn, error) {
		conn, err := net.Dial(network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(1 << 10)
		}
		return conn, err
	}}
	conn, _, err := dialer.DialContext(a.t.Context(), a.url, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	say(a.t, conn, `{"op":"sub","v":"graph:m"}`)
	// It says that it has what it never reads, so that more is sent until its window is full.
	a.good.Go(func() {
		for {
			select {
			case <-a.quit:
				return
			case <-time.After(300 * time.Millisecond):
				if conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"ack","v":"graph:m","seq":9007199254740991}`)) != nil {
					return // the server has had enough
				}
			}
		}
	})
}

// slow is a socket that takes a second and a half for each frame, and asks for everything again each time.
func (a *audience) slow() {
	conn := dial(a.t, a.url)
	say(a.t, conn, `{"op":"sub","v":"graph:m"}`)
	a.good.Go(func() {
		for {
			select {
			case <-a.quit:
				return
			case <-time.After(1500 * time.Millisecond):
				if conn.SetReadDeadline(time.Now().Add(time.Minute)) != nil {
					return
				}
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
				if conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"resync","v":"graph:m"}`)) != nil {
					return
				}
			}
		}
	})
}

// frozen opens sockets through a network that then passes nothing on, in either direction, and says nothing of it.
func (a *audience) frozen(count int) *faultproxy.Proxy {
	u, err := url.Parse(a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	network, err := faultproxy.New("tcp", u.Host)
	if err != nil {
		a.t.Fatal(err)
	}
	for range count {
		conn := dial(a.t, "ws://"+network.Addr())
		say(a.t, conn, `{"op":"sub","v":"graph:m"}`)
		hear(a.t, conn)
	}
	network.Freeze()
	return network
}
