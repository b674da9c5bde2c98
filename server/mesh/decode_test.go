package mesh_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	. "github.com/weirmesh/weir/server/mesh"
)

func TestDecodeObjectReadsWhatWasWritten(t *testing.T) {
	for _, o := range sample().Objects() {
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeObject(o.Ref().Kind, data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.Ref(), diff)
		}
	}
}

func TestDecodeMeshReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := meshes().Draw(t, "mesh")
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMesh(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestDecodeIsStrict(t *testing.T) {
	cases := []struct {
		name, kind, in, want string
	}{
		{
			"unknown field", "route", `{"router":"reviews","name":"primary","targets":[{"node":"a","weight":1},{"node":"b","wieght":2}]}`,
			"route is not valid: route reviews/primary: targets[1].wieght is not a field here; the fields are node, weight, port",
		},
		{
			"another case", "service", `{"Name":"a"}`,
			"service is not valid: service: Name is not a field here; the fields are name, router, node, health, guard",
		},
		{
			"given twice", "service", `{"name":"a","router":"x","router":"y"}`,
			"service is not valid: service a: router is given once",
		},
		{
			"wrong types", "node", `{"name":"a","listeners":[{"port":"80","protocol":7,"timeout":{"idle":15}}],"backends":{"x":[1]}}`,
			`node is not valid: node a: listeners[0].port 80: is a whole number; node a: listeners[0].protocol 7: is a string; ` +
				`node a: listeners[0].timeout.idle 15: is a duration with its unit, as in "15s" or "250ms"; node a: backends {…: is a list`,
		},
		{
			"wrong numbers", "mesh", `{"name":"m","health":{"degradedErrors":"1 %","saturation":1e999,"degradedP95":0.5,"objective":{"availability":true}}}`,
			`mesh is not valid: mesh m: health.degradedErrors 1 %: is a number; mesh m: health.saturation 1e999: is a number; ` +
				`mesh m: health.degradedP95 0.5: is a duration with its unit, as in "15s" or "250ms"; mesh m: health.objective.availability true: is a number`,
		},
		{"fraction", "route", `{"router":"r","name":"n","priority":1.5}`, "route is not valid: route r/n: priority 1.5: is a whole number"},
		{"too large", "route", `{"router":"r","name":"n","priority":99999999999999999999}`, "route is not valid: route r/n: priority 99999999999999999999: is a whole number"},
		{"null", "route", `{"router":"r","name":"n","priority":null}`, "route is not valid: route r/n: priority null: is a whole number"},
		{"no object", "route", `[1]`, "route is not valid: value […: is an object"},
		{"trailing", "service", `{"name":"a"} {"name":"b"}`, "service: there is something after the end of the object, at byte 14"},
		{"trailing junk", "service", `{"name":"a"}}`, "service: this is not JSON, at byte 12: invalid character '}' looking for beginning of value"},
		{"broken", "service", `{"name":"a",}`, "service: this is not JSON, at byte 12: invalid character '}' looking for beginning of object key string"},
		{"empty", "service", ` `, "service: the JSON ends too early"},
		{"cut off", "service", `{"name":"a"`, "service: the JSON ends too early"},
		{"unknown kind", "thing", `{}`, `kind "thing" is not known`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodeObject(Kind(c.kind), []byte(c.in))
			if CodeOf(err) != Invalid || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeMeshNamesTheObject(t *testing.T) {
	_, err := DecodeMesh([]byte(`{"name":"shop","nodes":[{"name":"a"},{"nmae":"b"},{"name":"c","listeners":[{"prot":1}]}],"thing":[[[{}]]]}`))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	var got []string
	for _, v := range e.Violations {
		got = append(got, v.Field)
	}
	if diff := cmp.Diff([]string{"node nodes[1]: nmae", "node c: listeners[0].prot", "thing"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseKind(t *testing.T) {
	for _, k := range Kinds() {
		for _, s := range []string{string(k), k.Plural()} {
			if got, err := ParseKind(s); err != nil || got != k {
				t.Errorf("ParseKind(%q) = %q, %v", s, got, err)
			}
		}
	}
	if _, err := ParseKind("pods"); CodeOf(err) != Invalid || !strings.Contains(err.Error(), "gateway-routes") {
		t.Errorf("got %v", err)
	}
}

// Whatever the bytes, there is no panic; what is accepted is JSON, validates or does not without a panic, and survives
// being written and read again.
func FuzzDecodeObject(f *testing.F) {
	for _, o := range sample().Objects() {
		data, err := json.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(o.Ref().Kind), data)
	}
	f.Add("route", []byte(`{"router":"r","targets":[{}],"match":{"headers":[{"range":{}}],"path":null}}`))
	f.Add("node", []byte(`{"name":"\u0000","listeners":[{"port":-0}],"x":[[[[`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		o, err := DecodeObject(Kind(kind), data)
		if err != nil {
			if CodeOf(err) != Invalid || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("got %q", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted what is not JSON")
		}
		if err := ValidateObject(o); err != nil && CodeOf(err) != Invalid {
			t.Fatal(err)
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeObject(Kind(kind), again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, back); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
