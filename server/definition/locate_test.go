package definition_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

// faults decodes a definition, validates it if it can be read, and gives the faults as "line: message".
func faults(text string) []string {
	documents, err := definition.Decode([]byte(text))
	if err == nil {
		var m mesh.Mesh
		if documents[0].Whole != nil {
			m = *documents[0].Whole
		} else {
			m = mesh.Mesh{Name: "m"}
			var patch mesh.Patch
			for _, d := range documents {
				patch.Put = append(patch.Put, d.Object)
			}
			m, err = m.With(patch)
		}
		if err == nil {
			err = m.Validate()
		}
	}
	var list []string
	for _, f := range definition.Locate([]byte(text), err) {
		list = append(list, fmt.Sprintf("%d: %s", f.Line, f.Message))
	}
	return list
}

func TestLocate(t *testing.T) {
	long := strings.Repeat("n", 120)
	for _, c := range []struct {
		text string
		want []string // beginnings
	}{
		{"kind: route\n\tx", []string{"2: document 1: this is not YAML"}},
		{"a: b\n\na: c\n", []string{"3: document 1: line 3: a is given twice"}},
		{"kind: nod\nname: x\n", []string{`0: document 1: kind "nod" is not known`}},
		{
			"kind: route\nmesh: m\nrouter: r\nname: a\ntargets:\n- {node: x, weigth: 5}\n- node: y\n  weight: many\n",
			[]string{"6: route r/a: targets[0].weigth is not a field here", "8: route r/a: targets[1].weight many: is a whole number"},
		},
		{
			"kind: node\nmesh: m\nname: a\n---\nkind: service\nmesh: m\nname: b\nfoo: 1\n",
			[]string{"8: service b: foo is not a field here"},
		},
		{
			"mesh: m\nnodes:\n- name: a\n- name: b\n  listeners:\n  - port: 99999\n    protocol: http\n",
			[]string{"6: node b: listeners[0].port 99999", "4: node b: serviceDiscovery"},
		},
		{
			"router: r\nname: a\ntargets: [{node: ghost, weight: 1}]\n",
			[]string{"1: route r/a: router", "1: route r/a: protocol", "3: route r/a: targets[0].node"},
		},
		{"kind: node\nmesh: m\nname: " + long + "\nbackends:\n- service: 'a b'\n", []string{"5: node nnn"}},
		{"items:\n- {kind: node, name: a}\n- {kind: node, name: b, foo: 1}\n", []string{"3: node b: foo"}},
		{`{"kind":"node","name":"a",` + "\n" + `"foo":1}`, []string{"2: node a: foo"}},
	} {
		got := faults(c.text)
		ok := len(got) >= len(c.want)
		for _, want := range c.want {
			found := false
			for _, line := range got {
				found = found || strings.HasPrefix(line, want)
			}
			ok = ok && found
		}
		if !ok {
			t.Errorf("%s\n%s", c.text, cmp.Diff(c.want, got))
		}
	}
	if got := definition.Locate(nil, nil); got != nil {
		t.Errorf("no error is %v", got)
	}
	if got := definition.Locate(nil, errors.New("lost")); len(got) != 1 || got[0].Line != 0 {
		t.Errorf("another error is %v", got)
	}
}
