package definition

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirmesh/weir/server/mesh"
)

// Fault is one thing that is wrong with a definition, and where.
type Fault struct {
	Line    int    // counted from 1; zero when it is about no place
	Message string // one line
	// Broken is the rule that Message tells of; nil when it tells of something else.
	Broken *mesh.Violation
}

// Locate says in which lines of a definition the faults are that Decode, or the validation of what it gave, found. An
// error that is not about the text is one fault without a line.
func Locate(data []byte, err error) []Fault {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*mesh.Error](err)
	if !ok || len(e.Violations) == 0 {
		return []Fault{{Line: lineIn(err.Error()), Message: err.Error()}}
	}
	places := objectsIn(data)
	faults := make([]Fault, 0, len(e.Violations))
	for _, v := range e.Violations {
		label, path, labelled := strings.Cut(v.Field, ": ")
		f := Fault{Message: v.String(), Broken: &v}
		if !labelled {
			path = v.Field
		}
		for _, p := range places {
			if labelled && p.called(label) || !labelled && len(places) == 1 {
				f.Line = lineOf(p.node, path)
				break
			}
		}
		faults = append(faults, f)
	}
	return faults
}

// lineIn finds the line that a parser's message names; zero when it names none.
func lineIn(message string) int {
	found := regexp.MustCompile(`\bline (\d+)`).FindStringSubmatch(message)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return n
}

// place is one object in a definition's text.
type place struct {
	labels []string // by which messages may call it
	node   *yaml.Node
}

// called says whether a message's label is the object's; long ones are shortened there.
func (p place) called(label string) bool {
	short, cut := strings.CutSuffix(label, "…")
	for _, l := range p.labels {
		if l == label || cut && strings.HasPrefix(l, short) {
			return true
		}
	}
	return false
}

// objectsIn lists the objects in a definition's text, as far as it can be read.
func objectsIn(data []byte) []place {
	var list []place
	d := yaml.NewDecoder(bytes.NewReader(data))
	for range maxDocuments {
		var doc yaml.Node
		if d.Decode(&doc) != nil {
			break
		}
		if len(doc.Content) == 0 {
			continue
		}
		list = append(list, placesIn(doc.Content[0], "")...)
	}
	return list
}

// placesIn lists an object and those within it; kind is what its place says that it is.
func placesIn(n *yaml.Node, kind mesh.Kind) []place {
	if items := child(n, "items"); items != nil {
		var list []place
		for _, item := range items.Content {
			list = append(list, placesIn(item, "")...)
		}
		return list
	}
	list := []place{{labels: labelsOf(n, kind), node: n}}
	for field, inner := range map[string]mesh.Kind{
		"nodes": mesh.KindNode, "services": mesh.KindService, "routers": mesh.KindRouter, "splits": mesh.KindSplit, "routes": mesh.KindRoute,
		"gateways": mesh.KindGateway, "gatewayRoutes": mesh.KindGatewayRoute,
	} {
		if c := child(n, field); c != nil && c.Kind == yaml.SequenceNode {
			for _, item := range c.Content {
				list = append(list, placesIn(item, inner)...)
			}
		}
	}
	return list
}

// labelsOf lists what an object may be called: where neither its place nor its fields say the kind, by every kind.
func labelsOf(n *yaml.Node, kind mesh.Kind) []string {
	word := func(field string) string {
		if c := child(n, field); c != nil {
			return c.Value
		}
		return ""
	}
	kinds := mesh.Kinds()
	if given, err := mesh.ParseKind(word("kind")); err == nil {
		kinds = []mesh.Kind{given}
	} else if kind != "" {
		kinds = []mesh.Kind{kind}
	}
	var labels []string
	for _, k := range kinds {
		name := word("name")
		switch k {
		case mesh.KindRoute:
			name = word("router") + "/" + name
		case mesh.KindGatewayRoute:
			name = word("gateway") + "/" + name
		case mesh.KindMesh:
			if name == "" {
				name = word("mesh")
			}
		}
		labels = append(labels, mesh.Ref{Kind: k, Name: name}.String())
	}
	return labels
}

// child is the value of a mapping's field; nil when there is none.
func child(n *yaml.Node, field string) *yaml.Node {
	_, value := entry(n, field)
	return value
}

func entry(n *yaml.Node, field string) (key, value *yaml.Node) {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// lineOf follows a path such as "targets[1].weight" as far as the text goes, and gives the line of where that is.
func lineOf(n *yaml.Node, path string) int {
	line := n.Line
	for part := range strings.SplitSeq(path, ".") {
		name, indices, _ := strings.Cut(part, "[")
		key, value := entry(n, name)
		if key == nil {
			return line
		}
		line, n = key.Line, value
		for index := range strings.SplitSeq(indices, "[") {
			i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
				break
			}
			n = n.Content[i]
			line = n.Line
		}
	}
	return line
}
