package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// child is a weir that runs as a program of its own.
type child struct {
	cmd      *exec.Cmd
	out, err *output
	done     chan struct{} // closed when it has ended
	url, xds string        // of weir serve
	began    time.Time
}

// startChild starts bin/weir. It is killed at the test's end.
func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(path, args...), out: &output{}, err: &output{}, done: make(chan struct{}), began: time.Now()}
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.err
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // ProcessState says how it ended
		close(c.done)
	}()
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("weir %s said:\n%s%s", strings.Join(args, " "), c.out, c.err)
		}
	})
	return c
}

// kill ends the program without a warning, as a crash does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.done
}

// interrupt presses Ctrl-C: the program ends soon and with exit code 0.
func (c *child) interrupt(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		t.Fatal("weir does not end")
	}
	took, code := time.Since(begin), c.cmd.ProcessState.ExitCode()
	t.Logf("weir ended %v after Ctrl-C", took)
	// On a quiet machine it is a third of a second; one with other things to do takes longer to end twelve Envoys.
	if took > 20*time.Second || code != 0 {
		t.Errorf("weir ended %v after Ctrl-C with exit code %d, want 20 s at most, and 0", took, code)
	}
}

// says waits until the program has said something, and gives what it said.
func (c *child) says(t *testing.T, words *regexp.Regexp) []string {
	t.Helper()
	var found []string
	eventually(t, fmt.Sprintf("weir says %s", words), func() bool {
		select {
		case <-c.done:
			if found = words.FindStringSubmatch(c.out.String()); found == nil {
				t.Fatalf("weir ended: %s%s", c.out, c.err)
			}
		default:
		}
		found = words.FindStringSubmatch(c.out.String())
		return found != nil
	})
	return found
}

var serving = regexp.MustCompile(`API at (http://\S+) and proxies at ([0-9.:]+);`)

// serve starts weir serve on a data directory and waits until it is ready.
func serve(t *testing.T, data string, more ...string) *child {
	t.Helper()
	args := []string{"serve", "--open", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--data", data, "--drain", "1s"}
	c := startChild(t, append(args, more...)...)
	found := c.says(t, serving)
	c.url, c.xds = found[1], found[2]
	eventually(t, "weir is ready", func() bool { status, _ := get(t, c.url+"/readyz"); return status == http.StatusOK })
	ready := time.Since(c.began)
	t.Logf("weir is ready after %v", ready)
	if ready > 15*time.Second {
		t.Errorf("weir is ready after %v", ready)
	}
	return c
}

// cli runs one of weir's commands and gives its output.
func cli(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).Output()
	if err != nil {
		var failed *exec.ExitError
		_ = errors.As(err, &failed)
		t.Fatalf("weir %s: %v: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return out
}

// relay stands between proxies and Weir, so that Weir comes back where they look for it, on whatever port, and counts
// what Weir sends them. Weir's only messages to a proxy are configuration.
type relay struct {
	address string
	to      atomic.Pointer[string]
	sent    atomic.Int64 // messages from Weir
}

// startRelay listens until the test ends.
func startRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { r.carry(ctx, near) })
		}
	})
	return r
}

// carry connects one proxy with Weir until either leaves.
func (r *relay) carry(ctx context.Context, near net.Conn) {
	defer near.Close()
	to := r.to.Load()
	if to == nil {
		return
	}
	far, err := new(net.Dialer).DialContext(ctx, "tcp", *to)
	if err != nil {
		return
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() { _ = near.Close(); _ = far.Close() })
	defer stop()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(far, near) // it ends when one of them leaves
		_ = far.Close()
	})
	_ = r.count(near, bufio.NewReader(far)) // the same
	_ = near.Close()
	up.Wait()
}

// count copies Weir's HTTP/2 frames to a proxy and counts those of type DATA that are not empty.
func (r *relay) count(to io.Writer, from io.Reader) error {
	const header = 9 // 24 bits of length, 8 of type, 8 of flags, 32 of stream
	for {
		frame := make([]byte, header, 16<<10)
		if _, err := io.ReadFull(from, frame); err != nil {
			return err
		}
		length := int(binary.BigEndian.Uint32(append([]byte{0}, frame[:3]...)))
		frame = append(frame, make([]byte, length)...)
		if _, err := io.ReadFull(from, frame[header:]); err != nil {
			return err
		}
		if frame[3] == 0 && length > 0 {
			r.sent.Add(1)
		}
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}

// network reserves a range of loopback addresses until the test ends, as demos do in other ranges, and gives its prefix.
func network(t *testing.T) string {
	t.Helper()
	for i := range 250 {
		prefix := fmt.Sprintf("127.18.%d", 1+(os.Getpid()+i)%250)
		if l, err := net.Listen("tcp4", prefix+".254:15099"); err == nil {
			t.Cleanup(func() { _ = l.Close() })
			return prefix
		}
	}
	t.Fatal("every network of loopback addresses is in use")
	return ""
}

// application answers every request with 200 and its name until the test ends.
func application(t *testing.T, name, address, header string) {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(header, name)
	})}
	var open sync.WaitGroup
	open.Go(func() { _ = server.Serve(l) }) // it ends when it is closed
	t.Cleanup(func() {
		_ = server.Close()
		open.Wait()
	})
}

// envoysOf lists the Envoys that a process has started and that run.
func envoysOf(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if state := stateOf(pid); len(state) > 1 && state[1] == strconv.Itoa(parent) && state[0] != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stateOf gives a process's state and parent, nothing when it is not there.
func stateOf(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(data), ") ") // "pid (name) state parent …"
	if err != nil || !ok {
		return nil
	}
	return strings.Fields(rest)
}

// anyRuns says whether one of some processes is there and not merely waiting to be collected.
func anyRuns(pids []int) bool {
	return slices.ContainsFunc(pids, func(pid int) bool {
		state := stateOf(pid)
		return len(state) > 0 && state[0] != "Z"
	})
}
