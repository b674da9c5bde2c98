// Package faultproxy is a TCP proxy that tests put between Weir and what it depends on, to make the network in between
// slow, frozen or cut, and whole again. What it does to bytes is what a network would do: their order and their contents
// stay.
//
// It is for tests: everything passes through it in the clear, and it limits nothing.
package faultproxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// connect is how long the other side may take to accept a connection.
const connect = 10 * time.Second

// fault is what happens to bytes at present.
type fault struct {
	delay  time.Duration
	frozen bool
	cut    bool
}

// Proxy passes connections on to one address. Its methods may be called at any time, by many goroutines.
type Proxy struct {
	network, address string // of the other side
	listener         net.Listener
	pumps            sync.WaitGroup

	mu      sync.Mutex
	fault   fault
	changed chan struct{} // closed when the fault changes
	pairs   map[*pair]struct{}
	closed  bool
}

// New listens on a free port of 127.0.0.1 and passes on to the address, such as "tcp", "127.0.0.1:5432" or "unix",
// "/run/postgresql/.s.PGSQL.5432". Close ends it.
func New(network, address string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{network: network, address: address, listener: l, changed: make(chan struct{}), pairs: make(map[*pair]struct{})}
	p.pumps.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Open is how many connections pass through at present.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// Delay makes every byte arrive that much later, in each direction; what is on its way already is not held back. It takes
// back what Cut and Freeze did.
func (p *Proxy) Delay(d time.Duration) { p.set(fault{delay: d}) }

// Cut resets every connection and, until the next call, each new one as soon as it is made: a process that has died on a
// machine that lives.
func (p *Proxy) Cut() {
	p.set(fault{cut: true})
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.reset()
	}
}

// Freeze lets connections be, and be made, but no byte pass: a machine that hangs, or a network that drops packets. What was
// sent arrives after Restore or Delay.
func (p *Proxy) Freeze() { p.set(fault{frozen: true}) }

// Restore makes the network whole again. Connections that were cut stay cut.
func (p *Proxy) Restore() { p.set(fault{}) }

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.pumps.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed && !f.cut {
		return
	}
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// now gives the present fault, and what is closed when it is another one.
func (p *Proxy) now() (fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.changed
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.pumps.Go(func() { p.serve(conn) })
	}
}

func (p *Proxy) serve(near net.Conn) {
	pair := &pair{near: near, gone: make(chan struct{})}
	p.mu.Lock()
	cut := p.fault.cut || p.closed
	if !cut {
		p.pairs[pair] = struct{}{}
	}
	p.mu.Unlock()
	if cut {
		pair.reset()
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.pairs, pair)
		p.mu.Unlock()
		pair.reset()
	}()
	if !p.thawed(pair) { // who cannot be reached is not connected to either
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connect)
	defer cancel()
	var d net.Dialer
	far, err := d.DialContext(ctx, p.network, p.address)
	if err != nil || !pair.join(far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(pair, near, far) })
	both.Go(func() { p.pump(pair, far, near) })
	both.Wait()
}

// thawed waits until bytes may pass; false: the connection is gone.
func (p *Proxy) thawed(pair *pair) bool {
	for {
		f, changed := p.now()
		if f.cut {
			return false
		}
		if !f.frozen {
			return true
		}
		select {
		case <-changed:
		case <-pair.gone:
			return false
		}
	}
}
