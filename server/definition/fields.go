package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/weirmesh/weir/server/mesh"
)

// member is one field of a JSON object, its value not yet read.
type member struct {
	name  string
	value json.RawMessage
}

// fieldList is an object's fields in the order in which they were written.
type fieldList []member

// members reads a JSON object's outermost fields. A field given twice is an error.
func members(data []byte) (fieldList, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("this is not JSON: %w", oneLine(err))
	}
	if t != json.Delim('{') {
		return nil, errors.New("it is not an object with fields")
	}
	var list fieldList
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("this is not JSON: %w", oneLine(err))
		}
		name, _ := t.(string)
		var m json.RawMessage
		if err := d.Decode(&m); err != nil {
			return nil, fmt.Errorf("this is not JSON: %w", oneLine(err))
		}
		if list.has(name) {
			return nil, fmt.Errorf("%s is given twice", printable(name))
		}
		if len(list) == 100 {
			return nil, errors.New("it has more than 100 fields, which no document has")
		}
		list = append(list, member{name, m})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("this is not JSON: %w", oneLine(err))
	}
	if _, err := d.Token(); err == nil {
		return nil, errors.New("there is something after the end of the object")
	}
	return list, nil
}

// find gives a field's value.
func (l fieldList) find(name string) (json.RawMessage, bool) {
	i := slices.IndexFunc(l, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return l[i].value, true
}

func (l fieldList) has(name string) bool {
	_, ok := l.find(name)
	return ok
}

// word gives a field that is a string, "" when it is not there or not a string.
func (l fieldList) word(name string) string {
	raw, _ := l.find(name)
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func (l fieldList) without(name string) fieldList {
	return slices.DeleteFunc(slices.Clone(l), func(m member) bool { return m.name == name })
}

// version takes out the version that was printed beside an object's fields.
func (l fieldList) version() (int64, fieldList, error) {
	raw, ok := l.find("version")
	if !ok {
		return 0, l, nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 {
		return 0, nil, fmt.Errorf("version %s: is the number that was printed with it, or left out", printable(string(raw)))
	}
	return n, l.without("version"), nil
}

// json writes the fields as an object again.
func (l fieldList) json() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// quote writes a string as JSON.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil { // a string can always be written
		return []byte(`""`)
	}
	return bytes.TrimSpace(b.Bytes())
}

// collections are the fields that only a whole mesh has.
func collections() []string {
	return []string{"nodes", "services", "routers", "splits", "routes", "gateways", "gatewayRoutes"}
}

// isObjectField says whether a name is a field of some single object.
func isObjectField(name string) bool {
	return slices.Contains([]string{
		"router", "split", "node", "gateway", "protocol", "priority", "match", "target", "targets", "timeout", "retry", "rewrite",
		"listeners", "serviceDiscovery", "backends",
	}, name)
}

// guess finds the kind of an object that does not say it, as answers of the API do not, if its fields leave no doubt.
func guess(l fieldList) mesh.Kind {
	switch {
	case slices.ContainsFunc(collections(), l.has):
		return ""
	case l.has("router") && (l.has("targets") || l.has("split")):
		return mesh.KindRoute
	case l.has("gateway") && l.has("target"):
		return mesh.KindGatewayRoute
	case l.has("serviceDiscovery") || l.has("backends"):
		return mesh.KindNode
	case l.has("name") && (l.has("router") || l.has("node")):
		return mesh.KindService
	default:
		return ""
	}
}

// foreign names the format of a document that is not Weir's; "" when it may be.
func foreign(l fieldList) string {
	inner, _ := l.find("mesh")
	switch {
	case strings.HasPrefix(l.word("apiVersion"), "appmesh.k8s.aws/"):
		return "a manifest of the App Mesh controller for Kubernetes (appmesh.k8s.aws)"
	case l.has("apiVersion"):
		return "a Kubernetes manifest"
	case l.has("AWSTemplateFormatVersion") || l.has("Resources"):
		return "a CloudFormation template"
	case l.has("resource") || l.has("terraform_version"):
		return "a Terraform file"
	case l.has("meshName"), l.has("spec"), bytes.HasPrefix(inner, []byte("{")),
		l.has("virtualNode"), l.has("virtualRouter"), l.has("virtualService"), l.has("virtualGateway"), l.has("gatewayRoute"):
		return "JSON of the App Mesh API"
	default:
		return ""
	}
}

// oneLine makes a parser's error fit for a message of one line.
func oneLine(err error) error { return errors.New(printable(err.Error())) }

// printable makes a text fit for one line of at most 200 characters.
func printable(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = '\uFFFD'
		}
	}
	if len(runes) > 200 {
		runes = append(runes[:199], '…')
	}
	return string(runes)
}
