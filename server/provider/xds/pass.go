package xds

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

const (
	// recheck is how often it is asked whether the tokens of connected proxies still count. A token that was revoked ends its
	// streams within twice this.
	recheck = 2 * time.Second
	// firstWithin is how long a stream may take to say who it is, before which nothing is known of it.
	firstWithin = 20 * time.Second
)

// Pass is what a proxy's token or certificate stands for: one virtual node or gateway of one mesh.
type Pass struct {
	Token         string // its ID, which is no secret; of a certificate: the token that it stands under
	Mesh          string
	Node, Gateway string    // exactly one
	Root          string    // the ID of the authority's root that signed its certificate; empty: it showed a token
	Until         time.Time // until when its certificate counts; zero: it showed a token
}

// Passes knows the proxies' tokens and certificates.
type Passes interface {
	// Pass gives what a token stands for. Error: mesh.Unauthenticated when it does not count; any other means that this
	// cannot be found out now.
	Pass(ctx context.Context, bearer string) (Pass, error)
	// Certified gives what a certificate stands for whose key the proxy has. Error: mesh.Unauthenticated, in words for the
	// proxy, when it does not count; any other as Pass's.
	Certified(ctx context.Context, cert *x509.Certificate) (Pass, error)
	// Over gives those of a mesh's tokens, by their IDs, that count no more.
	Over(ctx context.Context, meshName string, tokens []string) ([]string, error)
	// Signers gives the roots, by their IDs, whose certificates count.
	Signers(ctx context.Context) ([]string, error)
	// Refused is told who was not let in, and from which address. It is called once for a row of attempts, and seldom when
	// there are many rows.
	Refused(ctx context.Context, p provider.Proxy, from string)
}

// stay is a stream that was let in by a token or a certificate.
type stay struct {
	pass Pass
	conn net.Conn      // nil: plain text
	over chan struct{} // closed when the token counts no more; nil, which never is, without tokens
}

// vouch finds out what the certificate or the token stands for that a stream shows; a certificate that is shown has to count,
// whatever else is. The error is a gRPC status: codes.Unauthenticated without one that counts, codes.PermissionDenied for one
// that is another proxy's, codes.Unavailable when that cannot be said now.
func (s *Server) vouch(ctx context.Context, identity Identity, parsed bool) (Pass, error) {
	if s.passes == nil {
		return Pass{}, nil
	}
	shown := "certificate"
	pass, err := Pass{}, error(nil)
	if cert := certificateOf(ctx); cert != nil {
		pass, err = s.certified(ctx, cert)
	} else {
		shown = "token"
		pass, err = s.showed(ctx, bearerOf(ctx))
	}
	switch {
	case err != nil:
		return Pass{}, err
	case parsed && (pass.Mesh != identity.Mesh || pass.Node != identity.Node || pass.Gateway != identity.Gateway):
		what, name := "virtual node", pass.Node
		if pass.Gateway != "" {
			what, name = "virtual gateway", pass.Gateway
		}
		return Pass{}, status.Error(codes.PermissionDenied, fmt.Sprintf(
			"the %s is for %s %s of mesh %s, and not for the proxy's node id %q; make one for it with weir bootstrap",
			shown, what, name, pass.Mesh, shorten(identity.NodeID)))
	}
	return pass, nil
}

// certified is vouch for a certificate.
func (s *Server) certified(ctx context.Context, cert *x509.Certificate) (Pass, error) {
	pass, err := s.passes.Certified(ctx, cert)
	switch {
	case mesh.CodeOf(err) == mesh.Unauthenticated:
		// A proxy shows what it showed when it connected. The one that it may have got since comes with its next connection.
		time.AfterFunc(hangUpAfter, func() { hangUp(connOf(ctx)) })
		return Pass{}, status.Error(codes.Unauthenticated, err.Error())
	case err != nil:
		s.log.Warn("a proxy's certificate cannot be checked", "err", err)
		return Pass{}, status.Error(codes.Unavailable, "Weir cannot check the proxy's certificate now; try again")
	}
	return pass, nil
}

// showed is vouch for a token.
func (s *Server) showed(ctx context.Context, bearer string) (Pass, error) {
	switch {
	case s.certificates:
		return Pass{}, status.Error(codes.Unauthenticated,
			"the proxy shows no certificate, and this Weir lets none in by a token alone; start it with what weir bootstrap --certificates prints for it")
	case bearer == "":
		return Pass{}, status.Error(codes.Unauthenticated,
			"the proxy shows no token; start it with what weir bootstrap prints for it, which holds one")
	}
	pass, err := s.passes.Pass(ctx, bearer)
	switch {
	case mesh.CodeOf(err) == mesh.Unauthenticated:
		return Pass{}, status.Error(codes.Unauthenticated,
			"the proxy's token does not count: it is unknown, has expired or was revoked; make another with weir bootstrap")
	case err != nil:
		s.log.Warn("a proxy's token cannot be checked", "err", err)
		return Pass{}, status.Error(codes.Unavailable, "Weir cannot check the proxy's token now; try again")
	}
	return pass, nil
}

