package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/weirmesh/weir/server/faultproxy"
)

// startWithin is how long a replica may take until it serves, on a busy machine.
const startWithin = time.Minute

// Replica is one Weir. Its methods are for one goroutine, but Running.
type Replica struct {
	Name string
	URL  string // of console and API
	XDS  string // of its control plane, host:port

	console string
	args    []string
	env     []string
	weir    string // the program
	log     string
	way     *faultproxy.Proxy // to the database

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

// Running says whether its process is there, frozen or not.
func (r *Replica) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return false
	}
	select {
	case <-r.ended:
		return false
	default:
		return true
	}
}

// Process is the ID of its process, as kill takes it; the last one's when it does not run.
func (r *Replica) Process() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process.Process.Pid
}

// Start starts a program as this replica, the one that it was last if none is named, and waits until it is ready.
func (r *Replica) Start(ctx context.Context, weir string) error {
	r.weir = cmp.Or(weir, r.weir)
	out, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(r.weir, r.args...) //nolint:gosec // whoever starts a cluster says which program
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env, out, out
	// Whoever runs the cluster may be killed; its replicas do not outlive it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, out.Close())
	}
	ended := make(chan struct{})
	r.mu.Lock()
	r.process, r.ended = cmd, ended
	r.mu.Unlock()
	go func() { // it ends with the process, which Close kills
		_ = cmd.Wait() // how it ended does not matter
		_ = out.Close()
		close(ended)
	}()
	return r.await(ctx)
}

// await waits until the replica says that it is ready.
func (r *Replica) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-r.ended:
			return fmt.Errorf("%s ended: %s", r.Name, r.said())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", r.Name, ctx.Err(), r.said())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// said is the end of what the replica wrote.
func (r *Replica) said() string {
	const most = 2000
	text, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Log is all that the replica wrote so far.
func (r *Replica) Log() string {
	text, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Kill ends it as a crash does.
func (r *Replica) Kill() {
	if r.Running() {
		_ = r.process.Process.Kill()
		<-r.ended
	}
}

// Stop asks it to end, as a system does that is to be restarted, and waits. Error: it did not end.
func (r *Replica) Stop() error {
	if !r.Running() {
		return nil
	}
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.ended:
		return nil
	case <-time.After(startWithin):
		return fmt.Errorf("%s does not end: %s", r.Name, r.said())
	}
}

// Freeze stops it in the middle of what it does; connections stay open.
func (r *Replica) Freeze() error { return r.process.Process.Signal(syscall.SIGSTOP) }

// Thaw has it go on.
func (r *Replica) Thaw() error { return r.process.Process.Signal(syscall.SIGCONT) }

// Cut cuts it off from the database: what it sends disappears, as when a switch fails.
func (r *Replica) Cut() { r.way.Freeze() }

// Mend takes Cut back.
func (r *Replica) Mend() { r.way.Restore() }
