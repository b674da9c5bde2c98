package server

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/certificate"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds"
)

// maxSocket is the longest path of a Unix socket that every system takes, in bytes.
const maxSocket = 103

// The ways in which proxies are served over TLS without files of a certificate.
const (
	xdsTLSAuto = "auto" // where other machines reach the address
	xdsTLSOn   = "on"   // everywhere
)

// checkXDS refuses an address of the control plane where others could read along, or be any proxy.
func (o Options) checkXDS() error {
	path, socket := strings.CutPrefix(o.XDSListen, xds.UnixScheme)
	switch {
	case socket && (!filepath.IsAbs(path) || len(path) > maxSocket):
		return mesh.Errorf(mesh.Invalid, "--xds-listen %s: give the whole path of the socket in at most %d characters, as in unix:/run/weir/xds.sock", o.XDSListen, maxSocket)
	case o.XDSTLS != "" && o.XDSTLS != xdsTLSAuto && o.XDSTLS != xdsTLSOn:
		return mesh.Errorf(mesh.Invalid, "--xds-tls %s: it is auto, for TLS where other machines reach the address, or on, for TLS everywhere", o.XDSTLS)
	case o.Open && !socket && !loopback(o.XDSListen):
		return mesh.Errorf(mesh.Invalid, "--xds-listen %s: without sign-in proxies are let in without a token, so they are served on this machine only: give 127.0.0.1:PORT, or start Weir without --open", o.XDSListen)
	case o.Open && (o.XDSTLS == xdsTLSOn || o.XDSCertificates):
		return mesh.Errorf(mesh.Invalid, "--xds-tls on and --xds-require-certificates go with sign-in, without which there is no authority for proxies: start Weir without --open")
	case o.XDSCertificates && !o.xdsFiles() && !o.ownTLS():
		return mesh.Errorf(mesh.Invalid, "--xds-require-certificates: proxies on %s are served in plain text, over which nobody shows a certificate: give --xds-tls on as well", o.XDSListen)
	}
	return nil
}

// xdsFiles tells whether proxies are served with a certificate of the operator's.
func (o Options) xdsFiles() bool { return o.XDSTLSCert != "" || o.XDSTLSKey != "" }

// ownTLS tells whether they are served with one of Weir's own authority.
func (o Options) ownTLS() bool {
	away := !strings.HasPrefix(o.XDSListen, xds.UnixScheme) && !loopback(o.XDSListen)
	return !o.Open && !o.xdsFiles() && (away || o.XDSTLS == xdsTLSOn)
}

// listenProxies opens the control plane's address, and reads its certificate if it has one.
func (s *Server) listenProxies(ctx context.Context) (o xds.Options, err error) {
	if s.opts.xdsFiles() {
		pair, err := certificate.Load(certificate.Files{
			What: "the control plane", CertFlag: "--xds-tls-cert", KeyFlag: "--xds-tls-key",
			Cert: s.opts.XDSTLSCert, Key: s.opts.XDSTLSKey, Logger: s.opts.Logger.With("part", "xds"),
		})
		if err != nil {
			return o, err
		}
		o.TLS = pair.Config("h2")
	}
	if path, ok := strings.CutPrefix(s.opts.XDSListen, xds.UnixScheme); ok {
		o.Listener, err = listenUnix(ctx, path)
		return o, err
	}
	o.Listener, err = listen("control plane", s.opts.XDSListen, "--xds-listen")
	return o, err
}

// serveProxies builds the control plane on its address.
func (s *Server) serveProxies(ctx context.Context, o xds.Options) (*xds.Server, error) {
	if s.opts.ownTLS() {
		shown, err := s.authority.Serve(ctx)
		if err != nil {
			return nil, err
		}
		o.TLS = certificate.Config(shown, "h2")
	}
	o.Certificates = s.opts.XDSCertificates
	o.Passes, o.Logger, o.Sink, o.Registry = s.passes(), s.opts.Logger.With("part", "xds"), s.seeing.sink(), s.registry
	return xds.New(o)
}