// bearerOf is the token that a stream shows; empty if it shows none, or several.
func bearerOf(ctx context.Context) string {
	shown := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(shown) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(shown[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// hold keeps a stream that was let in, so that it ends with its token.
func (s *Server) hold(ctx context.Context, pass Pass) *stay {
	if s.passes == nil {
		return &stay{}
	}
	st := &stay{pass: pass, conn: connOf(ctx), over: make(chan struct{})}
	s.staysMu.Lock()
	defer s.staysMu.Unlock()
	s.stays[st] = struct{}{}
	return st
}

// unhold forgets a stream that ended.
func (s *Server) unhold(st *stay) {
	s.staysMu.Lock()
	defer s.staysMu.Unlock()
	delete(s.stays, st)
}

// errOver is told to a proxy whose token or certificate counts no more.
func (st *stay) errOver() error {
	if !st.pass.Until.IsZero() {
		return status.Error(codes.Unauthenticated, "the proxy's certificate has ended, its root is distrusted, or the token that it stands under was revoked; connect again with the next one")
	}
	return status.Error(codes.Unauthenticated, "the proxy's token has expired or was revoked; make another with weir bootstrap")
}

// watchPasses ends the streams whose tokens count no more, until ctx ends.
func (s *Server) watchPasses(ctx context.Context) {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.endCertificates(ctx)
			s.checkPasses(ctx)
		}
	}
}

// checkPasses asks once about the tokens of all streams, a mesh at a time. Where there is no answer the streams stay: a
// database that is away must not take the proxies' configuration with it.
func (s *Server) checkPasses(ctx context.Context) {
	for name, stays := range s.staysByMesh() {
		tokens := make([]string, 0, len(stays))
		for token := range stays {
			tokens = append(tokens, token)
		}
		asked, cancel := context.WithTimeout(ctx, recheck)
		over, err := s.passes.Over(asked, name, tokens)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("the proxies' tokens cannot be checked; their streams stay", "mesh", name, "err", err)
			}
			continue
		}
		for _, token := range over {
			s.log.Info("a proxy's token counts no more", "mesh", name, "token", token, "streams", len(stays[token]))
			s.endStays(stays[token])
		}
	}
}

// endCertificates hangs up on proxies whose certificates have ended, or are of a root that is distrusted: they connect again, with the next one if they have it. A
// stream alone would come again over the same connection.
func (s *Server) endCertificates(ctx context.Context) {
	now := s.now()
	asked, cancel := context.WithTimeout(ctx, recheck)
	signers, err := s.passes.Signers(asked) // where there is no answer the streams stay, as in checkPasses
	cancel()
	s.staysMu.Lock()
	var ended []*stay
	for st := range s.stays {
		until, distrusted := st.pass.Until, err == nil && st.pass.Root != "" && !slices.Contains(signers, st.pass.Root)
		if distrusted || !until.IsZero() && now.After(until) {
			ended = append(ended, st)
		}
	}
	s.staysMu.Unlock()
	for _, st := range ended {
		s.log.Info("a proxy's certificate has ended, or its root is distrusted; it has to connect with the next one", "mesh", st.pass.Mesh, "node", st.pass.Node+st.pass.Gateway)
		hangUp(st.conn)
	}
	s.endStays(ended)
}

// staysByMesh gives the streams by mesh and token.
func (s *Server) staysByMesh() map[string]map[string][]*stay {
	s.staysMu.Lock()
	defer s.staysMu.Unlock()
	out := make(map[string]map[string][]*stay)
	for st := range s.stays {
		if out[st.pass.Mesh] == nil {
			out[st.pass.Mesh] = make(map[string][]*stay)
		}
		out[st.pass.Mesh][st.pass.Token] = append(out[st.pass.Mesh][st.pass.Token], st)
	}
	return out
}

func (s *Server) endStays(list []*stay) {
	s.staysMu.Lock()
	defer s.staysMu.Unlock()
	for _, st := range list {
		if _, held := s.stays[st]; held {
			delete(s.stays, st)
			close(st.over)
		}
	}
}

// firstOf receives a stream's first message, for which it does not wait for ever.
func firstOf[T any](recv func() (T, error)) (T, error) {
	type received struct {
		msg T
		err error
	}
	came := make(chan received, 1)
	go func() { // ends with the stream, which ends when its handler returns
		msg, err := recv()
		came <- received{msg, err}
	}()
	timer := time.NewTimer(firstWithin)
	defer timer.Stop()
	select {
	case r := <-came:
		return r.msg, r.err
	case <-timer.C:
		var none T
		return none, status.Error(codes.DeadlineExceeded, "the stream said nothing for too long; its first message must carry the node")
	}
}
