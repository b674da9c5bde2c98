package scrape

import (
	"context"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// zone is what a name server knows; everything else does not exist.
type zone struct {
	mu      sync.Mutex
	hosts   map[string][]string // addresses by name
	service map[string][]net.SRV
}

// set changes the addresses of a name; none: the name is gone.
func (z *zone) set(name string, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.hosts[name] = addresses; addresses == nil {
		delete(z.hosts, name)
	}
}

// nameserver starts a DNS server on UDP and gives a resolver that asks it alone.
func nameserver(t testing.TB, z *zone) *net.Resolver {
	t.Helper()
	if z == nil {
		z = &zone{}
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := z.answer(buf[:n]); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (z *zone) answer(request []byte) ([]byte, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	var m dnsmessage.Message
	if err := m.Unpack(request); err != nil {
		return nil, err
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
	if z.hosts[name] == nil && z.service[name] == nil {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range z.hosts[name] {
		ip := net.ParseIP(a)
		switch four := ip.To4(); {
		case q.Type == dnsmessage.TypeA && four != nil:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: [4]byte(four)}})
		case q.Type == dnsmessage.TypeAAAA && four == nil:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}})
		}
	}
	if q.Type == dnsmessage.TypeSRV {
		for _, s := range z.service[name] {
			to, err := dnsmessage.NewName(s.Target)
			if err != nil {
				return nil, err
			}
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.SRVResource{Target: to, Port: s.Port}})
		}
	}
	return m.Pack()
}
