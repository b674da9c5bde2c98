package faultproxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is what a busy machine may need for anything.
const patience = 20 * time.Second

// echo is a server that says every line back, and a proxy before it.
func echo(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until either side ends it
			})
		}
	})
	p, err := faultproxy.New("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		l.Close()
		served.Wait()
	})
	return p
}

func dial(t *testing.T, p *faultproxy.Proxy) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

func say(c net.Conn, r *bufio.Reader, line string, within time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	got, err := r.ReadString('\n')
	if err == nil && got != line+"\n" {
		return fmt.Errorf("said %q, heard %q", line, got)
	}
	return err
}

func TestPasses(t *testing.T) {
	p := echo(t)
	c, r := dial(t, p)
	for i := range 100 {
		if err := say(c, r, fmt.Sprint("line ", i), patience); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v", err)
	}
}

func TestDelays(t *testing.T) {
	p := echo(t)
	c, r := dial(t, p)
	p.Delay(150 * time.Millisecond)
	start := time.Now()
	if err := say(c, r, "slow", patience); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 300*time.Millisecond { // there and back: never less, however fast the machine is
		t.Errorf("a delay of 150 ms each way took %v", took)
	}
}

func TestFreezesAndThaws(t *testing.T) {
	p := echo(t)
	c, r := dial(t, p)
	if err := say(c, r, "before", patience); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	if err := say(c, r, "frozen", 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("frozen: %v", err)
	}
	late, lateReader := dial(t, p) // it connects, as to a machine whose kernel still answers
	if err := say(late, lateReader, "new", 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("frozen and new: %v", err)
	}
	p.Restore()
	for _, w := range []struct {
		conn   net.Conn
		reader *bufio.Reader
		want   string
	}{{c, r, "frozen\n"}, {late, lateReader, "new\n"}} {
		if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if got, err := w.reader.ReadString('\n'); err != nil || got != w.want {
			t.Errorf("thawed: %q, %v", got, err)
		}
	}
}

func TestCutsAndMends(t *testing.T) {
	p := echo(t)
	c, r := dial(t, p)
	if err := say(c, r, "before", patience); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := say(c, r, "cut", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a cut connection: %v", err)
	}
	if late, err := net.Dial("tcp", p.Addr()); err == nil { // the reset may be there before the connection is
		defer late.Close()
		if err := say(late, bufio.NewReader(late), "cut", patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection while cut: %v", err)
		}
	}
	p.Restore()
	again, againReader := dial(t, p)
	if err := say(again, againReader, "after", patience); err != nil {
		t.Errorf("restored: %v", err)
	}
	deadline := time.Now().Add(patience)
	for p.Open() != 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, want 1", p.Open())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestClosesWhileFrozen(t *testing.T) {
	p := echo(t)
	c, r := dial(t, p)
	if err := say(c, r, "before", patience); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	if err := p.Close(); err != nil { // and the leak test sees that nothing stays
		t.Fatal(err)
	}
}
