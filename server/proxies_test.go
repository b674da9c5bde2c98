package server

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// TestProxiesAreLetInByToken is a Weir with sign-in whose proxies come through a Unix socket: tokens are made over REST, let
// in their node, and end its streams when they are revoked or expire.
func TestProxiesAreLetInByToken(t *testing.T) {
	dir, err := os.MkdirTemp("", "weir") // a test's own folder makes paths too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := quiet(t)
	o.Open, o.XDSListen = false, "unix:"+filepath.Join(dir, "xds.sock")
	s, _ := run(t, o)
	if s.XDSAddr() != o.XDSListen {
		t.Errorf("the address is %s", s.XDSAddr())
	}
	kim := newOperator(t, s)
	if _, _, err := kim.Apply(t, "mesh: shop\nnodes: [{name: cart}, {name: web}]\n"); err != nil {
		t.Fatal(err)
	}
	for want, w := range map[string]client.ProxyTokenWish{
		"either": {}, "crat": {Node: "crat"}, "at least a minute": {Node: "cart", For: mesh.Duration(time.Second)},
	} {
		if _, err := kim.MintProxyToken(t.Context(), "shop", w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	minted, err := kim.MintProxyToken(t.Context(), "shop", client.ProxyTokenWish{Node: "cart"})
	if err != nil {
		t.Fatal(err)
	}
	if minted.Token == "" || minted.Node != "cart" || minted.Expires != nil {
		t.Errorf("%+v", minted)
	}
	envoy := connect(t, s, "cart", minted.Token)
	eventually(t, "it is synced", func() bool { return proxyState(s, "cart-a") == provider.Synced })
	for node, token := range map[string]string{"web": minted.Token, "nobody": "weirproxy_0000000000_nonsense"} {
		stranger := connect(t, s, node, token)
		want := map[string]codes.Code{"web": codes.PermissionDenied, "nobody": codes.Unauthenticated}[node]
		stranger.Wait("the refusal", func() bool { return status.Code(stranger.Err()) == want })
	}
	if _, list, err := kim.ProxyTokens(t.Context(), "shop"); err != nil || len(list) != 1 || list[0].ID != minted.ID || list[0].Used == nil || list[0].Token != "" {
		t.Errorf("listed %+v, %v", list, err)
	}
	if _, err := kim.RevokeProxyToken(t.Context(), "shop", "none"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("revoke another: %v", err)
	}
	for range 2 { // a second click changes nothing
		if revoked, err := kim.RevokeProxyToken(t.Context(), "shop", minted.ID); err != nil || revoked.Revoked == nil {
			t.Fatalf("%+v, %v", revoked, err)
		}
	}
	envoy.Wait("the end", func() bool { return status.Code(envoy.Err()) == codes.Unauthenticated })
	envoy.Connect()
	eventually(t, "it is shown as refused", func() bool { return proxyState(s, "mesh/shop/virtualNode/cart/a") == provider.Refused })
	logged := 0
	for _, e := range s.people.Audit.Recent() {
		if e.Event == people.ProxyRefused && strings.HasPrefix(e.Of, "mesh/shop/virtualNode/") && !strings.Contains(e.Note, "weirproxy") {
			logged++
		}
	}
	if logged < 3 {
		t.Errorf("%d refusals are in the security log, want those of web, nobody and cart", logged)
	}
}

// operator is somebody who may do everything in mesh shop, at the API.
type operator struct{ *client.Client }

func newOperator(t *testing.T, s *Server) operator {
	t.Helper()
	return newOperatorOf(t, s, nil)
}

// Apply sends a definition.
func (o operator) Apply(t *testing.T, text string) (changed string, state string, err error) {
	t.Helper()
	answer, err := o.Client.Apply(t.Context(), "", bytes.TrimSpace([]byte(text)), client.Ask{})
	return answer.Change.ID, string(answer.Change.State), err
}

// connect is a proxy beside a node of mesh shop that shows a token.
func connect(t *testing.T, s *Server, node, token string) *xdstest.Envoy {
	t.Helper()
	show := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
		return next(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), desc, cc, method, o...)
	}
	return xdstest.Start(t, xdstest.Options{
		Addr: s.XDSAddr(), Node: &corev3.Node{Id: "mesh/shop/virtualNode/" + node + "/a"}, Dial: []grpc.DialOption{grpc.WithStreamInterceptor(show)},
	})
}

// proxyState is what a proxy of mesh shop is shown as, by its ID or node id.
func proxyState(s *Server, id string) (state provider.ProxyState) {
	for _, p := range s.xds.Proxies("shop") {
		if p.ID == id || p.State == provider.Refused && p.NodeID == id {
			state = p.State
		}
	}
	return state
}

// TestWhereProxiesAreServed: an address that others reach needs TLS and sign-in.
func TestWhereProxiesAreServed(t *testing.T) {
	short, err := os.MkdirTemp("", "weir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	file, live, stale := filepath.Join(short, "file"), filepath.Join(short, "live"), filepath.Join(short, "stale")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{live, stale} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if path == stale {
			_ = l.Close() // as of a process that was killed
		} else {
			t.Cleanup(func() { _ = l.Close() })
		}
	}
	for name, c := range map[string]struct {
		listen, cert, key, want, tls string
		open, only                   bool
	}{
		"everywhere":       {listen: "0.0.0.0:0"},
		"a name":           {listen: "weir.invalid:0", want: "cannot listen"},
		"no port":          {listen: "here", want: "cannot listen"},
		"another word":     {listen: "127.0.0.1:0", tls: "off", want: "it is auto"},
		"open, with TLS":   {listen: "127.0.0.1:0", tls: "on", open: true, want: "go with sign-in"},
		"plain, required":  {listen: "127.0.0.1:0", only: true, want: "give --xds-tls on"},
		"socket, required": {listen: "unix:" + stale, only: true, want: "give --xds-tls on"},
		"open, everywhere": {listen: "0.0.0.0:0", cert: "a", key: "b", open: true, want: "without sign-in"},
		"half a pair":      {listen: "0.0.0.0:0", cert: "a", want: "both files"},
		"no such files":    {listen: "127.0.0.1:0", cert: "a", key: "b", want: "--xds-tls-cert a"},
		"relative socket":  {listen: "unix:weir.sock", want: "whole path"},
		"long socket":      {listen: "unix:/" + strings.Repeat("x", 200), want: "whole path"},
		"no folder":        {listen: "unix:" + filepath.Join(short, "none", "xds.sock"), want: "folder"},
		"a file":           {listen: "unix:" + file, want: "no socket"},
		"in use":           {listen: "unix:" + live, want: "in use by another program"},
		"left behind":      {listen: "unix:" + stale},
	} {
		t.Run(name, func(t *testing.T) {
			o := quiet(t)
			o.Open, o.XDSListen, o.XDSTLSCert, o.XDSTLSKey = c.open, c.listen, c.cert, c.key
			o.XDSTLS, o.XDSCertificates = c.tls, c.only
			s, err := New(t.Context(), o)
			if err == nil {
				err = s.Close()
				if c.want != "" {
					t.Fatalf("served, want %q", c.want)
				}
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
