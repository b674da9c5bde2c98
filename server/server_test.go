package server

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// quiet are the options of a server that nobody else is in the way of.
func quiet(t *testing.T) Options {
	t.Helper()
	return Options{Listen: "127.0.0.1:0", XDSListen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Open: true, Version: "test"}
}

// run makes a server and runs it; stop ends it and gives its error.
func run(t *testing.T, o Options) (s *Server, stop func() error) {
	t.Helper()
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return s, stop
}

// get asks a server for a path.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// TestRun starts a server, asks it for everything that it serves, and ends it. TestMain sees what it leaves running.
func TestRun(t *testing.T) {
	begin := time.Now()
	s, stop := run(t, quiet(t))
	if status, body := get(t, s.URL()+"/readyz?verbose"); status != http.StatusOK || !strings.Contains(body, "store: ok") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	ready := time.Since(begin)
	t.Logf("ready after %v", ready)
	if ready > 10*time.Second {
		t.Errorf("ready after %v", ready)
	}
	for path, want := range map[string]string{
		"/livez": "ok", "/": "<html", "/api/v1/openapi.json": `"openapi"`, "/api/v1/meshes": `"items":[]`, "/api/v1/version": `"test"`,
	} {
		if status, body := get(t, s.URL()+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %s: %.300s", path, status, want, body)
		}
	}
	conn, err := net.Dial("tcp", s.XDSAddr())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	begin = time.Now()
	if err := stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	t.Logf("stopped after %v", time.Since(begin))
	if status, body := get(t, s.URL()+"/livez"); status != 0 {
		t.Errorf("after its end it answers %d %s", status, body)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// A server that is asked to stop does not wait for people who hold a request or a socket open.
func TestStopsUnderRequests(t *testing.T) {
	s, stop := run(t, quiet(t))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PUT /api/v1/meshes/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// When one part fails, the server ends with the reason and gives everything back.
func TestPartFails(t *testing.T) {
	o := quiet(t)
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.WithoutCancel(t.Context())) }()
	eventually(t, "it serves", func() bool { status, _ := get(t, s.URL()+"/livez"); return status == http.StatusOK })
	if err := s.console.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "console: ") {
			t.Errorf("it ended with %v, want the console's error", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it runs on without its console")
	}
	free(t, o)
}

// held takes an address on this machine until the test ends.
func held(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// freeAddress gives an address that nobody listens on, with a port that the system gives to no outgoing connection.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}

// write writes a file, in a directory that it makes if need be.
func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// free checks that nobody holds what a server takes. A server that is made and never run takes it and gives it back.
func free(t *testing.T, o Options) {
	t.Helper()
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatalf("it is not free: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestRefuses has New fail for each thing that it takes, with one line that says what to do, and give back what it took
// before.
func TestRefuses(t *testing.T) {
	taken := held(t)
	busy := quiet(t)
	run(t, busy)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "not a directory")
	cases := []struct {
		name string
		edit func(*Options)
		code mesh.Code
		says []string
	}{ // the first four are refused after something was taken
		{"console's port in use", func(o *Options) { o.Listen = taken }, mesh.Unavailable, []string{"console", taken, "in use", "--listen"}},
		{"proxies' port in use", func(o *Options) { o.XDSListen = taken }, mesh.Unavailable, []string{"control plane", taken, "in use", "--xds-listen"}},
		{"data directory in use", func(o *Options) { o.Data = busy.Data }, mesh.Conflict, []string{busy.Data, "in use", "--data"}},
		{"data directory is a file", func(o *Options) { o.Data = file }, mesh.Invalid, []string{file, "not a directory", "--data"}},
		{"no data directory", func(o *Options) { o.Data = "" }, mesh.Invalid, []string{"--data"}},
		{"every address", func(o *Options) { o.Listen = "0.0.0.0:0" }, mesh.Invalid, []string{"--listen 0.0.0.0:0", "127.0.0.1:PORT"}},
		{"every address, unsaid", func(o *Options) { o.Listen = ":0" }, mesh.Invalid, []string{"--listen :0"}},
		{"every address of IPv6", func(o *Options) { o.XDSListen = "[::]:0" }, mesh.Invalid, []string{"--xds-listen [::]:0"}},
		{"an address of the network", func(o *Options) { o.XDSListen = "192.0.2.1:0" }, mesh.Invalid, []string{"--xds-listen 192.0.2.1:0"}},
		{"a name", func(o *Options) { o.Listen = "weir.example:0" }, mesh.Invalid, []string{"--listen weir.example:0"}},
		{"no port", func(o *Options) { o.Listen = "127.0.0.1" }, mesh.Invalid, []string{"--listen 127.0.0.1"}},
		{"no such port", func(o *Options) { o.Listen = "127.0.0.1:99999" }, mesh.Invalid, []string{"127.0.0.1:99999", "--listen"}},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := quiet(t)
			o.Listen = freeAddress(t)
			good := o
			c.edit(&o)
			_, err := New(t.Context(), o)
			if mesh.CodeOf(err) != c.code || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %s: %v", mesh.CodeOf(err), err)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
			if i < 4 {
				free(t, good)
			} else if l, err := net.Listen("tcp", good.Listen); err != nil {
				t.Error(err)
			} else {
				_ = l.Close()
			}
		})
	}
}
