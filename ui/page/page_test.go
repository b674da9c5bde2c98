package page

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHref(t *testing.T) {
	one := Shell{Mesh: "a", Meshes: []string{"a"}}
	two := Shell{Mesh: "b/c", Meshes: []string{"a", "b/c"}, Here: &url.URL{Path: "/topology", RawQuery: "view=table&mesh=b%2Fc"}}
	for got, want := range map[string]string{
		one.Href("/services"):                      "/services",
		two.Href("/services"):                      "/services?mesh=b%2Fc",
		two.Href("/x", "empty", ""):                "/x?mesh=b%2Fc",
		one.ServiceHref("a/b?c", "/pool"):          "/services/a%2Fb%3Fc/pool",
		two.ServiceHref("r", ""):                   "/services/r?mesh=b%2Fc",
		one.FocusHref("service/r"):                 "/topology?focus=service%2Fr&view=focus",
		two.With("view", "focus"):                  "/topology?mesh=b%2Fc&view=focus",
		two.Fragment("edges"):                      "/topology?fragment=edges&mesh=b%2Fc&view=table",
		one.With("lang", "ko"):                     "?lang=ko",
		"x" + fragmentQuery("/h", "truths", "r&d"): "x?fragment=truths&link=r%26d",
		"y" + fragmentQuery("/h?mesh=a", "t", ""):  "y&fragment=t",
	} {
		if got != want {
			t.Errorf("the address is %s, want %s", got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"reviews/primary": "reviews/primary", "a=75": "a=75", "": "''", "two words": "'two words'", "$(rm -rf /)": "'$(rm -rf /)'",
		"it's": `'it'\''s'`, "한글": "'한글'", "a;b": "'a;b'",
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("%s is written %s, want %s", word, got, want)
		}
	}
}

func TestDiffLines(t *testing.T) {
	got := diffLines("--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new")
	want := []string{"file", "file", "place", "same", "less", "more"}
	var kinds []string
	for _, l := range got {
		kinds = append(kinds, l.kind)
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
}
