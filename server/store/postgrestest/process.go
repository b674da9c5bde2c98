package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// guard runs the server and ends it when standard input does, which the system closes with the process that holds the
// other end: a test that is killed leaves no server behind.
const guard = `exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
(read -r _ <&3; kill -QUIT $pid 2>/dev/null) &
wait $pid`

func (s *Server) start(bin string) error {
	cred, err := s.credential()
	if err != nil {
		return err
	}
	// A busy connection from each of many tests is fine; what is small about it is its memory.
	args := []string{
		"-c", guard, "guard", filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir,
		"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "log_min_messages=fatal",
	}
	if !s.opts.Durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	cmd := exec.Command("/bin/sh", args...) //nolint:gosec // the tester's own PostgreSQL
	cmd.Dir, cmd.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	said := new(output)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, 5*time.Second
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.process, s.lifeline, s.said = cmd, lifeline, said
	s.mu.Unlock()
	if err := s.await(); err != nil {
		s.stop()
		return fmt.Errorf("postgrestest: %s: %w\n%s", bin, err, said.text())
	}
	return nil
}

// await waits until the server takes connections.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url.String())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// stop lets the lifeline go and waits until the server ended.
func (s *Server) stop() {
	s.mu.Lock()
	process, lifeline := s.process, s.lifeline
	s.process = nil
	s.mu.Unlock()
	if process == nil {
		return
	}
	_ = lifeline.Close() // the guard ends the server
	_ = process.Wait()   // killed is how it is to end
}

// ordinary finds somebody who is not root.
func ordinary() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			continue
		}
		if gid, err = strconv.Atoi(u.Gid); err == nil {
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("postgrestest: PostgreSQL does not run as root (this process is %d), and there is no user postgres or nobody", os.Geteuid())
}
