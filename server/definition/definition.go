// Package definition reads and writes mesh definitions as files hold them: whole meshes or single objects, in YAML or
// JSON, several documents to a file. Reading is strict (what is not known is an error that says where) and bounded, and
// it does not validate: mesh.Validate does. Formats of other systems are recognised and refused by name.
package definition

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// Limit is the largest definition that is read, in bytes.
const Limit = 1 << 20

// Document is one thing that a definition defines: a whole mesh or one object.
type Document struct {
	At      string      // where it stands: "document 2" or "document 2, item 3", counted from 1
	Mesh    string      // the mesh's name; empty when an object does not say
	Whole   *mesh.Mesh  // a whole mesh, sorted, or
	Object  mesh.Object // one object of a mesh
	Version int64       // of the object or mesh as it was printed; zero when it does not say
}

// Decode reads a definition. It is a list of documents separated by "---" (YAML) or one JSON value, and each document is
//
//   - a whole mesh: its name under "mesh" or "name", and "egressFilter", "nodes", "services", "routers", "routes",
//     "gateways", "gatewayRoutes";
//   - one object: its fields, with "kind", "mesh" and "version" beside them ("kind" may be left out where the fields
//     leave no doubt);
//   - {"items": […]}: a list of those.
//
// Errors are *mesh.Error with code Invalid that name the document, the object and the field.
func Decode(data []byte) ([]Document, error) {
	if len(data) > Limit {
		return nil, mesh.Errorf(mesh.Invalid, "the definition has %.1f MB and at most 1 MiB is read: split it into several files",
			float64(len(data))/1e6)
	}
	if !utf8.Valid(data) {
		return nil, mesh.Errorf(mesh.Invalid, "the definition is not UTF-8 text")
	}
	values, err := split(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	var list []Document
	for _, v := range values {
		documents, err := v.documents()
		if err != nil {
			return nil, err
		}
		list = append(list, documents...)
	}
	if len(list) == 0 {
		return nil, mesh.Errorf(mesh.Invalid, "the definition is empty: it defines no mesh and no object")
	}
	return list, nil
}

// Mesh reads a definition of one mesh: a whole mesh, or single objects that together are one. It does not validate.
func Mesh(data []byte) (mesh.Mesh, error) {
	documents, err := Decode(data)
	if err != nil {
		return mesh.Mesh{}, err
	}
	name := ""
	var patch mesh.Patch
	for _, d := range documents {
		if name == "" {
			name = d.Mesh
		}
		if d.Mesh != "" && d.Mesh != name {
			return mesh.Mesh{}, mesh.Errorf(mesh.Invalid, "%s: it is of mesh %q, and the ones before are of mesh %q", d.At, d.Mesh, name)
		}
		if d.Whole == nil {
			patch.Put = append(patch.Put, d.Object)
			continue
		}
		patch.Put = append(patch.Put, d.Whole.Objects()...)
	}
	whole := mesh.Mesh{Name: name}
	if slices.ContainsFunc(patch.Put, func(o mesh.Object) bool { return o.Ref().Kind == mesh.KindMesh }) {
		whole.Name = ""
	}
	return whole.With(patch)
}

// Bundle is what documents of one mesh come to.
type Bundle struct {
	Mesh  string
	Patch mesh.Patch
	Base  map[mesh.Ref]int64 // versions that documents say they were printed with
}

// Gather puts documents of one mesh together: the named one or, when name is empty, the one that they name. settings are
// what the mesh has now, the zero Settings if it does not exist: what a whole mesh does not say of them stays as it is,
// and a mesh that does not exist is begun. Error: mesh.Invalid when documents are of different meshes, or of none.
func Gather(name string, documents []Document, settings func(mesh string) mesh.Settings) (Bundle, error) {
	for _, d := range documents {
		switch {
		case d.Mesh == "" || d.Mesh == name:
		case name == "":
			name = d.Mesh
		default:
			return Bundle{}, mesh.Errorf(mesh.Invalid, "%s: it is of mesh %q, and the rest or the address says %q: apply one mesh at a time", d.At, d.Mesh, name)
		}
	}
	if name == "" {
		return Bundle{}, mesh.Errorf(mesh.Invalid, `the definition does not say of which mesh it is: add "mesh: NAME", or name the mesh in the address`)
	}
	now := settings(name)
	b := Bundle{Mesh: name, Base: make(map[mesh.Ref]int64)}
	for _, d := range documents {
		if d.Whole == nil {
			b.Patch.Put = append(b.Patch.Put, d.Object)
			if d.Version != 0 {
				b.Base[d.Object.Ref()] = d.Version
			}
			continue
		}
		whole := *d.Whole
		whole.EgressFilter = cmp.Or(whole.EgressFilter, now.EgressFilter)
		whole.Health, whole.Guard = cmp.Or(whole.Health, now.Health), cmp.Or(whole.Guard, now.Guard)
		whole.Approval = cmp.Or(whole.Approval, now.Approval) // a file that does not speak of it does not switch it off
		b.Patch.Put = append(b.Patch.Put, whole.Objects()...)
		if d.Version != 0 {
			b.Base[mesh.Ref{Kind: mesh.KindMesh, Name: whole.Name}] = d.Version
		}
	}
	if now.Name == "" && !slices.ContainsFunc(b.Patch.Put, func(o mesh.Object) bool { return o.Ref().Kind == mesh.KindMesh }) {
		b.Patch.Put = slices.Insert(b.Patch.Put, 0, mesh.Object(mesh.Settings{Name: name}))
	}
	return b, nil
}

// DecodeAs reads one object of a kind from JSON, as the body of a request holds it. "kind", "mesh" and "version" may
// stand beside its fields.
func DecodeAs(kind mesh.Kind, data []byte) (Document, error) {
	if len(data) > Limit {
		return Document{}, mesh.Errorf(mesh.Invalid, "the object has %.1f MB and at most 1 MiB is read", float64(len(data))/1e6)
	}
	fields, err := members(data)
	if err != nil {
		return Document{}, mesh.Errorf(mesh.Invalid, "%s: %w", kind, err)
	}
	d := Document{At: "the body"}
	if fields.word("kind") == "" {
		fields = append(fields, member{"kind", quote(string(kind))})
	}
	d, err = d.object(fields)
	if err == nil && d.Object.Ref().Kind != kind {
		return Document{}, mesh.Errorf(mesh.Invalid, "the body is a %s, and the address is a %s's", d.Object.Ref().Kind, kind)
	}
	return d, err
}

// value is one document as JSON.
type value struct {
	at   string
	json []byte
}

// split separates the documents of a definition and turns each into JSON.
func split(data []byte) ([]value, error) {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) {
		return []value{{"document 1", trimmed}}, nil
	}
	return splitYAML(data)
}

