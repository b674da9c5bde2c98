package gate

import (
	"net/http"
	"net/netip"
	"testing"
)

// FuzzAddress: whatever stands in X-Forwarded-For, a request comes from an address, and never from a trusted proxy's unless
// there is nothing else.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"203.0.113.9", "127.0.0.1, 203.0.113.9, 10.9.9.9", "evil", ",,", "::ffff:10.0.0.1", "fe80::1%eth0", "203.0.113.9:80", "\x00", "10.0.0.2"} {
		f.Add(s, "10.0.0.1:1")
		f.Add(s, "192.0.2.7:1")
	}
	g := &Gate{o: Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	f.Fuzz(func(t *testing.T, forwarded, remote string) {
		if _, err := netip.ParseAddrPort(remote); err != nil {
			return // the listener makes these
		}
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		at := g.Address(r)
		if _, err := netip.ParseAddr(at); err != nil {
			t.Errorf("%q from %s comes from %q", forwarded, remote, at)
		}
		if direct := hostOf(remote); !g.trusts(direct) && at != direct {
			t.Errorf("%q from %s is believed: %s", forwarded, remote, at)
		}
	})
}
