package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server"
	"github.com/weirmesh/weir/server/provider/xds"
)

// TestCertificates runs a Weir whose proxies show certificates: one is made with the configuration, renewed without signing in,
// by itself and by its token, and not any more when that is revoked.
func TestCertificates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("a weir holds the river"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := serveWith(server.Options{Data: t.TempDir(), XDSTLS: "on", XDSCertificates: true, People: server.PeopleOptions{AdminPasswordFile: file}}, t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_URL", s.URL())
	t.Setenv("WEIR_TOKEN", firstToken(t, s.URL(), "admin", "a weir holds the river"))
	weir := func(code int, args ...string) (out, said string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(args, strings.NewReader("mesh: shop\nnodes: [{name: cart}]\n"), &stdout, &stderr); got != code {
			t.Fatalf("weir %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got, code, stdout.String(), stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	weir(exitDone, "apply", "-f", "-")
	folder := filepath.Join(t.TempDir(), "cart")
	if _, said := weir(exitFailed, "certificate", "renew", folder); !strings.Contains(said, "weir bootstrap --certificates makes it") {
		t.Errorf("%q", said)
	}
	config, said := weir(exitDone, "bootstrap", "--mesh", "shop", "--node", "cart", "--xds", s.XDSAddr(), "--certificates", folder)
	if strings.Contains(config, "Bearer") || !strings.Contains(config, folder+"/certificate.yaml") || !strings.Contains(config, "control-plane.weir.internal") || !strings.Contains(said, "good until") {
		t.Errorf("%s\n%s", config, said)
	}
	first, err := xds.ReadCertificates(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TOKEN", "") // nobody has to sign in
	if out, _ := weir(exitDone, "certificate", "renew", folder); !strings.Contains(out, "is renewed from") {
		t.Errorf("%q", out)
	}
	renewed := func(out string) xds.Certificates {
		t.Helper()
		now, err := xds.ReadCertificates(folder)
		if err != nil || !strings.Contains(out, "cart is renewed") || bytes.Equal(now.Certificate, first.Certificate) || bytes.Equal(now.Key, first.Key) {
			t.Errorf("%q, %v", out, err)
		}
		return now
	}
	out, _ := weir(exitDone, "certificate", "renew", folder, "--now")
	first = renewed(out)
	broken := first
	broken.Key = other(t, s)
	if err := broken.Write(folder); err != nil {
		t.Fatal(err)
	}
	out, _ = weir(exitDone, "certificate", "renew", folder, "--now") // by the token
	first = renewed(out)
	weir(exitUsage, "certificate", "renew", folder, "--now", "--follow")

	t.Setenv("WEIR_TOKEN", firstToken(t, s.URL(), "admin", "a weir holds the river"))
	if out, _ := weir(exitDone, "certificate", "authority"); !strings.Contains(string(first.Authorities), strings.TrimSpace(out)) || out == "" {
		t.Errorf("the authority is %q", out)
	}
	root, _, _ := strings.Cut(func() string { out, _ := weir(exitDone, "certificate", "authority", "--ids"); return out }(), " ")
	weir(exitFailed, "certificate", "distrust", "c0ffee")
	if out, _ := weir(exitDone, "certificate", "distrust", root); strings.Contains(out, root) || !strings.Contains(out, " until ") {
		t.Errorf("%s is distrusted: %q", root, out)
	}
	out, _ = weir(exitDone, "certificate", "renew", folder, "--now") // by the token
	first = renewed(out)
	token, err := os.ReadFile(filepath.Join(folder, tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	weir(exitDone, "proxies", "revoke", "--mesh", "shop", strings.Split(string(token), "_")[1])
	if _, said := weir(exitRefused, "certificate", "renew", folder, "--now"); !strings.Contains(said, "was revoked") {
		t.Errorf("%q", said)
	}
	if kept, err := xds.ReadCertificates(folder); err != nil || !bytes.Equal(kept.Certificate, first.Certificate) {
		t.Error("a renewal that was refused changed the folder", err)
	}
}

// other is the key of another certificate.
func other(t *testing.T, s *server.Server) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "other")
	t.Setenv("WEIR_TOKEN", firstToken(t, s.URL(), "admin", "a weir holds the river"))
	var out, said bytes.Buffer
	if code := run([]string{"bootstrap", "--mesh", "shop", "--node", "cart", "--xds", s.XDSAddr(), "--certificates", dir}, strings.NewReader(""), &out, &said); code != exitDone {
		t.Fatal(said.String())
	}
	t.Setenv("WEIR_TOKEN", "")
	c, err := xds.ReadCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c.Key
}
