package server

import (
	"bufio"
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
	if status, body := get(t, s.URL()+"/readyz?verbose"); status != http.StatusOK || !strings.Contains(body, "[+]store ok\n") {
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

// beginRequest opens a connection and makes a request but for its body, for which the server then waits.
func beginRequest(t *testing.T, s *Server, path string, body int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, body); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server answered %q (%v), want it to wait for the body", line, err)
	}
	if _, err := answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return conn, answer
}

// A server that is asked to stop answers the requests that are under way, and does not wait for those that never end.
func TestStopsUnderRequests(t *testing.T) {
	apart(t)
	o := quiet(t)
	s, stop := run(t, o)
	const body = `{"egressFilter":"ALLOW_ALL"}`
	conn, answer := beginRequest(t, s, "/api/v1/meshes/late", len(body))
	beginRequest(t, s, "/api/v1/meshes/never", 100)
	asked, ended := time.Now(), make(chan error, 1)
	go func() { ended <- stop() }()
	eventually(t, "nobody new is let in", func() bool { status, _ := get(t, s.URL()+"/livez"); return status == 0 })
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Errorf("the late request was answered %d %s (%v)", resp.StatusCode, text, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	took := time.Since(asked)
	t.Logf("stopped after %v", took)
	if took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	again, _ := run(t, o)
	if m, err := again.door.Mesh("late"); err != nil || m.Mesh.EgressFilter != mesh.AllowAll {
		t.Errorf("the late request left %+v (%v)", m.Mesh, err)
	}
}

// When one part fails, the server ends with the reason and gives everything back.
func TestPartFails(t *testing.T) {
	apart(t)
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
	s, err = New(t.Context(), o)
	if err != nil {
		t.Fatalf("it has not given back everything: %v", err)
	}
	if err := s.Close(); err != nil { // a server that was never run
		t.Error(err)
	}
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

// TestRefuses has New fail for each thing that it takes, with one line that says what to do, and give back what it took
// before.
func TestRefuses(t *testing.T) {
	taken := held(t)
	busy := quiet(t)
	run(t, busy)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "not a directory")
	spoiled := t.TempDir()
	write(t, filepath.Join(spoiled, "metrics"), "not a directory")
	cases := []struct {
		name string
		edit func(*Options)
		code mesh.Code
		says []string
	}{
		{"console's port in use", func(o *Options) { o.Listen = taken }, mesh.Unavailable, []string{"console", taken, "in use", "--listen"}},
		{"proxies' port in use", func(o *Options) { o.XDSListen = taken }, mesh.Unavailable, []string{"control plane", taken, "in use", "--xds-listen"}},
		{"data directory in use", func(o *Options) { o.Data = busy.Data }, mesh.Conflict, []string{busy.Data, "in use", "--data"}},
		{"data directory is a file", func(o *Options) { o.Data = file }, mesh.Invalid, []string{file, "not a directory", "--data"}},
		{"metrics directory is a file", func(o *Options) { o.Data = spoiled }, mesh.Invalid, []string{spoiled, "not a directory", "history: {off: true}"}},
		{"own metrics' port in use", func(o *Options) { o.MetricsListen = taken }, mesh.Unavailable, []string{"own metrics", taken, "in use", "--metrics-listen"}},
		{"no data directory", func(o *Options) { o.Data = "" }, mesh.Invalid, []string{"--data"}},
		{"every address", func(o *Options) { o.Listen = "0.0.0.0:0" }, mesh.Invalid, []string{"--listen 0.0.0.0:0", "127.0.0.1:PORT"}},
		{"every address, unsaid", func(o *Options) { o.Listen = ":0" }, mesh.Invalid, []string{"--listen :0"}},
		{"every address of IPv6", func(o *Options) { o.XDSListen = "[::]:0" }, mesh.Invalid, []string{"--xds-listen [::]:0"}},
		{"an address of the network", func(o *Options) { o.XDSListen = "192.0.2.1:0" }, mesh.Invalid, []string{"--xds-listen 192.0.2.1:0"}},
		{"a name", func(o *Options) { o.Listen = "weir.example:0" }, mesh.Invalid, []string{"--listen weir.example:0"}},
		{"no port", func(o *Options) { o.Listen = "127.0.0.1" }, mesh.Invalid, []string{"--listen 127.0.0.1"}},
		{"no such port", func(o *Options) { o.Listen = "127.0.0.1:99999" }, mesh.Invalid, []string{"127.0.0.1:99999", "--listen"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := quiet(t)
			o.Listen, o.XDSListen = freeAddress(t), freeAddress(t)
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
			for _, address := range []string{good.Listen, good.XDSListen} {
				l, err := net.Listen("tcp", address)
				if err != nil {
					t.Fatalf("after the refusal something is still held: %v", err)
				}
				_ = l.Close()
			}
		})
	}
}

// A demo without an Envoy says in one line how to get one, and leaves nothing (TestMain looks).
func TestDemoWithoutEnvoy(t *testing.T) {
	t.Setenv("ENVOY", "")
	t.Setenv("PATH", t.TempDir())
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		envoy string
		says  []string
	}{
		{"", []string{"Envoy", "make envoy", "ENVOY"}},
		{"/nowhere/envoy", []string{"there is no Envoy at /nowhere/envoy"}},
	} {
		o := DemoOptions{Options: quiet(t), Rate: 1}
		o.Envoy = c.envoy
		o.Data = ""
		err := RunDemo(t.Context(), o)
		if mesh.CodeOf(err) != mesh.Unavailable || strings.Contains(err.Error(), "\n") {
			t.Fatalf("with %q: %v", c.envoy, err)
		}
		for _, words := range c.says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("with %q: %q does not say %q", c.envoy, err, words)
			}
		}
	}
}

// A demo that is refused before it begins leaves nothing either.
func TestDemoRefused(t *testing.T) {
	taken := held(t)
	for _, o := range []DemoOptions{
		{Options: Options{Listen: taken, XDSListen: "127.0.0.1:0", Open: true}},
		{Options: Options{Listen: "127.0.0.1:0", XDSListen: taken, Open: true}},
		{Options: Options{Listen: "127.0.0.1:0", XDSListen: "127.0.0.1:0", Open: true}, Story: "war-and-peace"},
	} {
		if err := RunDemo(t.Context(), o); mesh.CodeOf(err) != mesh.Unavailable && mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
