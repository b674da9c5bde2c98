package envoy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/envoy"
	"github.com/weirmesh/weir/server/mesh"
)

func TestFindWhatIsNotThere(t *testing.T) {
	if _, err := envoy.Find("/nowhere/envoy"); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("got %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	t.Chdir(t.TempDir())
	_, err := envoy.Find("")
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "make envoy") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

// TestValidate asks a real Envoy.
func TestValidate(t *testing.T) {
	binary, err := envoy.Find(os.Getenv("ENVOY"))
	if err != nil {
		t.Fatal(err)
	}
	if said, err := envoy.Validate(t.Context(), binary, []byte(`{"node":{"id":"a","cluster":"b"},"static_resources":{}}`)); err != nil || said != "" {
		t.Errorf("a sound configuration: %q, %v", said, err)
	}
	for config, words := range map[string]string{
		`{"nonsense":true}`: "nonsense",
		`{"static_resources":{"clusters":[{"name":"a","type":"STATIC","connect_timeout":"-1s"}]}}`: "positive duration",
	} {
		said, err := envoy.Validate(t.Context(), binary, []byte(config))
		if err != nil || !strings.Contains(said, words) || strings.Contains(said, "weir-validate") || strings.Contains(said, "[critical]") {
			t.Errorf("%s: %q, %v", config, said, err)
		}
	}
}

// TestValidateInTime gives up on a program that hangs, and on one that is none.
func TestValidateInTime(t *testing.T) {
	hangs := filepath.Join(t.TempDir(), "envoy")
	if err := os.WriteFile(hangs, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if said, err := envoy.Validate(ctx, hangs, []byte("{}")); mesh.CodeOf(err) != mesh.Unavailable || said != "" {
		t.Errorf("one that hangs: %q, %v", said, err)
	}
	if said, err := envoy.Validate(t.Context(), filepath.Join(t.TempDir(), "none"), []byte("{}")); mesh.CodeOf(err) != mesh.Unavailable || said != "" {
		t.Errorf("one that is not there: %q, %v", said, err)
	}
}
