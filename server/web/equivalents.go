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

// objectTwins is how an object is written without the console.
func (w *Web) objectTwins(v view, o mesh.Object, within string) page.Equivalents {
	ref := o.Ref()
	yaml := w.yamlOf(v.Mesh, o)
	data, err := json.Marshal(o)
	if err != nil {
		return page.Equivalents{YAML: yaml}
	}
	condition := "If-None-Match: *"
	if _, exists := v.current.Mesh.Get(ref); exists {
		condition = fmt.Sprintf("If-Match: \"%d\"", v.current.Versions[ref])
	}
	return page.Equivalents{
		CLI: applying(v.Mesh, within, yaml), YAML: yaml,
		Curl: "curl -X PUT \"$WEIR_URL/api/v1/" + objectPath(v.Mesh, ref, within) + "\" \\\n  -H 'Content-Type: application/json' -H '" +
			condition + "' \\\n  -d " + page.ShellWord(string(data)),
	}
}

// patchTwins is how a patch is made without the console.
func (w *Web) patchTwins(v view, p mesh.Patch, within string) page.Equivalents {
	if len(p.Put) == 1 && len(p.Delete) == 0 {
		return w.objectTwins(v, p.Put[0], within)
	}
	var yaml strings.Builder
	for i, o := range p.Put {
		if i > 0 {
			yaml.WriteString("---\n")
		}
		yaml.WriteString(w.yamlOf(v.Mesh, o))
	}
	var twins page.Equivalents
	if len(p.Put) > 0 {
		query := ""
		if within != "" {
			query = "?confirmWithin=" + url.QueryEscape(within)
		}
		twins.YAML, twins.CLI = yaml.String(), applying(v.Mesh, within, yaml.String())
		twins.Curl = "curl -X POST \"$WEIR_URL/api/v1/meshes/" + url.PathEscape(v.Mesh) + "/apply" + query +
			"\" \\\n  -H 'Content-Type: application/yaml' --data-binary @- <<'END'\n" + yaml.String() + "END"
	}
	for _, ref := range p.Delete {
		words := append([]string{"weir", "delete", string(ref.Kind), page.ShellWord(ref.Name)}, ending(v.Mesh, within)...)
		twins.CLI = strings.TrimPrefix(twins.CLI+"\n", "\n") + strings.Join(words, " ")
		twins.Curl = strings.TrimPrefix(twins.Curl+"\n", "\n") + fmt.Sprintf("curl -X DELETE \"$WEIR_URL/api/v1/%s\" \\\n  -H 'If-Match: \"%d\"'",
			objectPath(v.Mesh, ref, within), v.current.Versions[ref])
	}
	return twins
}

// applying is the command that takes a definition from where it stands.
func applying(meshName, within, yaml string) string {
	if yaml == "" {
		return ""
	}
	return strings.Join(append([]string{"weir apply -f -"}, ending(meshName, within)...), " ") + " <<'END'\n" + yaml + "END"
}

// objectPath is the address of an object below the API's root.
func objectPath(meshName string, ref mesh.Ref, within string) string {
	path := []string{"meshes", meshName}
	if ref.Kind != mesh.KindMesh {
		path = append(append(path, ref.Kind.Plural()), strings.Split(ref.Name, "/")...)
	}
	for i, part := range path {
		path[i] = url.PathEscape(part)
	}
	address := strings.Join(path, "/")
	if within != "" {
		address += "?confirmWithin=" + url.QueryEscape(within)
	}
	return address
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
