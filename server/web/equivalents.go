package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// yamlOf is an object as a definition file holds it; "" when it cannot be written.
func (w *Web) yamlOf(meshName string, o mesh.Object) string {
	text, err := definition.EncodeObject(meshName, 0, o)
	if err != nil {
		w.Logger.Error("object has no definition", "object", o.Ref().String(), "err", err)
		return ""
	}
	return string(text)
}

// weightTwins is how a route's weights are set without the console.
func (w *Web) weightTwins(v view, r mesh.Route, within string) page.Equivalents {
	words := []string{"weir", "weights", page.ShellWord(r.Router + "/" + r.Name)}
	body := make(map[string]int, len(r.Targets))
	for _, t := range r.Targets {
		words = append(words, page.ShellWord(t.Node+"="+strconv.Itoa(t.Weight)))
		body[t.Node] = t.Weight
	}
	words = append(words, ending(v.Mesh, within)...)
	path := []string{"meshes", v.Mesh, "routers", r.Router, "routes", r.Name, "weights"}
	return page.Equivalents{
		CLI: strings.Join(words, " "), YAML: w.yamlOf(v.Mesh, r),
		Curl: put(path, v.current.Versions[r.Ref()], confirmed(map[string]any{"weights": body}, within)),
	}
}

// poolTwins is how a node's connection pool is set without the console.
func (w *Web) poolTwins(v view, f poolForm, within string) page.Equivalents {
	words := []string{"weir", "pool", page.ShellWord(f.node.Name)}
	body := make(map[string]any)
	now := poolOf(f.node, f.port)
	for i, l := range poolLimits() {
		n, err := strconv.Atoi(f.typed[i])
		switch {
		case err == nil:
			words, body[l.name] = append(words, l.flag, strconv.Itoa(n)), n
		case *l.of(&now) != nil: // a limit that is taken away has to be named
			words, body[l.name] = append(words, l.flag, "none"), nil
		}
	}
	if len(f.node.Listeners) > 1 {
		words, body["port"] = append(words, "--port", strconv.Itoa(f.port)), f.port
	}
	words = append(words, ending(v.Mesh, within)...)
	return page.Equivalents{
		CLI: strings.Join(words, " "), YAML: w.yamlOf(v.Mesh, f.after),
		Curl: put([]string{"meshes", v.Mesh, "nodes", f.node.Name, "connection-pool"}, v.current.Versions[f.node.Ref()], confirmed(body, within)),
	}
}

// ending is what every changing command ends with.
func ending(mesh, within string) []string {
	words := []string{"--mesh", page.ShellWord(mesh)}
	if within != "" {
		words = append(words, "--confirm-within", page.ShellWord(within))
	}
	return words
}

func confirmed(body map[string]any, within string) map[string]any {
	if within != "" {
		body["confirmWithin"] = within
	}
	return body
}

// put is a PUT to the REST API as a shell command.
func put(path []string, version int64, body any) string {
	for i, part := range path {
		path[i] = url.PathEscape(part)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("curl -X PUT \"$WEIR_URL/api/v1/%s\" \\\n  -H 'Content-Type: application/json' -H 'If-Match: \"%d\"' \\\n  -d %s",
		strings.Join(path, "/"), version, page.ShellWord(string(data)))
}

// changeTwins is how a ledger entry is read and taken back without the console, and its object as it is now.
func (w *Web) changeTwins(c change.Change) page.Equivalents {
	verb := "undo"
	if c.State == change.Pending {
		verb = "confirm"
	}
	id := page.ShellWord(c.ID)
	twins := page.Equivalents{
		CLI: fmt.Sprintf("weir changes show %s\nweir changes %s %s", id, verb, id),
		Curl: fmt.Sprintf("curl \"$WEIR_URL/api/v1/changes/%[1]s\"\ncurl -X POST \"$WEIR_URL/api/v1/changes/%[1]s/%[2]s\"",
			url.PathEscape(c.ID), verb),
	}
	if len(c.Objects) == 1 {
		if stored, err := w.Meshes.Object(c.Mesh, c.Objects[0]); err == nil {
			twins.YAML = w.yamlOf(c.Mesh, stored.Object)
		}
	}
	return twins
}
