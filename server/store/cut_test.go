package store

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/lease"
)

// wire is a way to a server that can be cut: nothing arrives any more, and nobody is told. Mended, what was on its way
// arrives late.
type wire struct {
	gate sync.RWMutex
	mu   sync.Mutex
	ends []net.Conn
}

// cuttable gives the URL of a database by such a way.
func cuttable(t *testing.T, at string) (w *wire, by string) {
	t.Helper()
	e, err := newPostgres(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "weir-wire-") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	network, address := "tcp", net.JoinHostPort(e.config.Host, "5432")
	if e.config.Host[0] == '/' {
		network, address = "unix", filepath.Join(e.config.Host, ".s.PGSQL.5432")
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial(network, address)
			if err != nil {
				_ = near.Close()
				continue
			}
			w.mu.Lock()
			w.ends = append(w.ends, near, far)
			w.mu.Unlock()
			all.Go(func() { w.copy(near, far) })
			all.Go(func() { w.copy(far, near) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		for _, c := range w.ends {
			_ = c.Close()
		}
		w.mu.Unlock()
		all.Wait()
		_ = os.RemoveAll(dir)
	})
	return w, with(t, at, "host", dir)
}

func (w *wire) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.gate.RLock()
		_, failed := to.Write(buf[:n])
		w.gate.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// A holder that is cut off is replaced, and what it sent before arrives too late.
func TestHolderThatIsCutOff(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	w, by := cuttable(t, at)
	a, b := open(t, by), open(t, at)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wrote, fenced, ended := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	first, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		ended <- keeper(a, "a").Run(first, func(ctx context.Context, _ int64) error {
			for {
				err := a.touch(context.WithoutCancel(ctx)) // it does not hear that it is over
				if errors.Is(err, lease.ErrFenced) {
					stop()
					close(fenced)
					return nil
				}
				select {
				case wrote <- struct{}{}:
				default:
				}
			}
		})
	}()
	<-wrote
	w.gate.Lock()
	cut := time.Now()
	finished := errors.New("finished")
	err := keeper(b, "b").Run(ctx, func(ctx context.Context, _ int64) error {
		t.Logf("taken over %s after the holder was cut off", time.Since(cut).Round(time.Millisecond))
		err := b.touch(ctx)
		w.gate.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-fenced:
			return finished
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if !errors.Is(err, finished) {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