// documents reads one document, or each of the documents that it lists.
func (v value) documents() ([]Document, error) {
	if len(v.json) > 0 && v.json[0] == '[' {
		return nil, mesh.Errorf(mesh.Invalid, `%s: it is a list; write it under "items"`, v.at)
	}
	fields, err := members(v.json)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "%s: %w", v.at, err)
	}
	if what := foreign(fields); what != "" {
		return nil, mesh.Errorf(mesh.Invalid, "%s: this is %s, which is not read yet: write it in Weir's own form", v.at, what)
	}
	items, ok := fields.find("items")
	if !ok {
		d, err := Document{At: v.at}.read(fields)
		return []Document{d}, err
	}
	for _, f := range fields {
		if f.name != "items" && f.name != "next" {
			return nil, mesh.Errorf(mesh.Invalid, `%s: %s does not stand beside "items"`, v.at, printable(f.name))
		}
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(items, &raw); err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "%s: items is a list of documents", v.at)
	}
	var list []Document
	for i, r := range raw {
		d := Document{At: fmt.Sprintf("%s, item %d", v.at, i+1)}
		fields, err := members(r)
		if err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "%s: %w", d.At, err)
		}
		if d, err = d.read(fields); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// read reads a whole mesh or an object.
func (d Document) read(fields fieldList) (Document, error) {
	kind, given := fields.find("kind")
	if !given {
		if k := guess(fields); k != "" {
			return d.object(append(fields, member{"kind", quote(string(k))}))
		}
		return d.whole(fields)
	}
	if string(kind) == `"mesh"` && slices.ContainsFunc(collections(), fields.has) {
		return d.whole(fields.without("kind"))
	}
	return d.object(fields)
}

