package mesh

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ParseKind reads a kind in the singular or the plural.
func ParseKind(s string) (Kind, error) {
	words := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		if s == string(k) || s == k.Plural() {
			return k, nil
		}
		words = append(words, k.Plural())
	}
	return "", Errorf(Invalid, "kind %q is not known: it is one of %s", shorten(s), strings.Join(words, ", "))
}

// DecodeObject reads one object from JSON. It is strict: a field that the kind does not have, a field given twice, a
// value of the wrong type and anything after the object are errors, as Validate's are. It does not validate.
func DecodeObject(kind Kind, data []byte) (Object, error) {
	switch kind {
	case KindMesh:
		return decoded[Settings](kind, data)
	case KindNode:
		return decoded[VirtualNode](kind, data)
	case KindService:
		return decoded[VirtualService](kind, data)
	case KindRouter:
		return decoded[VirtualRouter](kind, data)
	case KindSplit:
		return decoded[Split](kind, data)
	case KindRoute:
		return decoded[Route](kind, data)
	case KindGateway:
		return decoded[VirtualGateway](kind, data)
	case KindGatewayRoute:
		return decoded[GatewayRoute](kind, data)
	default:
		return nil, Errorf(Invalid, "kind %q is not known", shorten(string(kind)))
	}
}

func decoded[T Object](kind Kind, data []byte) (Object, error) {
	var o T
	if err := decode(string(kind), data, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// DecodeMesh reads a whole mesh from JSON as strictly as DecodeObject and sorts it. It does not validate.
func DecodeMesh(data []byte) (Mesh, error) {
	var m Mesh
	if err := decode("mesh", data, &m); err != nil {
		return Mesh{}, err
	}
	return m.Sorted(), nil
}

// decode reads JSON into the value that into points to.
func decode(what string, data []byte, into any) error {
	d := &decoder{json: json.NewDecoder(bytes.NewReader(data))}
	d.json.UseNumber()
	err := d.value("", reflect.ValueOf(into).Elem())
	if err == nil {
		_, err = d.json.Token()
		if err == nil {
			return Errorf(Invalid, "%s: there is something after the end of the object, at byte %d", what, d.json.InputOffset())
		}
	}
	if !errors.Is(err, io.EOF) {
		return Errorf(Invalid, "%s: %s", what, syntaxText(err, d.json.InputOffset()))
	}
	return d.err(what)
}

// syntaxText says where JSON breaks off.
func syntaxText(err error, at int64) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the JSON ends too early"
	}
	return fmt.Sprintf("this is not JSON, at byte %d: %s", at, shorten(err.Error()))
}

// decoder reads JSON along a type and collects what does not belong there. The standard library's own strictness
// accepts fields in another case and fields given twice, and does not say where.
type decoder struct {
	checker
	json *json.Decoder
}

// value reads the next value into v. The error is about the JSON itself; what is wrong with the value is collected.
func (d *decoder) value(at string, v reflect.Value) error {
	t, err := d.json.Token()
	if err != nil {
		return early(err)
	}
	return d.token(at, t, v)
}

