package live

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// reel is a made-up mesh of so many services, second by second.
type reel struct {
	live  *graph.Live
	name  string
	begin time.Time
	tick  int
}

func newReel(t testing.TB, services int) *reel {
	t.Helper()
	begin := time.UnixMilli(1_795_000_000_000).UTC()
	c, err := crowd.New(crowd.Options{Services: services, Seed: 1, Begin: begin})
	if err != nil {
		t.Fatal(err)
	}
	m := c.Mesh()
	live := graph.New(graph.Options{Meshes: func() []mesh.Mesh { return []mesh.Mesh{m} }, Observer: c, Window: 10 * time.Second})
	return &reel{live: live, name: m.Name, begin: begin.Add(10 * time.Minute)}
}

// next is the picture a second later.
func (r *reel) next(t testing.TB) (graph.Graph, time.Time) {
	t.Helper()
	r.tick++
	now := r.begin.Add(time.Duration(r.tick) * time.Second)
	if _, ok := r.live.Rebuild(r.name, now); !ok {
		t.Fatal("no picture")
	}
	g, _ := r.live.Graph(r.name)
	return g, now
}

// busiest is the name of the service that receives most.
func busiest(g graph.Graph) string {
	name, most := "", -1.0
	for _, n := range g.Nodes {
		if n.Kind == graph.KindService && n.RequestRate > most {
			name, most = n.Name, n.RequestRate
		}
	}
	return name
}

// viewsOf are the views that a viewer may have of a mesh.
func viewsOf(name, service string) map[string]string {
	return map[string]string{
		"problems": "problems:" + name, "focus": "focus:" + name + ":" + service + ":2", "groups": "groups:" + name,
		"table": "table:" + name + "?sort=rate&rows=100", "whole": "whole:" + name,
	}
}

// BenchmarkView is one second of each view on a mesh whose numbers all move: read, chosen, compared and encoded. The bytes
// are those on the wire, compressed as sockets do, of a viewer who has been there since the beginning.
func BenchmarkView(b *testing.B) {
	for _, services := range []int{2000, 5000} {
		r := newReel(b, services)
		first, _ := r.next(b)
		views := viewsOf(r.name, busiest(first))
		for _, kind := range slices.Sorted(maps.Keys(views)) {
			name := views[kind]
			b.Run(fmt.Sprintf("services=%d/%s", services, kind), func(b *testing.B) {
				v, err := parseView(name)
				if err != nil {
					b.Fatal(err)
				}
				const seconds = 20 // whatever is sent only now and then is part of the mean
				g, now := r.next(b)
				topic := newTopic(v, now)
				if err := topic.advance(topic.draw(graph.NewOutline(g), now), now); err != nil {
					b.Fatal(err)
				}
				full, err := topic.whole()
				if err != nil {
					b.Fatal(err)
				}
				used, bytes, rounds := time.Duration(0), 0, 0
				for b.Loop() {
					for range seconds {
						g, now := r.next(b)
						begin := cpu.Used(b)
						if err := topic.advance(topic.draw(graph.NewOutline(g), now), now); err != nil {
							b.Fatal(err)
						}
						used += cpu.Used(b) - begin
						bytes += wire(b, topic.delta.body)
						rounds++
					}
				}
				b.ReportMetric(float64(used.Nanoseconds())/1e6/float64(rounds), "cpu-ms/frame")
				b.ReportMetric(float64(bytes)/float64(rounds), "B/s")
				b.ReportMetric(float64(wire(b, full.body)), "first-B")
			})
		}
	}
}

// wire is how many bytes a message takes on the wire.
func wire(t testing.TB, body []byte) int {
	if len(body) <= compressOver {
		return len(body)
	}
	return deflated(t, body)
}

// film plays the same few pictures of a mesh to a hub again and again.
type film struct {
	world
	pictures []graph.Graph
	at       int
}

func (f *film) Meshes() []string { return []string{f.pictures[0].Mesh} }

func (f *film) step() {
	f.mu.Lock()
	f.at++
	f.graph = f.pictures[f.at%len(f.pictures)]
	f.graph.At = time.Now()
	g := f.graph
	f.mu.Unlock()
	f.updates.Publish(g)
}

// BenchmarkViewers is a frame of the default view of 2,000 services, sent to so many viewers who acknowledge each.
func BenchmarkViewers(b *testing.B) {
	r := newReel(b, 2000)
	f := &film{}
	for range 8 {
		g, _ := r.next(b)
		f.pictures = append(f.pictures, g)
	}
	for _, viewers := range []int{1, 200} {
		b.Run(fmt.Sprintf("%d", viewers), func(b *testing.B) {
			hub := New(Options{Meshes: f, Graphs: f, Changes: f, Proxies: f, Logger: slog.New(slog.DiscardHandler)})
			ctx := b.Context()
			var running sync.WaitGroup
			running.Go(func() { _ = hub.Run(ctx) })
			server := httptest.NewServer(hub)
			defer server.Close()
			f.step()
			var seen atomic.Int64
			for range viewers {
				conn := viewer(b, "ws"+strings.TrimPrefix(server.URL, "http"), "problems:"+r.name)
				running.Go(func() { look(conn, "problems:"+r.name, &seen) })
				defer conn.Close()
			}
			wait(&seen, int64(viewers))
			used := time.Duration(0)
			for b.Loop() {
				time.Sleep(tick / 2)
				want := seen.Load() + int64(viewers)
				begin := cpu.Used(b)
				f.step()
				wait(&seen, want)
				used += cpu.Used(b) - begin
			}
			b.ReportMetric(float64(used.Nanoseconds())/1e6/float64(b.N), "cpu-ms/frame")
		})
	}
}

// viewer subscribes and gives the bare connection: inflating and parsing are the browsers' work.
func viewer(b *testing.B, url, view string) net.Conn {
	b.Helper()
	dialer := websocket.Dialer{EnableCompression: true}
	conn, _, err := dialer.DialContext(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.WriteJSON(request{Op: "sub", View: view}); err != nil {
		b.Fatal(err)
	}
	return conn.NetConn()
}

// look takes every message and acknowledges it, whatever its number, in a message that is masked with zeros.
func look(conn net.Conn, view string, seen *atomic.Int64) {
	said := fmt.Appendf(nil, `{"op":"ack","v":%q,"seq":%d}`, view, int64(math.MaxInt64))
	ack := append([]byte{0x81, 0x80 | byte(len(said)), 0, 0, 0, 0}, said...)
	in := bufio.NewReader(conn)
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		size := int(head[1])
		if more := map[int]int{126: 2, 127: 8}[size]; more > 0 {
			size = 0
			for range more {
				c, err := in.ReadByte()
				if err != nil {
					return
				}
				size = size<<8 | int(c)
			}
		}
		if _, err := in.Discard(size); err != nil {
			return
		}
		if _, err := conn.Write(ack); err != nil {
			return
		}
		seen.Add(1)
	}
}

func wait(seen *atomic.Int64, want int64) {
	for begin := time.Now(); seen.Load() < want && time.Since(begin) < 20*time.Second; {
		time.Sleep(time.Millisecond)
	}
}
