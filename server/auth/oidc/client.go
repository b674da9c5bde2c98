package oidc

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Limits of what the provider may answer with and of the secret's file, in bytes.
const (
	maxBody   = 1 << 20
	maxHeader = 64 << 10
	maxSecret = 4 << 10
)

// refusal says why an address is not called or an answer not taken.
type refusal string

// Error gives the sentence.
func (r refusal) Error() string { return string(r) }

// newClient calls the provider and nobody else: its addresses come from the configuration and from what it says of itself,
// which must not lead to where clouds keep credentials, nor to this machine. Proxies of the environment are not used: behind
// one it could not be known who is called.
func newClient(timeout time.Duration, local bool) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error { return allowed(address, local) }}
	return &http.Client{
		Timeout: timeout,
		Transport: bounded{&http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxHeader, DisableKeepAlives: true, // sign-ins are seldom: nothing stays open between them
		}},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			first := before[0]
			if first.Method != http.MethodGet || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(before) > 3 {
				return refusal("it sends Weir on to another address, which is not followed")
			}
			return nil
		},
	}
}

// allowed looks at the address that is really dialled, after names were resolved.
func allowed(address string, local bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusal(address + " is no address of the internet protocol")
	}
	ip := at.Addr().Unmap()
	metadata := []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}
	switch {
	case ip.IsLoopback() && !local, ip.IsUnspecified():
		return refusal(address + " is this machine; set oidc: {loopback: true} in the configuration file to allow that")
	case ip.IsLinkLocalUnicast(), ip.IsMulticast():
		return refusal(address + " is a link-local or multicast address, where clouds keep credentials")
	}
	for _, m := range metadata {
		if ip == m {
			return refusal(address + " is where clouds keep credentials")
		}
	}
	return nil
}

// bounded cuts off answers that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip makes one call.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &limited{ReadCloser: answer.Body, left: maxBody}
	}
	return answer, err
}

// limited is a body that ends with an error after so many bytes.
type limited struct {
	io.ReadCloser
	left int
}

// Read reads on.
func (l *limited) Read(to []byte) (int, error) {
	if l.left <= 0 {
		return 0, refusal("its answer is longer than a mebibyte")
	}
	if len(to) > l.left {
		to = to[:l.left]
	}
	n, err := l.ReadCloser.Read(to)
	l.left -= n
	return n, err
}

// secret reads the client's secret, so that another one counts without a restart. Error: mesh.Invalid.
func (p *Provider) secret() (string, error) {
	if p.o.SecretFile == "" {
		return "", nil
	}
	file, err := os.Open(p.o.SecretFile) //nolint:gosec // the operator's own file
	if err != nil {
		return "", mesh.Errorf(mesh.Invalid, "oidc.clientSecretFile %s cannot be read: %w", p.o.SecretFile, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	err = errors.Join(err, file.Close())
	secret := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", mesh.Errorf(mesh.Invalid, "oidc.clientSecretFile %s cannot be read: %w", p.o.SecretFile, err)
	case secret == "" || len(data) > maxSecret:
		return "", mesh.Errorf(mesh.Invalid, "oidc.clientSecretFile %s: it has to hold the secret alone, of at most %d bytes", p.o.SecretFile, maxSecret)
	}
	return secret, nil
}
