// Package postgrestest runs a real PostgreSQL for tests: a server of its own on a Unix socket in a folder of its own,
// never as root, gone with the process that started it however that ends. It fails the test when there is no PostgreSQL.
//
// $WEIR_TEST_POSTGRES names a server that runs already, by the URL of a role that may create databases.
package postgrestest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// TB is what a test gives; testing.T does.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// Options say what the server is to be like.
type Options struct {
	Durable bool // writes reach the disk before they are acknowledged; without it tests are faster
	Own     bool // started by this package, also where $WEIR_TEST_POSTGRES names one: it is going to be restarted
}

// Server is a running PostgreSQL.
type Server struct {
	opts     Options
	dir      string // of its data and socket; empty: somebody else's server
	url      *url.URL
	mu       sync.Mutex
	process  *exec.Cmd
	lifeline io.Closer
	said     *output
	count    int
}

const (
	startup = 60 * time.Second // that a busy machine may take to start it
	superu  = "weir"           // the role that the server begins with
)

// Start runs a server, or finds the one of $WEIR_TEST_POSTGRES. Close stops it. Its errors are for people.
func Start(o Options) (*Server, error) {
	if named := os.Getenv("WEIR_TEST_POSTGRES"); named != "" && !o.Own {
		u, err := url.Parse(named)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return nil, errors.New("postgrestest: WEIR_TEST_POSTGRES is not of the form postgres://user@host:5432/postgres")
		}
		return &Server{opts: o, url: u}, nil
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "weir-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, dir: dir, url: &url.URL{
		Scheme: "postgres", Path: "/postgres", RawQuery: url.Values{"host": {dir}, "user": {superu}}.Encode(),
	}}
	if err := s.initialise(bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// binaries finds the folder of the server's programs: $POSTGRES_BIN, else the one of postgres on PATH, else the newest that
// Debian's package installed.
func binaries() (string, error) {
	if dir := os.Getenv("POSTGRES_BIN"); dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is sound
	best, version := "", 0
	for _, path := range found {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && n > version {
			best, version = dir, n
		}
	}
	if best == "" {
		return "", errors.New("postgrestest: there is no PostgreSQL for this test: run `make postgres`, or set POSTGRES_BIN to the folder of its programs")
	}
	return best, nil
}

func (s *Server) initialise(bin string) error {
	cred, err := s.credential()
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(s.dir, "data"), "--username="+superu, //nolint:gosec // the tester's own PostgreSQL
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: cred}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postgrestest: initdb: %w\n%s", err, said)
	}
	rules := "local all guarded scram-sha-256\nlocal all all trust\n"
	return os.WriteFile(filepath.Join(s.dir, "data", "pg_hba.conf"), []byte(rules), 0o600)
}

// credential is of whom the server runs as, who gets the folder: PostgreSQL refuses to be root.
func (s *Server) credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	uid, gid, err := ordinary()
	if err != nil {
		return nil, err
	}
	if err := os.Chown(s.dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil //nolint:gosec // small numbers
}

// Close stops the server and removes its data.
func (s *Server) Close() error {
	if s.dir == "" {
		return nil
	}
	s.stop()
	return os.RemoveAll(s.dir)
}

// Restart ends the server as a crash would, without writing anything more, and starts it again.
func (s *Server) Restart() error {
	s.Kill()
	return s.Resume()
}

// Kill ends the server as a crash would.
func (s *Server) Kill() { s.stop() }

// Resume starts a server that was killed.
func (s *Server) Resume() error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	return s.start(bin)
}

// URL is of a database on the server, by a role that may do everything.
func (s *Server) URL(database string) string {
	u := *s.url
	u.Path = "/" + database
	return u.String()
}

// Database makes a database for a test, as a copy of a template or empty, gives its URL and drops it when the test ends.
func (s *Server) Database(t TB, template string) string {
	t.Helper()
	s.mu.Lock()
	s.count++
	name := fmt.Sprintf("weir_%d_%d", os.Getpid(), s.count)
	s.mu.Unlock()
	template = cmp.Or(template, "template0")
	if err := s.Exec("CREATE DATABASE " + name + " TEMPLATE " + template); err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	t.Cleanup(func() {
		_ = s.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") // a server that was stopped took it along
	})
	return s.URL(name)
}

// Exec runs a statement as the role that may do everything.
func (s *Server) Exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// output collects what the server says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to what was said.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.buf.String())
}
