package definition

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirmesh/weir/server/mesh"
)

// SetVersion gives the text of a definition in which an object says another version of itself, and all else stands as it
// was typed. A text in which the object says none, or none that can be found, is given back unchanged.
func SetVersion(text string, of mesh.Ref, version int64) string {
	for _, p := range objectsIn([]byte(text)) {
		said := child(p.node, "version")
		if said == nil || said.Kind != yaml.ScalarNode || !p.called(of.String()) {
			continue
		}
		lines := strings.SplitAfter(text, "\n")
		if said.Line < 1 || said.Line > len(lines) {
			return text
		}
		line := []rune(lines[said.Line-1])
		at, old := said.Column-1, []rune(said.Value)
		if at < 0 || at+len(old) > len(line) || !slices.Equal(line[at:at+len(old)], old) {
			return text // it is quoted or tagged, and then it is no number
		}
		lines[said.Line-1] = string(line[:at]) + strconv.FormatInt(version, 10) + string(line[at+len(old):])
		return strings.Join(lines, "")
	}
	return text
}
