package xds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// hangUpAfter is how long the words of a refusal have to arrive before the connection is closed.
const hangUpAfter = time.Second

// handshakes are TLS whose connections can be closed one by one, which gRPC cannot.
type handshakes struct {
	credentials.TransportCredentials
}

// connection is what is known of one.
type connection struct {
	credentials.TLSInfo
	conn net.Conn
}

// credentials asks proxies for their certificates and takes any: whether one counts is said to the stream, in words that its
// operator gets to read, instead of with an alert. TLS has checked by then that the proxy has the key.
func (s *Server) credentials() credentials.TransportCredentials {
	config := s.tls.Clone()
	if s.passes != nil {
		config.ClientAuth = tls.RequestClientCert
	}
	return handshakes{credentials.NewTLS(config)}
}

// ServerHandshake keeps the connection beside what the handshake found out.
func (h handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	if found, ok := info.(credentials.TLSInfo); ok && err == nil {
		return conn, connection{found, raw}, nil
	}
	return conn, info, err
}

// Clone copies it, as gRPC asks for.
func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone()}
}

// connectionOf is the encrypted connection of a stream.
func connectionOf(ctx context.Context) (connection, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return connection{}, false
	}
	c, ok := p.AuthInfo.(connection)
	return c, ok
}

// certificateOf is what a proxy showed when it connected; nil: nothing.
func certificateOf(ctx context.Context) *x509.Certificate {
	if c, ok := connectionOf(ctx); ok && len(c.State.PeerCertificates) > 0 {
		return c.State.PeerCertificates[0]
	}
	return nil
}

// connOf is a stream's connection; nil for plain text.
func connOf(ctx context.Context) net.Conn {
	c, _ := connectionOf(ctx)
	return c.conn
}

// hangUp closes a connection that can be closed.
func hangUp(conn net.Conn) {
	if conn != nil {
		_ = conn.Close() // it may be closed already
	}
}
