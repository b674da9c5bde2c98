package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/weirmesh/weir/server"
)

// TestSourceTwice gives a source by flag that is called like one in the file.
func TestSourceTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte("sources: [{name: prom.example.com, url: 'https://prom.example.com/a'}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	var o server.Options
	c := configFlags{file: path, url: "https://prom.example.com/b", given: pflag.NewFlagSet("serve", pflag.ContinueOnError)}
	const want = `--metrics-url: source "prom.example.com": there is a source of that name already`
	if err := c.apply(&o); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	c.url = "https://other.example.com"
	if err := c.apply(&o); err != nil || len(o.Sources) != 2 {
		t.Errorf("%d sources, %v", len(o.Sources), err)
	}
}
