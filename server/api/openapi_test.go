package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite openapi.yaml")

// TestOpenAPI keeps the committed description equal to what the code makes of itself.
func TestOpenAPI(t *testing.T) {
	a := newBench(t).api
	if *update {
		if err := os.WriteFile("openapi.yaml", a.OpenAPI(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, a.OpenAPI()) {
		t.Error("server/api/openapi.yaml is not what the code says: run go test ./server/api -run TestOpenAPI -update and review the diff")
	}
}