// whole reads a whole mesh.
func (d Document) whole(fields fieldList) (Document, error) {
	fields, err := d.naming(fields)
	if err != nil {
		return Document{}, err
	}
	if d.Version, fields, err = fields.version(); err != nil {
		return Document{}, mesh.Errorf(mesh.Invalid, "%s: %w", d.At, err)
	}
	for _, f := range fields {
		if f.name != "name" && f.name != "egressFilter" && !slices.Contains(collections(), f.name) && isObjectField(f.name) {
			return Document{}, mesh.Errorf(mesh.Invalid, "%s: %s is not a field of a whole mesh; for a single object say which: kind: %s",
				d.At, f.name, kinds())
		}
	}
	m, err := mesh.DecodeMesh(fields.json())
	if err != nil {
		return Document{}, located(d.At, err)
	}
	if m.Name == "" {
		return Document{}, mesh.Errorf(mesh.Invalid, `%s: the mesh has no name: add "mesh: NAME"`, d.At)
	}
	d.Mesh, d.Whole = m.Name, &m
	return d, nil
}

// object reads one object.
func (d Document) object(fields fieldList) (Document, error) {
	kind, err := mesh.ParseKind(fields.word("kind"))
	if err != nil {
		return Document{}, located(d.At, err)
	}
	fields = fields.without("kind")
	if kind == mesh.KindMesh {
		// What was printed beside the settings and only says what there is.
		fields = fields.without("objects").without("revision")
		if fields, err = d.naming(fields); err != nil {
			return Document{}, err
		}
	} else if raw, ok := fields.find("mesh"); ok {
		if d.Mesh = fields.word("mesh"); d.Mesh == "" {
			return Document{}, mesh.Errorf(mesh.Invalid, "%s: mesh %s: is the mesh's name", d.At, printable(string(raw)))
		}
		fields = fields.without("mesh")
	}
	if d.Version, fields, err = fields.version(); err != nil {
		return Document{}, mesh.Errorf(mesh.Invalid, "%s: %w", d.At, err)
	}
	if d.Object, err = mesh.DecodeObject(kind, fields.json()); err != nil {
		return Document{}, located(d.At, err)
	}
	if s, ok := d.Object.(mesh.Settings); ok {
		d.Mesh = s.Name
	}
	return d, nil
}

// naming lets a mesh's name stand under "mesh" as well as under "name".
func (d Document) naming(list fieldList) (fieldList, error) {
	raw, ok := list.find("mesh")
	if !ok {
		return list, nil
	}
	if other, twice := list.find("name"); twice && !bytes.Equal(other, raw) {
		return nil, mesh.Errorf(mesh.Invalid, "%s: mesh %s and name %s contradict each other", d.At, printable(string(raw)), printable(string(other)))
	}
	return append(fieldList{{"name", raw}}, list.without("mesh").without("name")...), nil
}

// located puts the place of a document before an error's message.
func located(at string, err error) error {
	if e, ok := errors.AsType[*mesh.Error](err); ok {
		moved := *e
		moved.Message = at + ": " + e.Message
		return &moved
	}
	return mesh.Errorf(mesh.Invalid, "%s: %w", at, err)
}

// kinds lists the kinds of single objects.
func kinds() string {
	var words []string
	for _, k := range mesh.Kinds()[1:] {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}
