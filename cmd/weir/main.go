// Command weir is the one binary of Weir: the server, the demo, and the verbs that read and change meshes over a
// server's REST interface. One file holds one command; docs/guide/cli.md describes them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // windows of a freeze name time zones, which not every host knows

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/mesh"
)

// The exit codes, which scripts rely on.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // the command line is wrong
	exitRefused = 3 // invalid, in conflict, or not allowed
	exitWaiting = 4 // accepted, but not programmed or not observed in time; or it waits for a second person
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes one command line and gives its exit code. SIGINT and SIGTERM end what it does in order; a second one
// ends the process at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var f *failure
	if !errors.As(err, &f) { // cobra's own: the command line
		f = &failure{exitUsage, fmt.Errorf("%w: see weir --help", err)}
	}
	fmt.Fprintf(stderr, "weir: %s\n", oneLine(f.err))
	return f.code
}

// app is what the commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	url, token, ca string // flags
}

// failure is an error with its exit code.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail gives a command's error the exit code that belongs to it.
func fail(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	switch mesh.CodeOf(err) {
	case mesh.Invalid, mesh.Conflict, mesh.Denied, mesh.Unauthenticated:
		return &failure{exitRefused, err}
	default:
		return &failure{exitFailed, err}
	}
}

// misuse is an error of the command line.
func misuse(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

// oneLine keeps an error to the one line that is promised.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "See every call between services; steer any of them; know that it happened",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().StringVar(&a.url, "url", "", "the server's address (default $WEIR_URL, else http://127.0.0.1:8080)")
	root.PersistentFlags().StringVar(&a.token, "token", "", "the API token (default $WEIR_TOKEN)")
	root.PersistentFlags().StringVar(&a.ca, "ca", "", "a file of what the server's certificate is checked against, in PEM (default $WEIR_CA, else what this machine trusts)")
	root.AddCommand(
		a.serveCommand(), a.demoCommand(), a.haCommand(), a.bootstrapCommand(),
		a.applyCommand(), a.getCommand(), a.graphCommand(), a.proxiesCommand(), a.driftCommand(),
		a.queryCommand(), a.sourcesCommand(), a.targetsCommand(), a.replicasCommand(),
		a.weightsCommand(), a.poolCommand(), a.deleteCommand(), a.adviseCommand(), a.changesCommand(), a.proposalsCommand(),
		a.approveCommand(), a.closeCommand("decline", "Say no to a change that somebody else proposed"), a.closeCommand("withdraw", "Take back what one has proposed"), a.eventsCommand(), a.canaryCommand(),
		a.certificateCommand(), a.whoamiCommand(), a.userCommand(), a.tokenCommand(), a.keyCommand(),
		a.readyCommand(), a.backupCommand(), a.restoreCommand(), a.doctorCommand(), a.benchCommand(), a.versionCommand(),
	)
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// does makes a command's action: its errors get their exit codes.
func does(action func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error { return fail(action(cmd.Context(), args)) }
}

// version is the binary's own, as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision + dirty
}
