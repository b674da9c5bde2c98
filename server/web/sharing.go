package web

import (
	"maps"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// sharing names the routes that share a split.
func (v view) sharing(split string) []string {
	var names []string
	for _, r := range v.current.Mesh.RoutesBy(split) {
		names = append(names, r.Router+"/"+r.Name)
	}
	return names
}

// callersOfSplit are those whose calls a split's routes take.
func (v view) callersOfSplit(split string) map[string]bool {
	callers := make(map[string]bool)
	for _, r := range v.current.Mesh.RoutesBy(split) {
		maps.Copy(callers, v.callersOf(r.Router))
	}
	return callers
}

// splitTwins is how a split's weights are set without the console.
func (w *Web) splitTwins(v view, s mesh.Split, within string) page.Equivalents {
	words := []string{"weir", "weights", page.ShellWord(s.Name)}
	body := make(map[string]int, len(s.Targets))
	for _, t := range s.Targets {
		words = append(words, page.ShellWord(t.Node+"="+strconv.Itoa(t.Weight)))
		body[t.Node] = t.Weight
	}
	words = append(words, ending(v.Mesh, within)...)
	return page.Equivalents{
		CLI: strings.Join(words, " "), YAML: w.yamlOf(v.Mesh, s),
		Curl: put([]string{"meshes", v.Mesh, "splits", s.Name, "weights"}, v.current.Versions[s.Ref()], confirmed(map[string]any{"weights": body}, within)),
	}
}