// listenUnix opens a Unix socket that the process' user and group may connect to. A socket that a process left behind that is
// gone is taken over; anything else in its place is not touched.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, mesh.Errorf(mesh.Invalid, "control plane: %w: give another path with --xds-listen", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, mesh.Errorf(mesh.Invalid, "control plane: %s is there already and no socket: give another path with --xds-listen", path)
	default:
		dialer := net.Dialer{Timeout: time.Second}
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil {
			_ = conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, mesh.Errorf(mesh.Unavailable, "control plane: %s is in use by another program: stop it, or give another path with --xds-listen", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "control plane: the socket that was left behind: %w", err)
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "control plane: cannot listen on unix:%s: %w: its folder has to exist and be writable", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // proxies run as other users of the group
		return nil, errors.Join(mesh.Errorf(mesh.Invalid, "control plane: %w", err), l.Close())
	}
	return l, nil
}

// passes is what asks proxies for their tokens; nil without sign-in.
func (s *Server) passes() xds.Passes {
	if s.people == nil {
		return nil
	}
	return proxyPasses{s.people, s.authority}
}

// proxyPasses are the proxies' tokens and certificates as the control plane asks about them.
type proxyPasses struct {
	people    *people.People
	authority *authority.Authority
}

// Pass gives what a token stands for.
func (p proxyPasses) Pass(ctx context.Context, bearer string) (xds.Pass, error) {
	meshName, node, err := p.people.Tokens.Proxy(ctx, bearer)
	if err != nil {
		return xds.Pass{}, err
	}
	pass := passFor(meshName, node)
	pass.Token = tokenID(bearer)
	return pass, nil
}

// Certified gives what a certificate stands for.
func (p proxyPasses) Certified(ctx context.Context, cert *x509.Certificate) (xds.Pass, error) {
	v, err := p.authority.Verify(ctx, cert)
	if err != nil {
		return xds.Pass{}, err
	}
	if err := p.stands(ctx, v.Name); err != nil {
		return xds.Pass{}, err
	}
	pass := passFor(v.Mesh, v.Node)
	pass.Token, pass.Root, pass.Until = v.Token, v.Root, v.Until
	return pass, nil
}

// stands asks whether the token counts that a certificate stands under.
func (p proxyPasses) stands(ctx context.Context, n authority.Name) error {
	meshName, node, err := p.people.Tokens.Standing(ctx, n.Token)
	if err == nil && (meshName != n.Mesh || node != n.Node) {
		err = mesh.Errorf(mesh.Unauthenticated, "the proxy's certificate stands under a token for another node; make another with weir bootstrap --certificates")
	}
	return err
}

func passFor(meshName string, node mesh.Ref) xds.Pass {
	if node.Kind == mesh.KindGateway {
		return xds.Pass{Mesh: meshName, Gateway: node.Name}
	}
	return xds.Pass{Mesh: meshName, Node: node.Name}
}

// Over gives the tokens that count no more: those that were revoked, have expired or are forgotten.
func (p proxyPasses) Over(ctx context.Context, meshName string, tokens []string) ([]string, error) {
	known, err := p.people.Tokens.Proxies(auth.With(ctx, auth.Itself("control plane")), meshName)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	good := make(map[string]bool, len(known))
	for _, t := range known {
		good[t.ID] = t.Valid(now)
	}
	return slices.DeleteFunc(slices.Clone(tokens), func(id string) bool { return good[id] }), nil
}

// Signers gives the roots whose certificates count.
func (p proxyPasses) Signers(ctx context.Context) ([]string, error) { return p.authority.Signers(ctx) }

// Refused writes into the security log who was not let in.
func (p proxyPasses) Refused(ctx context.Context, proxy provider.Proxy, from string) {
	p.people.Audit.Record(ctx, people.Entry{Event: people.ProxyRefused, From: from, Of: proxy.NodeID, Note: proxy.Message})
}
