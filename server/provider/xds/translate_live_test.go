package xds

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
)

// The tests in this file and its siblings run a snapshot on a real Envoy, without a control plane, and look at what
// requests experience.

// echo is an upstream that answers with what it received and misbehaves on request: the header x-fail-times: N with
// x-fail-status: S makes the first N attempts of a request (told apart by x-test-id) fail, and x-wait delays the answer.
type echo struct {
	name     string
	server   *httptest.Server
	hold     chan struct{} // if set, requests wait until it is closed
	mu       sync.Mutex
	attempts map[string]int
}

// echoed is an echo's answer.
type echoed struct {
	Node, Method, Path, Host string
	Attempts                 int
	Header                   http.Header
}

func startEcho(t testing.TB, name string) *echo {
	t.Helper()
	e := &echo{name: name, attempts: map[string]int{}}
	e.server = httptest.NewServer(e)
	t.Cleanup(e.server.Close)
	return e
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("x-test-id")
	e.mu.Lock()
	e.attempts[id]++
	n, hold := e.attempts[id], e.hold
	e.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if wait, err := time.ParseDuration(r.Header.Get("x-wait")); err == nil {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return
		}
	}
	if times, err := strconv.Atoi(r.Header.Get("x-fail-times")); err == nil && n <= times {
		status, err := strconv.Atoi(r.Header.Get("x-fail-status"))
		if err != nil {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("x-attempts", strconv.Itoa(n))
		w.WriteHeader(status)
		return
	}
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(echoed{e.name, r.Method, r.URL.RequestURI(), r.Host, n, r.Header})
}

// pause makes requests wait until release is called.
func (e *echo) pause() (release func()) {
	hold := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hold = hold
	return sync.OnceFunc(func() { close(hold) })
}

// seen counts the requests that arrived.
func (e *echo) seen() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	sum := 0
	for _, n := range e.attempts {
		sum += n
	}
	return sum
}

func (e *echo) port(t testing.TB) int {
	t.Helper()
	return portOf(t, e.server.Listener.Addr())
}

func portOf(t testing.TB, addr net.Addr) int {
	t.Helper()
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is not a TCP address", addr)
	}
	return tcp.Port
}

// freePorts gives ports that nothing listens on, below those that the system hands out to connections: one of these could
// be in use again by the time that Envoy listens.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", loopbackPort(10000+rand.IntN(22000)))
		if err == nil {
			defer func() { _ = l.Close() }()
			ports = append(ports, portOf(t, l.Addr()))
		} else if tries > 1000 {
			t.Fatal(err)
		}
	}
	return ports
}

// mustMesh reads a mesh in which {name} stands for a port.
func mustMesh(t testing.TB, text string, ports map[string]int) mesh.Mesh {
	t.Helper()
	for name, port := range ports {
		text = strings.ReplaceAll(text, "{"+name+"}", strconv.Itoa(port))
	}
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mesh.DecodeMesh(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustTranslate(t testing.TB, in Input) *Snapshot {
	t.Helper()
	s, err := Translate(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) > 0 {
		t.Logf("warnings: %q", s.Warnings)
	}
	return s
}

// runEnvoy runs a snapshot until the test ends, and waits until it listens on all of the ports.
func runEnvoy(t testing.TB, s *Snapshot, ports ...int) {
	t.Helper()
	dir := t.TempDir()
	file, logs := filepath.Join(dir, "envoy.yaml"), filepath.Join(dir, "envoy.log")
	config, err := toYAML(staticBootstrap(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, translationEnvoy(t), "-c", file, "--concurrency", "1", "--disable-hot-restart",
		"--log-path", logs, "--log-level", "warn")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
	})
	deadline := time.Now().Add(time.Minute)
	for _, port := range ports {
		for !dialable(t, port) {
			select {
			case <-exited:
				deadline = time.Time{}
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				text, _ := os.ReadFile(logs)
				t.Fatalf("Envoy does not listen on port %d: %s", port, text)
			}
		}
	}
}

func dialable(t testing.TB, port int) bool {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", loopbackPort(port))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func loopbackPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// call is one request through a proxy, and what came back.
type call struct {
	method, host, path string // GET /
	header             []string

	status int
	text   string
	echoed echoed
	reply  http.Header
}

// do sends the request to a port of the proxy. header is a list of "name: value".
func (c call) do(t testing.TB, port int) call {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+loopbackPort(port)+c.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = c.host
	req.Header.Set("x-test-id", t.Name())
	for _, h := range c.header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err) // Not Fatal: some tests call from several goroutines.
		return c
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	c.status, c.text, c.reply = res.StatusCode, string(body), res.Header
	if err == nil && c.status == http.StatusOK {
		err = json.Unmarshal(body, &c.echoed)
	}
	if err != nil {
		t.Errorf("%s: %v", body, err)
	}
	return c
}

// expect fails unless the answer is from a node, given by its name, or by the proxy, given as "404" or "503".
func (c call) expect(t testing.TB, want string) {
	t.Helper()
	got := c.echoed.Node
	if c.status != http.StatusOK {
		got = strconv.Itoa(c.status)
	}
	if got != want {
		t.Errorf("%s %s %s %q: answered by %s (%s), want %s", c.method, c.host, c.path, c.header, got, strings.TrimSpace(c.text), want)
	}
}

// client is a running proxy of node "client" in a mesh, with echoes as the other nodes.
type client struct {
	egress int
	echoes map[string]*echo
}

// startClient runs the proxy of node "client". In the mesh's text, {NODE} is the port of the echo of that name, and
// {egress}, {local} and so on (names) are free ports.
func startClient(t testing.TB, text string, nodes []string, names ...string) (client, map[string]int) {
	t.Helper()
	c := client{echoes: map[string]*echo{}}
	ports := map[string]int{}
	free := freePorts(t, 1+len(names))
	c.egress = free[0]
	for i, name := range names {
		ports[name] = free[i+1]
	}
	for _, node := range nodes {
		c.echoes[node] = startEcho(t, node)
		ports[node] = c.echoes[node].port(t)
	}
	s := mustTranslate(t, Input{Mesh: mustMesh(t, text, ports), Proxy: Identity{
		Mesh: "m", Node: "client", NodeID: "test", Bind: "127.0.0.1", AppAddress: "127.0.0.1", EgressPort: c.egress,
		IngressPort: map[int]int{ports["app"]: ports["ingress"]},
	}})
	runEnvoy(t, s, c.egress)
	return c, ports
}

// httpNodes writes nodes that are echoes.
func httpNodes(nodes ...string) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "- {name: %s, listeners: [{port: 80, protocol: http}], "+
			"serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {%s}}]}}\n", n, n)
	}
	return b.String()
}
