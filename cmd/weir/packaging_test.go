package main

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// line finds the one line of a file that a pattern matches, and gives what it captures.
func line(t *testing.T, path, pattern string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)"+pattern).FindAllStringSubmatch(string(data), -1)
	if len(found) != 1 {
		t.Fatalf("%s: %d lines match %s", path, len(found), pattern)
	}
	return found[0][1]
}

func words(t *testing.T, list string) []string {
	t.Helper()
	var out []string
	if err := json.Unmarshal([]byte(list), &out); err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	return out
}

// The command lines of the image and of the service are ones that this binary takes.
func TestPackaging(t *testing.T) {
	t.Parallel()
	const docker, unit = "../../Dockerfile", "../../docs/guide/systemd/weir.service"
	entry := words(t, line(t, docker, `^ENTRYPOINT (.*)$`))
	check := words(t, line(t, docker, `^HEALTHCHECK .* CMD (.*)$`))
	service := strings.Fields(line(t, unit, `^ExecStart=(.*)$`))
	for name, args := range map[string][]string{
		"Dockerfile's CMD":         append(entry, words(t, line(t, docker, `^CMD (.*)$`))...),
		"Dockerfile's HEALTHCHECK": check,
		"weir.service":             service,
	} {
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
		if !strings.HasSuffix(args[0], "/weir") {
			t.Errorf("%s runs %s", name, args[0])
		}
		cmd, rest, err := a.root().Find(args[1:])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The service has as long as the drain and the last requests take, and what the manual promises of it.
func TestServiceIsHardened(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/guide/systemd/weir.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "StateDirectory=weir", "CapabilityBoundingSet=\n",
		"SystemCallFilter=@system-service", "MemoryMax=", "Restart=on-failure", "KillSignal=SIGTERM", "TimeoutStopSec=30s", "--drain 5s",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("weir.service has no %s", strings.TrimSpace(want))
		}
	}
}
