package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirmesh/weir/server"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
)

// hasty keeps a program that looks for races from sleeping for a second before it exits, which every command would.
const hasty = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if err := os.Setenv("GORACE", hasty+" "+os.Getenv("GORACE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testscript.Main(m, map[string]func(){"weir": main, "curl": curl})
}

// TestScripts runs every script against a real server of its own.
func TestScripts(t *testing.T) {
	envoy, err := demo.FindEnvoy()
	if err != nil {
		t.Fatalf("%v: run `make envoy`", err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ENVOY", envoy)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return startServer(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"eventually": eventually,
			"freeport":   freePort,
			"bigfile":    bigFile,
		},
		RequireUniqueNames: true,
	})
}

// startServer runs a server for one script and names it in WEIR_URL; its control plane is XDS.
func startServer(env *testscript.Env) error {
	s, err := serveFor(filepath.Join(env.WorkDir, ".server"), env.Defer)
	if err != nil {
		return err
	}
	env.Setenv("WEIR_URL", s.URL())
	env.Setenv("XDS", s.XDSAddr())
	return nil
}

// serveFor runs a server until what is deferred is done.
func serveFor(data string, later func(func())) (*server.Server, error) {
	return serveWith(server.Options{Data: data, Open: true}, later)
}

// serveWith runs a server on addresses of its own.
func serveWith(o server.Options, later func(func())) (*server.Server, error) {
	o.Listen, o.XDSListen, o.Logger, o.Version = "127.0.0.1:0", "127.0.0.1:0", slog.New(slog.DiscardHandler), version()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := server.New(ctx, o)
	if err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	later(func() {
		cancel()
		if err := <-ended; err != nil {
			panic(fmt.Sprintf("the server ended with %v", err))
		}
	})
	return s, nil
}

// eventually repeats a command until its standard output contains a text: eventually TEXT weir ARGS…
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually text command args…")
	}
	var last string
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		last = ts.ReadFile("stdout")
		if err == nil && strings.Contains(last, args[0]) {
			return
		}
	}
	ts.Fatalf("%s never said %q; last: %s%s", strings.Join(args[1:], " "), args[0], last, ts.ReadFile("stderr"))
}

// freePort puts a free port's number into an environment variable: freeport NAME
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport name")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// bigFile writes a file of that many MB: bigfile NAME MB
func bigFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bigfile name")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("# five megabytes\n", 5<<20/17)), 0o600))
}

// TestExitCodes covers what needs no server.
func TestExitCodes(t *testing.T) {
	t.Setenv("WEIR_URL", "http://127.0.0.1:1")
	cases := []struct {
		args string
		code int
		in   string // of stderr
	}{
		{"version", exitDone, ""},
		{"--help", exitDone, ""},
		{"nonsense", exitUsage, "unknown command"},
		{"get", exitUsage, "accepts between 1 and 2"},
		{"get hats", exitUsage, "kind \"hats\" is not known"},
		{"get nodes -o pdf", exitUsage, "table, json, yaml"},
		{"graph --nonsense", exitUsage, "unknown flag"},
		{"graph", exitFailed, "cannot reach Weir at http://127.0.0.1:1"},
		{"--url nowhere graph", exitRefused, "write it as http://HOST:PORT"},
		{"weights reviews/ a=1", exitUsage, "ROUTER/ROUTE"},
		{"weights reviews/primary a=x", exitUsage, "NODE=WEIGHT"},
		{"weights reviews/primary a=1 a=2", exitUsage, "named twice"},
		{"weights reviews/primary a=1 --wait forever", exitUsage, "accepted, programmed, observed"},
		{"weights reviews/primary a=1 --confirm-within 1ms", exitUsage, "at least 1s"},
		{"pool ratings", exitUsage, "no limit is named"},
		{"pool ratings --max-connections many", exitUsage, "a whole number, or none"},
		{"delete node", exitUsage, "accepts 2 arg"},
		{"delete hat ratings", exitUsage, "kind \"hat\" is not known"},
		{"delete route beta", exitUsage, "write it as PARENT/NAME"},
		{"delete gateway-route edge/", exitUsage, "write it as PARENT/NAME"},
		{"delete node ratings --confirm-within 1ms", exitUsage, "at least 1s"},
		{"delete node ratings", exitFailed, "cannot reach Weir at http://127.0.0.1:1"},
		{"apply", exitUsage, "required flag"},
		{"apply -f does-not-exist.yaml", exitUsage, "no such file"},
		{"bootstrap", exitUsage, "name the mesh"},
		{"bootstrap --mesh m --node a --gateway b", exitUsage, "either the virtual node or the virtual gateway"},
		{"bootstrap --mesh m --node a --ingress-port x", exitUsage, "PORT=PROXYPORT"},
		{"bootstrap --mesh m --node a --xds nonsense", exitRefused, "nonsense"},
		{"serve --listen 0.0.0.0:0", exitRefused, "--listen 0.0.0.0:0"},
		{"serve --listen 0.0.0.0:0", exitRefused, "--listen 0.0.0.0:0"},
		{"demo --story war-and-peace", exitUsage, "bad-canary"},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			var out, err strings.Builder
			if code := run(strings.Fields(c.args), strings.NewReader(""), &out, &err); code != c.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, c.code, err.String())
			}
			if !strings.Contains(err.String(), c.in) {
				t.Errorf("stderr %q does not contain %q", err.String(), c.in)
			}
			if said := err.String(); c.code != exitDone && strings.Count(said, "\n") != 1 {
				t.Errorf("stderr has more than one line: %q", said)
			}
		})
	}
}

