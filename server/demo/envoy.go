package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weirmesh/weir/server/envoy"
	"github.com/weirmesh/weir/server/mesh"
)

const (
	maxRestarts = 5               // of one Envoy
	grace       = 3 * time.Second // between asking an Envoy to end and killing it
	socketLimit = 100             // bytes in a Unix socket's path
	readyEvery  = 20 * time.Millisecond
)

// fleet is the demo's Envoys, one child process for each proxy.
type fleet struct {
	binary  string
	dir     string // configuration, logs and admin sockets
	config  func(Proxy) ([]byte, error)
	say     func(format string, args ...any)
	proxies []Proxy
	running map[string]*child
	exits   chan *child
}

// child is one Envoy that was started.
type child struct {
	proxy    Proxy
	cmd      *exec.Cmd
	restarts int
	done     chan struct{} // closed when it has ended and err is set
	err      error
}

func newFleet(o Options, proxies []Proxy, say func(string, ...any)) (*fleet, error) {
	binary, err := envoy.Find(cmp.Or(o.Envoy, os.Getenv("ENVOY")))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return nil, mesh.Errorf(mesh.Unavailable, "the demo needs a directory for its Envoys: %w", err)
	}
	f := &fleet{
		binary: binary, dir: dir, config: o.Bootstrap, say: say,
		running: make(map[string]*child), exits: make(chan *child, len(proxies)*(maxRestarts+1)),
	}
	for _, p := range proxies {
		p.AdminPath = filepath.Join(dir, p.Name()+".sock")
		if len(p.AdminPath) > socketLimit {
			f.remove()
			return nil, mesh.Errorf(mesh.Unavailable, "the path %s is too long for a socket: set TMPDIR to a shorter directory", p.AdminPath)
		}
		f.proxies = append(f.proxies, p)
	}
	return f, nil
}

// start starts every Envoy and waits until all of them have their configuration.
func (f *fleet) start(ctx context.Context) error {
	for _, p := range f.proxies {
		config, err := f.config(p)
		if err != nil {
			return fmt.Errorf("configure the Envoy of %s: %w", p.Name(), err)
		}
		if err := os.WriteFile(f.file(p, "yaml"), config, 0o600); err != nil {
			return mesh.Errorf(mesh.Unavailable, "the demo cannot write: %w", err)
		}
		if err := f.launch(p, 0); err != nil {
			return err
		}
	}
	for _, p := range f.proxies {
		if err := f.ready(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// file is the path of one of a proxy's files.
func (f *fleet) file(p Proxy, suffix string) string {
	return filepath.Join(f.dir, p.Name()+"."+suffix)
}

// launch starts one Envoy. It is called on one thread only, the one that Run keeps.
func (f *fleet) launch(p Proxy, restarts int) error {
	log, err := os.OpenFile(f.file(p, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return mesh.Errorf(mesh.Unavailable, "the demo cannot write: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	_ = os.Remove(p.AdminPath)         // left by one that was killed
	cmd := exec.Command(f.binary, "--config-path", f.file(p, "yaml"), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, f.dir
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the Envoy of %s does not start: %w", p.Name(), err)
	}
	c := &child{proxy: p, cmd: cmd, restarts: restarts, done: make(chan struct{})}
	f.running[p.Name()] = c
	go func() {
		c.err = cmd.Wait()
		close(c.done)
		f.exits <- c
	}()
	return nil
}

// ready waits until one Envoy says that it serves.
func (f *fleet) ready(ctx context.Context, p Proxy) error {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", p.AdminPath)
		},
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	c, last := f.running[p.Name()], "no answer"
	for {
		select {
		case <-c.done:
			return mesh.Errorf(mesh.Unavailable, "the Envoy of %s ended at once (%v): %s", p.Name(), c.err, f.tail(p))
		default:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://envoy/ready", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 100)) // the status says enough
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			last = strings.TrimSpace(string(body))
		}
		if !pause(ctx, readyEvery) {
			return mesh.Errorf(mesh.Unavailable, "the Envoy of %s is not ready in time (%s): %s: %w", p.Name(), last, f.tail(p), context.Cause(ctx))
		}
	}
}

// watch starts an Envoy again when it ends, as whoever runs it for real would, and gives up when it keeps ending.
func (f *fleet) watch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-f.exits:
			name := c.proxy.Name()
			if f.running[name] != c {
				continue
			}
			if c.restarts == maxRestarts {
				return mesh.Errorf(mesh.Unavailable, "the Envoy of %s ended %d times (%v): %s", name, maxRestarts+1, c.err, f.tail(c.proxy))
			}
			f.say("the Envoy of %s ended (%v) and is started again", name, c.err)
			if err := f.launch(c.proxy, c.restarts+1); err != nil {
				return err
			}
		}
	}
}

// stop asks every Envoy to end, kills those that do not, and returns when all are gone.
func (f *fleet) stop() {
	for _, c := range f.running {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	var gone sync.WaitGroup
	for _, c := range f.running {
		gone.Go(func() {
			t := time.NewTimer(grace)
			defer t.Stop()
			select {
			case <-c.done:
			case <-t.C:
				_ = c.cmd.Process.Kill() // it may have ended
				<-c.done
			}
		})
	}
	gone.Wait()
	clear(f.running)
}

// remove deletes the fleet's files.
func (f *fleet) remove() { _ = os.RemoveAll(f.dir) }

// tail gives the last words of an Envoy's log on one line.
func (f *fleet) tail(p Proxy) string {
	data, err := os.ReadFile(f.file(p, "log"))
	if err != nil || len(data) == 0 {
		return "its log is empty"
	}
	const most = 600
	if len(data) > most {
		data = data[len(data)-most:]
	}
	return strings.Join(strings.Fields(string(data)), " ")
}
