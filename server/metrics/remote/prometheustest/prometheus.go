// Package prometheustest runs a real Prometheus for tests: a child process on a free port of the loopback device, with
// its data in the test's own folder, gone when the test ends. It fails the test when there is no Prometheus.
package prometheustest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// TB is what a test gives; testing.T does.
type TB interface {
	Helper()
	Cleanup(f func())
	Context() context.Context
	TempDir() string
	Fatalf(format string, args ...any)
}

// Config says what to run.
type Config struct {
	YAML  string   // prometheus.yml; empty scrapes nothing
	Web   string   // web.config.file, for TLS and basic auth; empty: none
	Flags []string // more of the command line
	Data  string   // the folder of its data, such as blocks that it is to begin with; empty: one of the test's own
	// Files are written beside prometheus.yml, which names them by their paths from there.
	Files map[string]string
	// CA is the PEM of whoever signed the certificate in Web. With it, the URL is https.
	CA string
}

// startup is how long a machine that is busy may take for it.
const startup = 60 * time.Second

// Start runs Prometheus until the test ends and gives its URL, such as http://127.0.0.1:41234, once it is ready.
func Start(t TB, c Config) string {
	t.Helper()
	binary := Binary(t)
	dir := t.TempDir()
	if c.YAML == "" {
		c.YAML = "global: {scrape_interval: 1s}\n"
	}
	write(t, filepath.Join(dir, "prometheus.yml"), c.YAML)
	args := []string{
		"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + cmp.Or(c.Data, filepath.Join(dir, "data")),
		"--log.level=warn",
	}
	args = append(args, c.Flags...)
	if c.Web != "" {
		write(t, filepath.Join(dir, "web.yml"), c.Web)
		args = append(args, "--web.config.file="+filepath.Join(dir, "web.yml"))
	}
	for name, text := range c.Files {
		write(t, filepath.Join(dir, name), text)
	}
	// Prometheus does not say which port it took, so it is given one that was free a moment ago; another if that is lost.
	for attempt := 1; ; attempt++ {
		address := free(t)
		said, err := run(t, process{binary, dir, append(args, "--web.listen-address="+address)}, c, address)
		if err == nil {
			return scheme(c) + "://" + address
		}
		if attempt == 3 || !bytes.Contains(said, []byte("address already in use")) {
			t.Fatalf("prometheustest: %s: %v\n%s", binary, err, said)
		}
	}
}

// Binary gives the path of Prometheus: $PROMETHEUS, else prometheus on PATH, else the one that make prometheus fetches.
func Binary(t TB) string {
	t.Helper()
	if path := os.Getenv("PROMETHEUS"); path != "" {
		return path
	}
	if path, err := exec.LookPath("prometheus"); err == nil {
		return path
	}
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".tools", "prometheus", "bin", "prometheus")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("prometheustest: there is no Prometheus for this test: run `make prometheus`, or set PROMETHEUS to one")
	return ""
}

type process struct {
	binary, dir string
	args        []string
}

// run starts one process and waits until it is ready. What it said is given with the error.
func run(t TB, p process, c Config, address string) (said []byte, err error) {
	var out output
	cmd := exec.Command(p.binary, p.args...) // ended below: the test's context ends before its clean-ups
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(gone)
	}()
	stop := func() {
		_ = cmd.Process.Kill() // its data go with the test
		<-gone
	}
	ctx, cancel := context.WithTimeout(t.Context(), startup)
	defer cancel()
	client, err := client(c)
	if err != nil {
		stop()
		return nil, err
	}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx, client, scheme(c)+"://"+address+"/api/v1/status/flags", p.dir) {
			t.Cleanup(stop)
			return nil, nil
		}
		select {
		case <-gone:
			return out.bytes(), fmt.Errorf("it ended: %s", cmd.ProcessState)
		case <-ctx.Done():
			stop()
			return out.bytes(), fmt.Errorf("it was not ready within %s", startup)
		case <-tick.C:
		}
	}
}

// ready asks whether it serves, and is the one that keeps its data in dir and not another that was given the same port.
// With basic auth, being asked for a password is ready enough.
func ready(ctx context.Context, client *http.Client, url, dir string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	flags, err := io.ReadAll(resp.Body)
	if err != nil {
		return false
	}
	return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusOK && bytes.Contains(flags, []byte(dir))
}

func client(c Config) (*http.Client, error) {
	transport := &http.Transport{}
	if c.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, errors.New("CA holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

func scheme(c Config) string {
	if c.CA != "" {
		return "https"
	}
	return "http"
}

func free(t TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("prometheustest: %v", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatalf("prometheustest: %v", err)
	}
	return address
}

func write(t TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("prometheustest: %v", err)
	}
}

// output collects what the process says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.buf.Bytes())
}
