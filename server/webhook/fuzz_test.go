package webhook

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// FuzzAddress: an address that is dialled is never this machine's, nor where clouds keep credentials, however it is written.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"10.1.2.3:80", "127.0.0.1:80", "[::ffff:127.0.0.1]:80", "[::1%lo]:1", "[64:ff9b::7f00:1]:80", "0.0.0.0:80", "[::]:80", "127.1:80", "0x7f.1:80",
		"169.254.169.254:80", "[fe80::1%eth0]:80", "[::ffff:a9fe:a9fe]:80", "[fd00:ec2::254%x]:80", "[fd00:ec2::254]:80", "100.100.100.200:0", "", "\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if err := allowed(address, false); err != nil {
			if said := err.Error(); said == "" {
				t.Errorf("%q is refused without a word", address)
			}
			return
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			t.Fatalf("%q is dialled", address)
		}
		ip := at.Addr().Unmap().WithZone("")
		if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.String() == "fd00:ec2::254" {
			t.Errorf("%q is dialled, which is %s", address, ip)
		}
	})
}

// FuzzURL: whatever people configure as an address is called, or refused in words that never hold its query.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"", "::", "ftp://x/", "http://", "http:///x", "HTTPS://x", "http://[::1", "http://a b/", "//x", "http://u:p@x/?token=hush", "http://\x7f/", "https://x:99999/",
		"http://%zz/", "http://xn--/", "http:opaque", "http://x\r\nHost: y/",
	} {
		f.Add(s)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel() // nobody is called
	f.Fuzz(func(t *testing.T, url string) {
		const query = "?token=hushhush"
		err := New(Options{}).Send(gone, Hook{Name: "h", URL: url + query}, Payload{})
		code := mesh.CodeOf(err)
		if err == nil || code != mesh.Invalid && code != mesh.Unavailable {
			t.Fatalf("%q: %v", url, err)
		}
		if strings.Contains(err.Error(), "hushhush") {
			t.Errorf("%q: the query is told: %v", url, err)
		}
	})
}

// FuzzWords: what a receiver answers is repeated on one line that is not long.
func FuzzWords(f *testing.F) {
	f.Add(500, []byte("no\r\n<b>way</b>\x00"))
	f.Add(-1, []byte("\xff\xfe\u2028"))
	f.Fuzz(func(t *testing.T, code int, said []byte) {
		s := words(code, said)
		if strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxSaid+len(http.StatusText(code))+30 {
			t.Errorf("%q", s)
		}
	})
}