// early makes the end of the input an error where more was due.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// token reads the value that starts with a token into v.
func (d *decoder) token(at string, t json.Token, v reflect.Value) error {
	if v.Type() == reflect.TypeFor[Duration]() {
		return d.duration(at, t, v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if t == nil {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.token(at, t, v.Elem())
	case reflect.Struct:
		if t != json.Delim('{') {
			return d.wrong(at, t, "is an object")
		}
		return d.object(at, v)
	case reflect.Slice:
		switch t {
		case nil:
			return nil
		case json.Delim('['):
			return d.array(at, v)
		}
		return d.wrong(at, t, "is a list")
	case reflect.String:
		s, ok := t.(string)
		if !ok {
			return d.wrong(at, t, "is a string")
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := t.(bool)
		if !ok {
			return d.wrong(at, t, "is true or false")
		}
		v.SetBool(b)
	case reflect.Float64:
		return d.number(at, t, v)
	default: // the vocabulary's other numbers are whole
		return d.integer(at, t, v)
	}
	return nil
}

func (d *decoder) integer(at string, t json.Token, v reflect.Value) error {
	n, ok := t.(json.Number)
	if !ok {
		return d.wrong(at, t, "is a whole number")
	}
	i, err := strconv.ParseInt(n.String(), 10, v.Type().Bits())
	if err != nil {
		return d.wrong(at, t, "is a whole number")
	}
	v.SetInt(i)
	return nil
}

func (d *decoder) number(at string, t json.Token, v reflect.Value) error {
	n, ok := t.(json.Number)
	if !ok {
		return d.wrong(at, t, "is a number")
	}
	f, err := n.Float64()
	if err != nil {
		return d.wrong(at, t, "is a number")
	}
	v.SetFloat(f)
	return nil
}

func (d *decoder) duration(at string, t json.Token, v reflect.Value) error {
	const rule = `is a duration with its unit, as in "15s" or "250ms"`
	s, ok := t.(string)
	if !ok {
		return d.wrong(at, t, rule)
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		return d.wrong(at, t, rule)
	}
	var parsed Duration
	if err := parsed.UnmarshalJSON(quoted); err != nil {
		return d.wrong(at, t, rule)
	}
	v.SetInt(int64(parsed))
	return nil
}

// wrong records that a value is of the wrong type and passes over it.
func (d *decoder) wrong(at string, t json.Token, rule string) error {
	if at == "" {
		at = "value"
	}
	switch t := t.(type) {
	case nil:
		d.fail(at, "null", rule)
	case json.Delim:
		d.fail(at, string(rune(t))+"…", rule)
	default:
		d.fail(at, t, rule)
	}
	return d.skip(t)
}

// skip passes over the rest of the value that starts with a token.
func (d *decoder) skip(t json.Token) error {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = d.json.Token(); err != nil {
			return early(err)
		}
	}
}

func (d *decoder) array(at string, v reflect.Value) error {
	for i := 0; d.json.More(); i++ {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(fmt.Sprintf("%s[%d]", at, i), e); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	_, err := d.json.Token()
	return early(err)
}

// object reads fields up to the closing brace. Whatever is wrong within one of the mesh's objects is reported under
// that object's name.
func (d *decoder) object(at string, v reflect.Value) error {
	inner, before := at, len(d.list)
	if _, ok := v.Interface().(Object); ok {
		inner = ""
	}
	seen := make(map[string]bool)
	for d.json.More() {
		if err := d.member(inner, v, seen); err != nil {
			return err
		}
	}
	if o, ok := v.Interface().(Object); ok {
		for i := range d.list[before:] {
			d.list[before+i].Field = labelAt(o, at) + ": " + d.list[before+i].Field
		}
	}
	_, err := d.json.Token()
	return early(err)
}

// labelAt names an object by its name or, when it has none, by its place.
func labelAt(o Object, at string) string {
	name := o.Ref().Name
	if name == "" || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") {
		return strings.TrimSpace(string(o.Ref().Kind) + " " + at)
	}
	return label(o)
}

// member reads one field and its value.
func (d *decoder) member(at string, v reflect.Value, seen map[string]bool) error {
	t, err := d.json.Token()
	if err != nil {
		return early(err)
	}
	key, ok := t.(string)
	if !ok {
		return errors.New("a field's name is a string")
	}
	path := key
	if at != "" {
		path = at + "." + key
	}
	field, known := fieldNamed(v, key)
	switch {
	case !known:
		d.fail(shorten(path), nil, "is not a field here; the fields are "+strings.Join(fieldNames(v.Type()), ", "))
	case seen[key]:
		d.fail(path, nil, "is given once")
	default:
		seen[key] = true
		return d.value(path, field)
	}
	if t, err = d.json.Token(); err != nil {
		return early(err)
	}
	return d.skip(t)
}

// fieldNamed finds the field with a JSON name.
func fieldNamed(v reflect.Value, name string) (reflect.Value, bool) {
	i := slices.Index(fieldNames(v.Type()), name)
	if i < 0 {
		return reflect.Value{}, false
	}
	return v.Field(i), true
}

// fieldNames lists the JSON names of a type's fields, in their order.
func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}