// TestTellTruths checks the words of the second and third truth and the exit codes behind them.
func TestTellTruths(t *testing.T) {
	if code := codeOf(lateness("programmed", changeWith(t, `{"id":"c","programmed":{"acked":1,"total":3}}`), time.Second)); code != exitWaiting {
		t.Errorf("one of three: exit code %d, want %d", code, exitWaiting)
	}
	cases := []struct {
		truth, change string
		code          int
		in            string
	}{
		{"programmed", `{"id":"c","accepted":{"at":"2026-01-01T00:00:00Z"},"programmed":{"acked":3,"total":3,"at":"2026-01-01T00:00:00.004Z"}}`, exitDone, "programmed 3/3 in 4 ms"},
		{"programmed", `{"id":"c","programmed":{"acked":2,"total":3,"rejected":[{"proxy":"a","message":"bad regex"}]}}`, exitWaiting, "programmed 2/3"},
		{"programmed", `{"id":"c"}`, exitWaiting, ""},
		{
			"observed", `{"id":"c","programmed":{"total":1,"acked":1},"observed":{"window":"10s","requests":1480,"agrees":true,"shares":{"v1":{"want":0.75,"got":0.751,"low":0.728,"high":0.772}}}}`,
			exitDone, "v1 75.1 % (95 %: 72.8 to 77.2), wanted 75.0 %",
		},
		{"observed", `{"id":"c","programmed":{"total":1,"acked":1},"observed":{"window":"10s","requests":1480,"agrees":false}}`, exitWaiting, "contradicts"},
		{"observed", `{"id":"c","programmed":{"total":1,"acked":1},"observed":{"window":"1s","requests":3,"note":"too few"}}`, exitWaiting, "too few"},
	}
	for _, c := range cases {
		var out strings.Builder
		a := &app{stdout: &out, stderr: io.Discard}
		a.tellTruth(c.truth, changeWith(t, c.change))
		if !strings.Contains(out.String(), c.in) {
			t.Errorf("said %q, want %q", out.String(), c.in)
		}
		if code := codeOf(lateness(c.truth, changeWith(t, c.change), time.Second)); code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.change, code, c.code)
		}
	}
}

// TestRefusalsSayWhatBecomesOfThem reads what is said of a change that a proxy refused.
func TestRefusalsSayWhatBecomesOfThem(t *testing.T) {
	for given, want := range map[string]string{
		`{"id":"c","programmed":{"total":1,"rejected":[{"proxy":"a","message":"no"}]}}`:                                 "take it back with weir changes undo c",
		`{"id":"c","programmed":{"total":1,"rejected":[{"proxy":"a","message":"no","caused":true}]}}`:                   "it is taken back by itself, look at weir changes show c",
		`{"id":"c","undoneBy":"d","programmed":{"total":1,"rejected":[{"proxy":"a","message":"no","caused":true}]}}`:    "it was taken back everywhere, by change d",
		`{"id":"c","rollout":"r","programmed":{"total":1,"rejected":[{"proxy":"a","message":"no","caused":true}]}}`:     "weir changes undo c",
		`{"id":"c","note":"built on","programmed":{"total":1,"rejected":[{"proxy":"a","message":"no","caused":true}]}}`: "weir changes undo c",
	} {
		if err := lateness("programmed", changeWith(t, given), time.Second); err == nil || !strings.Contains(err.Error(), "refused by a: no: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}

func codeOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitDone
}

func changeWith(t *testing.T, text string) change.Change {
	t.Helper()
	var c change.Change
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
