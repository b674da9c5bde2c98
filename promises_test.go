package weir_test

import (
	"strings"
	"testing"
)

// promised is how many promises the README makes with a test by name.
const promised = 7

// TestPromises: what README.md promises names tests that there are.
func TestPromises(t *testing.T) {
	tests, found := testNames(t), 0
	for line := range strings.Lines(string(read(t, "README.md"))) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || !strings.Contains(cells[1], ". ") || strings.IndexAny(cells[1], "1234567") != 1 {
			continue
		}
		found++
		for proof := range strings.SplitSeq(cells[2], ",") {
			if err := proven(strings.TrimSpace(proof), tests); err != nil {
				t.Errorf("promise%.40s… is held by %s: %v", cells[1], proof, err)
			}
		}
	}
	if found != promised {
		t.Errorf("%d promises, want %d", found, promised)
	}
}
