package change

import (
	"bytes"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
)

// maxDiff keeps the ledger and its lists small when a whole mesh is applied. The objects themselves are kept in full.
const maxDiff = 64 << 10

// unified writes a unified diff of each object's YAML, one after the other.
func unified(edits []Edit) (string, error) {
	var out bytes.Buffer
	for _, e := range edits {
		before, err := document(e.Before)
		if err != nil {
			return "", err
		}
		after, err := document(e.After)
		if err != nil {
			return "", err
		}
		from, to := fmt.Sprintf("%s (version %d)", e.Ref, e.Version-1), fmt.Sprintf("%s (version %d)", e.Ref, e.Version)
		if e.Before == nil {
			from = "/dev/null"
		}
		if e.After == nil {
			to = "/dev/null"
		}
		out.Write(hunks(from, before, to, after))
	}
	return shortened(out.Bytes()), nil
}

// hunks is a unified diff of two named texts.
func hunks(from string, before []byte, to string, after []byte) []byte {
	_, rest, _ := bytes.Cut(diff.Diff(from, before, to, after), []byte("\n")) // the first line is for commands
	return rest
}

// document writes an object as YAML; an absent one is empty.
func document(o mesh.Object) ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	data, err := yaml.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write %s as YAML: %w", o.Ref(), err)
	}
	return data, nil
}

// shortened cuts a long diff at the end of a line and says so in a line of its own.
func shortened(text []byte) string {
	if len(text) <= maxDiff {
		return string(text)
	}
	end := bytes.LastIndexByte(text[:maxDiff], '\n') + 1
	return fmt.Sprintf("%s\\ %d more lines are not shown\n", text[:end], bytes.Count(text[end:], []byte("\n")))
}
