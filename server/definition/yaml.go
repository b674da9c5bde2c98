package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirmesh/weir/server/mesh"
)

// Bounds on what a definition may hold: how large a document may become once its aliases are written out, in bytes and
// in values, and how many documents there are. A mesh of a thousand nodes has some 20,000 values.
const (
	maxExpanded  = 4 * Limit
	maxValues    = 200_000
	maxDocuments = 5000
)

// splitYAML reads YAML documents and turns each into JSON. Empty documents count but are left out.
func splitYAML(data []byte) ([]value, error) {
	var list []value
	d := yaml.NewDecoder(bytes.NewReader(data))
	for i := 1; ; i++ {
		if i > maxDocuments {
			return nil, mesh.Errorf(mesh.Invalid, "the definition has more than %d documents: split it into several files", maxDocuments)
		}
		at := fmt.Sprintf("document %d", i)
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "%s: %s", at, yamlText(err))
		}
		if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
			continue
		}
		if strings.Contains(doc.Content[0].Value, "aws_appmesh_") {
			return nil, mesh.Errorf(mesh.Invalid, "%s: this is a Terraform file, which is not read yet: write it in Weir's own form", at)
		}
		w := &writer{}
		if err := w.value(doc.Content[0]); err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "%s: %w", at, err)
		}
		list = append(list, value{at, w.b.Bytes()})
	}
}

// yamlText makes the parser's words fit for one line.
func yamlText(err error) string {
	s := printable(err.Error())
	s = strings.TrimPrefix(s, "yaml: unmarshal errors: ")
	s = strings.TrimPrefix(s, "yaml: ")
	return "this is not YAML: " + s
}

// writer writes YAML's nodes as JSON. An alias is written out where it stands, so the size is counted here, and an alias
// within what it stands for is refused.
type writer struct {
	b      bytes.Buffer
	values int
	open   []*yaml.Node // the anchors being written out
}

func (w *writer) value(n *yaml.Node) error {
	if w.values++; w.values > maxValues || w.b.Len() > maxExpanded {
		return errors.New("it is too large once its aliases are written out: split it, or write it without aliases")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return w.list(n)
	case yaml.MappingNode:
		return w.mapping(n)
	case yaml.AliasNode:
		if slices.Contains(w.open, n.Alias) || len(w.open) >= 20 {
			return fmt.Errorf("line %d: the alias *%s is within itself", n.Line, printable(n.Value))
		}
		w.open = append(w.open, n.Alias)
		err := w.value(n.Alias)
		w.open = w.open[:len(w.open)-1]
		return err
	case yaml.ScalarNode:
		return w.scalar(n)
	default:
		return fmt.Errorf("line %d: something here is not a value", n.Line)
	}
}

func (w *writer) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		w.b.WriteString("null")
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %s is not a value: %w", n.Line, printable(n.Value), oneLine(err))
		}
		out, err := json.Marshal(v)
		if err != nil { // infinite, or not a number
			return fmt.Errorf("line %d: %s is not a finite number", n.Line, printable(n.Value))
		}
		w.b.Write(out)
	default:
		w.b.Write(quote(n.Value))
	}
	return nil
}

func (w *writer) list(n *yaml.Node) error {
	w.b.WriteByte('[')
	for i, e := range n.Content {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if err := w.value(e); err != nil {
			return err
		}
	}
	w.b.WriteByte(']')
	return nil
}

func (w *writer) mapping(n *yaml.Node) error {
	seen := make(map[string]bool, len(n.Content)/2)
	w.b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			return fmt.Errorf("line %d: a field's name is one word", key.Line)
		case key.ShortTag() == "!!merge":
			return fmt.Errorf("line %d: merging with << is not read: write the fields out", key.Line)
		case seen[key.Value]:
			return fmt.Errorf("line %d: %s is given twice", key.Line, printable(key.Value))
		}
		seen[key.Value] = true
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.b.Write(quote(key.Value))
		w.b.WriteByte(':')
		if err := w.value(n.Content[i+1]); err != nil {
			return err
		}
	}
	w.b.WriteByte('}')
	return nil
}

// EncodeMesh writes a whole mesh as a YAML document that Decode reads back.
func EncodeMesh(m mesh.Mesh) ([]byte, error) {
	fields, err := written(m.Sorted())
	if err != nil {
		return nil, err
	}
	for i := range fields {
		if fields[i].name == "name" {
			fields[i].name = "mesh"
		}
	}
	return toYAML(fields)
}

// EncodeObject writes one object of a mesh as a YAML document that Decode reads back. A version of zero and
// an empty mesh name are left out.
func EncodeObject(meshName string, version int64, o mesh.Object) ([]byte, error) {
	own, err := written(o)
	if err != nil {
		return nil, err
	}
	list := fieldList{{"kind", quote(string(o.Ref().Kind))}}
	if o.Ref().Kind != mesh.KindMesh && meshName != "" {
		list = append(list, member{"mesh", quote(meshName)})
	}
	list = append(list, own...)
	if version != 0 {
		list = append(list, member{"version", strconv.AppendInt(nil, version, 10)})
	}
	return toYAML(list)
}

// written gives a value's fields in the order of its type.
func written(v any) (fieldList, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %T: %w", v, err)
	}
	return members(data)
}

// toYAML writes fields as YAML and keeps their order, which people read better than the alphabet's.
func toYAML(l fieldList) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(l.json()))
	d.UseNumber()
	n, err := ordered(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := errors.Join(e.Encode(n), e.Close()); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), nil
}

// ordered reads the next JSON value for the YAML writer.
func ordered(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".e") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case json.Delim:
		return orderedWithin(d, t)
	default:
		if s, ok := t.(string); ok && strings.ContainsAny(s, "\t\r") {
			// The library would write a block, which it cannot read back when that begins with a tab.
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}, nil
		}
		n := &yaml.Node{}
		return n, n.Encode(t)
	}
}

// orderedWithin reads the rest of a list or of an object.
func orderedWithin(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if open == '[' {
		n.Kind = yaml.SequenceNode
	}
	for d.More() {
		e, err := ordered(d) // in an object, names and values take turns
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, e)
	}
	_, err := d.Token()
	return n, err
}
