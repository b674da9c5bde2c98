package scrape

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// errEndless ends a connection whose other side sends more than any page may have.
var errEndless = errors.New("the answer is larger than limits.bodyBytes")

const maxHead = 8 << 10

// wire opens the connections of one job. The library that reads the pages stops at a limit, and then still waits for the
// end of the answer; a connection that was read from for long enough ends here. And it tells what the answers said of
// themselves, which the library does not.
type wire struct {
	limit  int64           // bytes of one answer, its head included
	done   context.Context // when it ends, whatever is still open is closed
	dialer net.Dialer

	mu      sync.Mutex
	answers map[string]answer // by the address that was dialled
}

// answer is the newest answer of one address, as far as it has come. Of an encrypted one only the size is known.
type answer struct {
	bytes       int64
	contentType string
	location    string // where it redirects to
}

func newWire(done context.Context, bodyBytes int64) *wire {
	return &wire{
		limit: bodyBytes + bodyBytes/8 + 1<<16, done: done, answers: make(map[string]answer),
		dialer: net.Dialer{KeepAlive: 30 * time.Second},
	}
}

// newest gives the newest answer of an address.
func (w *wire) newest(address string) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers[address]
}

// forget drops what is known of an address.
func (w *wire) forget(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.answers, address)
}

// ended tells whether the job is over. One that was never wired is not.
func (w *wire) ended() bool { return w != nil && w.done.Err() != nil }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.forget(address)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.done, cancel)()
	c, err := w.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: c, wire: w, address: address}
	l.stop = context.AfterFunc(w.done, func() { _ = c.Close() })
	return l, nil
}

// line is one connection. A request goes out before its answer comes in, so a write begins a new answer.
type line struct {
	net.Conn
	wire    *wire
	address string
	stop    func() bool

	mu    sync.Mutex
	bytes int64
	head  []byte
	ended bool // the head is complete, or cannot be read
}

// Write sends a part of a request.
func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.bytes, l.head, l.ended = 0, l.head[:0], false
	l.mu.Unlock()
	l.wire.mu.Lock()
	l.wire.answers[l.address] = answer{}
	l.wire.mu.Unlock()
	return l.Conn.Write(p)
}

// Read gives the next part of an answer, up to the limit.
func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += int64(n)
	l.note(p[:n])
	if err == nil && l.bytes > l.wire.limit {
		return n, errEndless
	}
	return n, err
}

// note keeps what the answer says of itself.
func (l *line) note(p []byte) {
	w := l.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.answers[l.address]
	a.bytes = l.bytes
	if !l.ended {
		l.head = append(l.head, p[:min(len(p), maxHead-len(l.head))]...)
		end := bytes.Index(l.head, []byte("\r\n\r\n"))
		switch {
		case !bytes.HasPrefix(l.head, []byte("H")), end < 0 && len(l.head) == maxHead:
			l.ended = true
		case end >= 0:
			l.ended = true
			a.contentType = field(l.head[:end], "Content-Type")
			a.location = field(l.head[:end], "Location")
		}
	}
	w.answers[l.address] = a
}

// field finds a header by name in the head of an answer.
func field(head []byte, name string) string {
	for text := range bytes.Lines(head) {
		key, value, ok := strings.Cut(string(text), ":")
		if ok && textproto.CanonicalMIMEHeaderKey(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Close ends the connection.
func (l *line) Close() error {
	l.stop()
	return l.Conn.Close()
}
