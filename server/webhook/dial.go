package webhook

import (
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// refusal says why an address is not called.
type refusal struct{ address, why string }

// Error gives the sentence.
func (r *refusal) Error() string {
	return r.address + " is not called: " + r.why
}

// transport makes connections for one call each. Proxies of the environment are not used: behind one it could not be
// known who is called.
func transport(loopback bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: defaultTimeout,
		Control: func(_, address string, _ syscall.RawConn) error { return allowed(address, loopback) },
	}
	return &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: defaultTimeout,
		MaxResponseHeaderBytes: 16 << 10, ResponseHeaderTimeout: 2 * time.Minute, ForceAttemptHTTP2: true,
	}
}

// metadata are addresses beyond the link-local ones at which clouds give their machines credentials.
func metadata() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}
}

// allowed looks at the address that is really dialled, after names were resolved: whoever may configure a webhook must
// not reach what trusts this machine for being this machine. Private networks are allowed: that is where receivers are.
func allowed(address string, loopback bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusal{address, "it is no address of the internet protocol"}
	}
	ip := at.Addr().Unmap().WithZone("") // a zone chooses an interface, not another address
	switch {
	case ip.IsLoopback() && loopback:
		return nil
	case ip.IsLoopback(), ip.IsUnspecified():
		return &refusal{address, "it is this machine; set rollouts: {loopback: true} in the configuration file to allow that"}
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsLinkLocalMulticast(), ip.IsInterfaceLocalMulticast():
		return &refusal{address, "it is a link-local or multicast address, where clouds keep credentials"}
	}
	for _, m := range metadata() {
		if ip == m {
			return &refusal{address, "it is where clouds keep credentials"}
		}
	}
	return nil
}
