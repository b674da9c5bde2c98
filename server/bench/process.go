package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weirmesh/weir/server/demo"
)

// process is a Weir of its own.
type process struct {
	cmd   *exec.Cmd
	url   string        // the console's
	xds   string        // the control plane's host:port; empty for a demo
	lines chan string   // what it prints; closed when it ends
	begun time.Time     // when it was started
	ready time.Duration // until /readyz answered 200
}

// start runs the binary and waits until it is ready.
func start(ctx context.Context, binary string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, binary, args...), lines: make(chan string, 256)}
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGINT) }
	p.cmd.WaitDelay = 10 * time.Second
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default: // nobody reads any more
			}
		}
	}()
	if err := p.await(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// await reads the addresses from the first line and waits for /readyz.
func (p *process) await(ctx context.Context) error {
	addresses := regexp.MustCompile(`http://(\S+?)(?: and proxies at (\S+?);.*)?$`)
	found := addresses.FindStringSubmatch(<-p.lines)
	if found == nil {
		return errors.New("weir did not print its address")
	}
	p.url, p.xds = "http://"+found[1], found[2]
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				p.ready = time.Since(p.begun)
				return nil
			}
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("weir did not become ready: %w", err)
		}
	}
}

// stop ends the process as Ctrl-C does and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	_ = p.cmd.Wait()
}

// memory is the resident set in megabytes (10^6 bytes).
func (p *process) memory() (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of weir: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, errors.New("the kernel does not say how much memory weir has")
}

// bootstrap asks the binary for a proxy's bootstrap, as a user does.
func (b *loop) bootstrap(ctx context.Context) func(demo.Proxy) ([]byte, error) {
	return func(p demo.Proxy) ([]byte, error) {
		args := []string{
			"bootstrap", "--mesh", p.Mesh, "--xds", b.weir.xds, "--instance", p.Instance,
			"--address", p.Address, "--bind", p.Address, "--app-address", p.AppAddress,
			"--egress-port", strconv.Itoa(p.EgressPort), "--admin-path", p.AdminPath,
		}
		for from, to := range p.IngressPorts {
			args = append(args, "--ingress-port", fmt.Sprintf("%d=%d", from, to))
		}
		if p.Gateway != "" {
			args = append(args, "--gateway", p.Gateway)
		} else {
			args = append(args, "--node", p.Node)
		}
		return exec.CommandContext(ctx, b.o.Weir, args...).Output()
	}
}

// demoStart measures how long `weir demo` takes from its start to every service answering.
func (b *loop) demoStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := start(ctx, b.o.Weir, "demo", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer p.stop()
	for line := range p.lines {
		if strings.HasPrefix(line, "ready") {
			b.add("demo: every service answers after its start", time.Since(p.begun), 15*time.Second)
			return nil
		}
	}
	return errors.New("the demo ended before it was ready")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
