package oidc_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/mesh"
)

// TestAway: Weir starts without its provider and says so to whoever wants to sign in; when it is back, so are they.
func TestAway(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() { w.op.away = true })
	b := w.browser(t)
	_, _, err := w.oidc.Begin(b.ask(t), "")
	b.refused(t, err, mesh.Unavailable, "does not answer as it should: try again in a moment, or sign in with a password")
	if err := w.oidc.Check(t.Context()); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("whoever watches is told %v", err)
	}
	if n := w.op.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("it was asked %d times within a second", n)
	}
	if !strings.Contains(w.log.String(), "the identity provider cannot be asked") {
		t.Error("the log does not say why")
	}
	w.op.set(func() { w.op.away = false })
	w.later(2 * time.Second)
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Error(err)
	}
}

// TestAwayAgain: what it said of itself lasts, and who wants to leave can.
func TestAwayAgain(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	query := b.login(t, b.begin(t, ""), "ada")
	w.op.set(func() { w.op.away = true })
	_, next, err := b.finish(t, query)
	b.refused(t, err, mesh.Unavailable, "does not answer")
	if next != "/" {
		t.Errorf("next %q", next)
	}
	w.op.set(func() { w.op.away = false })
	query = b.login(t, b.begin(t, ""), "ada")
	if _, _, err := b.finish(t, query); err != nil {
		t.Fatal(err)
	}
	w.op.set(func() { w.op.away = true })
	w.later(2 * time.Hour)
	if err := w.oidc.Check(t.Context()); err != nil {
		t.Errorf("what it said last does not count: %v", err)
	}
	w.later(-2 * time.Hour)
	if to, _, err := w.oidc.Logout(b.ask(t)); err != nil || to == "" || b.name(t) != "" {
		t.Errorf("leaving leads to %q, %v", to, err)
	}
}

// TestKeysAway: nobody is told that they are forging when the provider's keys cannot be read.
func TestKeysAway(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() { w.op.broken["/keys"] = http.StatusServiceUnavailable })
	b := w.browser(t)
	_, _, err := b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Unavailable, "does not answer")
	w.op.set(func() { delete(w.op.broken, "/keys") })
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Error(err)
	}
}

// TestCrowd: forty browsers at once ask the provider once.
func TestCrowd(t *testing.T) {
	w := newWorld(t, nil)
	var all sync.WaitGroup
	for range 40 {
		b := w.browser(t)
		ctx := b.ask(t)
		all.Go(func() {
			if _, _, err := w.oidc.Begin(ctx, "/"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.op.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// TestSilent: a provider that takes the connection and says nothing holds nobody up for long.
func TestSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := newWorld(t, func(o *oidc.Options) { o.Issuer, o.Timeout = "http://"+listener.Addr().String(), 50*time.Millisecond })
	_, _, err = w.oidc.Begin(w.browser(t).ask(t), "")
	if mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("%v", err)
	}
	gone, cancel := context.WithCancel(w.browser(t).ask(t))
	cancel()
	if _, _, err := w.oidc.Begin(gone, ""); err == nil {
		t.Error("a sign-in began for nobody")
	}
}

// TestStrangeProviders: what it says of itself is not believed blindly.
func TestStrangeProviders(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		says  func(doc map[string]any)
		words string
	}{
		"another issuer":         {func(d map[string]any) { d["issuer"] = "https://other.example.com" }, "calls itself https://other.example.com"},
		"plain text":             {func(d map[string]any) { d["token_endpoint"] = "http://other.example.com/token" }, "https://"},
		"no address":             {func(d map[string]any) { delete(d, "authorization_endpoint") }, "https://"},
		"no keys":                {func(d map[string]any) { delete(d, "jwks_uri") }, "https://"},
		"a script":               {func(d map[string]any) { d["end_session_endpoint"] = "javascript:alert(1)" }, "https://"},
		"an issuer of no text":   {func(d map[string]any) { d["issuer"] = 7 }, "does not answer as it should"},
		"more than it should be": {func(d map[string]any) { d["padding"] = strings.Repeat("x", 2<<20) }, "does not answer as it should"},
	} {
		t.Run(name, func(t *testing.T) {
			w.op.set(func() { w.op.says = c.says })
			w.again(t, nil)
			b := w.browser(t)
			_, _, err := w.oidc.Begin(b.ask(t), "")
			b.refused(t, err, mesh.Unavailable, c.words)
		})
	}
}

func TestStrangeAnswers(t *testing.T) {
	w := newWorld(t, nil)
	for name, body := range map[string]string{"nothing": "", "a page": "<!doctype html><title>Sign in to Wi-Fi</title>", "too deep": strings.Repeat("[", 1<<19)} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
			t.Cleanup(server.Close)
			w.again(t, func(o *oidc.Options) { o.Issuer = server.URL })
			b := w.browser(t)
			_, _, err := w.oidc.Begin(b.ask(t), "")
			b.refused(t, err, mesh.Unavailable, "does not answer as it should")
		})
	}
}

// TestThisMachine: a name that leads to this machine is not called unless that is allowed.
func TestThisMachine(t *testing.T) {
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "0.0.0.0:443", "169.254.169.254:443", "[fe80::1]:443", "[fd00:ec2::254]:443", "[::ffff:169.254.169.254]:443", "not-an-address"} {
		if err := oidc.Allowed(address, false); err == nil {
			t.Errorf("%s may be called", address)
		}
	}
	for _, address := range []string{"10.0.0.7:443", "192.0.2.1:8443", "[2001:db8::1]:443"} {
		if err := oidc.Allowed(address, false); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := oidc.Allowed("127.0.0.1:443", true); err != nil {
		t.Error(err)
	}
	if err := oidc.Allowed("169.254.169.254:80", true); err == nil {
		t.Error("loopback allows more than this machine")
	}
}

func TestOptions(t *testing.T) {
	good := oidc.Options{
		Issuer: "https://id.example.com/realms/weir", ClientID: "weir", PublicURL: "https://weir.example.com",
		Roles: map[string][]auth.Grant{"a": {{Role: auth.Viewer}}},
	}
	p, err := oidc.New(good)
	if err != nil || p.Label() != "id.example.com" || len(p.Origins()) != 1 || p.Origins()[0] != "https://id.example.com" {
		t.Errorf("%v: %+v", err, p)
	}
	for want, change := range map[string]func(*oidc.Options){
		"oidc.issuer \"http://id.example.com\"": func(o *oidc.Options) { o.Issuer = "http://id.example.com" },
		"oidc.issuer \"id.example.com\"":        func(o *oidc.Options) { o.Issuer = "id.example.com" },
		"oidc.issuer \"https://a@b\"":           func(o *oidc.Options) { o.Issuer = "https://a@b" },
		"oidc needs publicUrl":                  func(o *oidc.Options) { o.PublicURL = "" },
		"leave out the path /weir":              func(o *oidc.Options) { o.PublicURL = "https://example.com/weir" },
		"oidc.clientId is missing":              func(o *oidc.Options) { o.ClientID = "" },
		"oidc.roles names no group":             func(o *oidc.Options) { o.Roles = nil },
		"cannot be read":                        func(o *oidc.Options) { o.SecretFile = "/nowhere/at/all" },
		"the secret alone":                      func(o *oidc.Options) { o.SecretFile = secretFile(t, " \n") },
		"at most 4096 bytes":                    func(o *oidc.Options) { o.SecretFile = secretFile(t, strings.Repeat("x", 5000)) },
	} {
		o := good
		change(&o)
		if _, err := oidc.New(o); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
