package demo

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/weirmesh/weir/server/mesh"
)

// The proxies' ports, the same on every address; App Mesh's numbers.
const (
	ingressPort = 15000
	egressPort  = 15001
	gatewayPort = 15080
	reservePort = 15099 // held on the network's last address, so that two demos never share a network
)

// network is a reserved range of 254 loopback addresses.
type network struct {
	prefix string // "127.30.1"
	held   net.Listener
}

// reserve takes the network that is asked for or, without one, the first that no other demo holds.
func reserve(prefix string) (*network, error) {
	if prefix != "" {
		ip, err := netip.ParseAddr(prefix + ".1")
		if err != nil || !ip.Is4() || !ip.IsLoopback() {
			return nil, mesh.Errorf(mesh.Invalid, `network %q: is the first three bytes of loopback addresses, as in "127.30.1"`, prefix)
		}
		return hold(prefix)
	}
	const candidates = 200 * 250
	var err error
	for i := range 1000 {
		at := (os.Getpid()*251 + i) % candidates // parallel demos begin at different places
		var n *network
		if n, err = hold(fmt.Sprintf("127.%d.%d", 20+at/250, 1+at%250)); err == nil {
			return n, nil
		}
	}
	return nil, err
}

func hold(prefix string) (*network, error) {
	at := fmt.Sprintf("%s.254:%d", prefix, reservePort)
	held, err := net.Listen("tcp4", at)
	if err != nil {
		return nil, mesh.Errorf(mesh.Unavailable, "the demo cannot have the addresses %s.*, which another demo may hold or this system may lack (Linux has them): %w", prefix, err)
	}
	return &network{prefix: prefix, held: held}, nil
}

// address is the nth address, from 1.
func (n *network) address(nth int) string { return fmt.Sprintf("%s.%d", n.prefix, nth) }

// release gives the network back.
func (n *network) release() { _ = n.held.Close() }
