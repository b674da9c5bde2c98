package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// onTheWay is how many reads may be between the two sides; what reads more waits, as it does in a network.
const onTheWay = 64

// chunk is what was read at once, and when it is to arrive.
type chunk struct {
	data []byte
	due  time.Time
	last bool // nothing comes after it
}

// pair is a connection with its other half.
type pair struct {
	near net.Conn
	gone chan struct{} // closed when the connection was reset
	once sync.Once

	mu  sync.Mutex
	far net.Conn // nil: not connected yet
}

// join tells the pair of its other half; false: it is gone already.
func (p *pair) join(far net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.far = far
	select {
	case <-p.gone:
		abort(far)
		return false
	default:
		return true
	}
}

// reset ends both halves without a farewell.
func (p *pair) reset() {
	p.once.Do(func() {
		close(p.gone)
		p.mu.Lock()
		defer p.mu.Unlock()
		abort(p.near)
		if p.far != nil {
			abort(p.far)
		}
	})
}

// abort closes with a reset where the protocol knows one: a connection that ended in order has said so before.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close is an orderly one, which is all that is lost
	}
	_ = c.Close() // nobody is told
}

// pump passes one direction on until it ends or the connection is gone.
func (p *Proxy) pump(pair *pair, from, to net.Conn) {
	queue := make(chan chunk, onTheWay)
	var reader sync.WaitGroup
	reader.Go(func() { p.read(pair, from, queue) })
	defer reader.Wait()
	for c := range queue {
		if !p.arrive(pair, c) {
			pair.reset()
			return
		}
		if c.last {
			if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				pair.reset()
			}
			return
		}
		if _, err := to.Write(c.data); err != nil {
			pair.reset()
			return
		}
	}
}

// read takes what one side sends, with the time at which it is to arrive.
func (p *Proxy) read(pair *pair, from net.Conn, queue chan<- chunk) {
	defer close(queue)
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		f, _ := p.now()
		due := time.Now().Add(f.delay)
		if n > 0 {
			select {
			case queue <- chunk{data: append([]byte(nil), buffer[:n]...), due: due}:
			case <-pair.gone:
				return
			}
		}
		if errors.Is(err, io.EOF) {
			select {
			case queue <- chunk{due: due, last: true}:
			case <-pair.gone:
			}
			return
		}
		if err != nil {
			pair.reset()
			return
		}
	}
}

// arrive waits until a chunk may be delivered; false: the connection is gone.
func (p *Proxy) arrive(pair *pair, c chunk) bool {
	if left := time.Until(c.due); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-pair.gone:
			return false
		}
	}
	return p.thawed(pair)
}
