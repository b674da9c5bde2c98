package server

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/weirmesh/weir/server/certificate"
	"github.com/weirmesh/weir/server/mesh"
)

// checkConsole refuses an address of the console where others could read passwords along, or come in without one.
func (o Options) checkConsole() error {
	encrypted := o.TLSCert != "" || o.TLSKey != ""
	switch {
	case encrypted && o.InsecureHTTP:
		return mesh.Errorf(mesh.Invalid, "--insecure-http: there is a certificate to serve the console with: leave out either --insecure-http or --tls-cert and --tls-key")
	case loopback(o.Listen):
		return nil
	case o.Open:
		return mesh.Errorf(mesh.Invalid, "--listen %s: without sign-in whoever reaches the console may do everything, so it is served on this machine only: give 127.0.0.1:PORT or [::1]:PORT, or start Weir without --open", o.Listen)
	case !encrypted && !o.InsecureHTTP:
		return mesh.Errorf(mesh.Invalid, "--listen %s: other machines reach this address, so the console is served there over TLS: give --tls-cert and --tls-key; "+
			"or listen on 127.0.0.1:PORT or [::1]:PORT, behind a proxy with TLS on this machine; or add --insecure-http where nobody can listen in between", o.Listen)
	}
	return nil
}

// listenConsole opens the console's address, and reads its certificate if it has one.
func (s *Server) listenConsole() (net.Listener, error) {
	o := s.opts
	if o.TLSCert == "" && o.TLSKey == "" {
		if o.InsecureHTTP && !loopback(o.Listen) {
			o.Logger.Warn("the console is served without TLS to other machines: whoever is between them and Weir reads and uses passwords, sessions and tokens", "listen", o.Listen)
		}
		return listen("console", o.Listen, "--listen")
	}
	pair, err := certificate.Load(certificate.Files{
		What: "the console", CertFlag: "--tls-cert", KeyFlag: "--tls-key", Cert: o.TLSCert, Key: o.TLSKey, Logger: o.Logger.With("part", "console"),
	})
	if err != nil {
		return nil, err
	}
	l, err := listen("console", o.Listen, "--listen")
	if err != nil {
		return nil, err
	}
	s.certificate = pair
	return tls.NewListener(l, pair.Config("h2", "http/1.1")), nil
}

// URL is the console's address, with the real port when ":0" was asked for. Where Weir listens on every address, its host is a
// name in its certificate, or the machine's.
func (s *Server) URL() string {
	scheme, address := "http://", s.console.Addr().String()
	if s.certificate != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return scheme + address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = cmp.Or(s.certifiedName(), hostname(), host)
	}
	return scheme + net.JoinHostPort(host, port)
}

// certifiedName is a name that people can call the console by; empty if its certificate has none.
func (s *Server) certifiedName() string {
	if s.certificate == nil {
		return ""
	}
	cert, err := s.certificate.Certificate(nil)
	if err != nil {
		return ""
	}
	for _, name := range cert.Leaf.DNSNames {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}

// hostname is the machine's; empty if it does not know.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
