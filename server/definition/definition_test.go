package definition_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

func sample(t testing.TB) ([]byte, mesh.Mesh) {
	t.Helper()
	data, err := os.ReadFile("testdata/sample_app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := definition.Mesh(data)
	if err != nil {
		t.Fatal(err)
	}
	return data, m
}

func TestSampleIsReadAndValid(t *testing.T) {
	_, m := sample(t)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if m.Name != "sample_app" || len(m.Nodes) != 11 || len(m.GatewayRoutes) != 4 {
		t.Errorf("read %s with %d nodes and %d gateway routes", m.Name, len(m.Nodes), len(m.GatewayRoutes))
	}
	r, _ := m.Route("reviews", "primary")
	if diff := cmp.Diff(map[string]float64{"reviews-v1": 0.75, "reviews-v2": 0.25}, r.Shares()); diff != "" {
		t.Error(diff)
	}
}

// The example is the demo's mesh; a change there belongs here too.
func TestSampleIsTheDemos(t *testing.T) {
	data, _ := sample(t)
	demos, err := os.ReadFile("../demo/sample_app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(demos), string(data)); diff != "" {
		t.Errorf("(-demo +example):\n%s", diff)
	}
}

func TestMeshRoundTrip(t *testing.T) {
	_, m := sample(t)
	out, err := definition.EncodeMesh(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(out, []byte("mesh: sample_app\n")) {
		t.Errorf("the mesh's name is not first:\n%.100s", out)
	}
	back, err := definition.Mesh(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asJSON, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if back, err = definition.Mesh(asJSON); err != nil || !cmp.Equal(m, back) {
		t.Errorf("as JSON: %v\n%s", err, cmp.Diff(m, back))
	}
}

// Every object is written and read back alone; together, as documents of one file, they are the mesh again.
func TestObjectsRoundTrip(t *testing.T) {
	_, m := sample(t)
	var file bytes.Buffer
	for i, o := range m.Objects() {
		out, err := definition.EncodeObject(m.Name, int64(i), o)
		if err != nil {
			t.Fatal(err)
		}
		documents, err := definition.Decode(out)
		if err != nil {
			t.Fatalf("%s: %v\n%s", o.Ref(), err, out)
		}
		want := []definition.Document{{At: "document 1", Mesh: m.Name, Object: o, Version: int64(i)}}
		if diff := cmp.Diff(want, documents); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.Ref(), diff)
		}
		fmt.Fprintf(&file, "---\n%s", out)
	}
	back, err := definition.Mesh(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEncodeObjectReadsWell(t *testing.T) {
	_, m := sample(t)
	r, _ := m.Route("reviews", "primary")
	out, err := definition.EncodeObject(m.Name, 3, r)
	if err != nil {
		t.Fatal(err)
	}
	want := `kind: route
mesh: sample_app
router: reviews
name: primary
protocol: http
priority: 0
match:
  prefix: /
targets:
- node: reviews-v1
  weight: 75
- node: reviews-v2
  weight: 25
timeout:
  perRequest: 5s
retry:
  maxRetries: 1
  perRetryTimeout: 2s
  tcpRetryEvents:
  - connection-error
version: 3
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever a value is, what is written reads back as the same value: "yes", "0x1", "null", quotes, colons, tabs.
func TestAwkwardValuesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		awkward := rapid.OneOf(
			rapid.SampledFrom([]string{"yes", "no", "null", "~", "0x1", "1_000", "1e3", "- a", "a: b", "#", "2001-01-01", "=", "<<", "\t", "---", "\u2028", "é"}),
			rapid.StringN(1, 20, 80),
		)
		r := mesh.Route{Router: awkward.Draw(t, "router"), Name: awkward.Draw(t, "name"), Protocol: mesh.HTTP}
		r.Match.Headers = []mesh.ValueMatch{{Name: awkward.Draw(t, "header"), Exact: awkward.Draw(t, "exact")}}
		out, err := definition.EncodeObject("m", 0, r)
		if err != nil {
			t.Fatal(err)
		}
		documents, err := definition.Decode(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff(mesh.Object(r), documents[0].Object); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, out)
		}
	})
}

func TestDecodeForms(t *testing.T) {
	service := mesh.VirtualService{Name: "a", Node: "n"}
	settings := mesh.Settings{Name: "shop", EgressFilter: mesh.AllowAll}
	cases := []struct {
		name, in string
		want     []definition.Document
	}{
		{"object", "kind: service\nmesh: shop\nname: a\nnode: n\nversion: 4\n", []definition.Document{{At: "document 1", Mesh: "shop", Object: service, Version: 4}}},
		{"plural kind", "kind: services\nname: a\nnode: n\n", []definition.Document{{At: "document 1", Object: service}}},
		{"without a kind", `{"mesh":"shop","name":"a","node":"n","version":1}`, []definition.Document{{At: "document 1", Mesh: "shop", Object: service, Version: 1}}},
		{
			"a mesh as it is printed", `{"kind":"mesh","mesh":"shop","name":"shop","egressFilter":"ALLOW_ALL","objects":{"nodes":3},"revision":7,"version":2}`,
			[]definition.Document{{At: "document 1", Mesh: "shop", Object: mesh.Settings{Name: "shop", EgressFilter: mesh.AllowAll}, Version: 2}},
		},
		{"flow style", `{kind: service, name: a, node: n}`, []definition.Document{{At: "document 1", Object: service}}},
		{"settings", "kind: mesh\nname: shop\negressFilter: ALLOW_ALL\n", []definition.Document{{At: "document 1", Mesh: "shop", Object: settings}}},
		{"settings by mesh", "kind: mesh\nmesh: shop\negressFilter: ALLOW_ALL\n", []definition.Document{{At: "document 1", Mesh: "shop", Object: settings}}},
		{"an empty mesh", "mesh: shop\n", []definition.Document{{At: "document 1", Mesh: "shop", Whole: &mesh.Mesh{Name: "shop"}}}},
		{"kind mesh with children", "kind: mesh\nname: shop\nservices: [{name: a, node: n}]\n", []definition.Document{
			{At: "document 1", Mesh: "shop", Whole: &mesh.Mesh{Name: "shop", Services: []mesh.VirtualService{service}}},
		}},
		{"documents", "# first\n---\nkind: service\nname: a\nnode: n\n---\n---\nmesh: shop\n", []definition.Document{
			{At: "document 1", Object: service}, {At: "document 3", Mesh: "shop", Whole: &mesh.Mesh{Name: "shop"}},
		}},
		{"items", `{"items":[{"kind":"service","name":"a","node":"n"},{"mesh":"shop"}],"next":""}`, []definition.Document{
			{At: "document 1, item 1", Object: service}, {At: "document 1, item 2", Mesh: "shop", Whole: &mesh.Mesh{Name: "shop"}},
		}},
		{"byte order mark and windows lines", "\ufeffkind: service\r\nname: a\r\nnode: n\r\n", []definition.Document{{At: "document 1", Object: service}}},
		{"an alias", "kind: service\nname: &x a\nnode: *x\n", []definition.Document{{At: "document 1", Object: mesh.VirtualService{Name: "a", Node: "a"}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := definition.Decode([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{
			"unknown field", "mesh: shop\n---\nkind: route\nmesh: shop\nrouter: r\nname: p\ntargets: [{node: a, wieght: 1}]\n",
			"document 2: route is not valid: route r/p: targets[0].wieght is not a field here; the fields are node, weight, port",
		},
		{
			"unknown field in a mesh", "mesh: shop\nroutes: [{router: r, name: p, matches: {}}]\n",
			"document 1: mesh is not valid: route r/p: matches is not a field here; the fields are router, name, protocol, priority, match, split, targets, timeout, retry, health, guard",
		},
		{"key twice", "mesh: shop\nmesh: shop\n", "document 1: line 2: mesh is given twice"},
		{"key twice in JSON", `{"mesh":"a","mesh":"b"}`, "document 1: mesh is given twice"},
		{"two names", "mesh: a\nname: b\n", `document 1: mesh "a" and name "b" contradict each other`},
		{"no name", "nodes: []\n", `document 1: the mesh has no name: add "mesh: NAME"`},
		{"no kind", "mesh: shop\nname: shop\nlisteners: []\n", "document 1: listeners is not a field of a whole mesh; for a single object say which: kind: node, router, split, route, service, gateway, gateway-route"},
		{"unknown kind", "kind: pod\nname: a\n", `document 1: kind "pod" is not known: it is one of meshes, nodes, routers, splits, routes, services, gateways, gateway-routes`},
		{"version", "kind: service\nname: a\nversion: v1\n", `document 1: version "v1": is the number that was printed with it, or left out`},
		{"mesh of the wrong type", "kind: service\nname: a\nmesh: 7\n", "document 1: mesh 7: is the mesh's name"},
		{"empty", "# nothing\n---\n", "the definition is empty: it defines no mesh and no object"},
		{"list", "- kind: service\n", `document 1: it is a list; write it under "items"`},
		{"scalar", "hello", "document 1: it is not an object with fields"},
		{"beside items", "items: []\nmesh: a\n", `document 1: mesh does not stand beside "items"`},
		{"no boolean", "kind: route\nname: p\nmatch: {headers: [{name: x, invert: yes}]}\n", "document 1: route is not valid: route: match.headers[0].invert yes: is true or false"},
		{"key of another type", "[a]: 1\n", "document 1: line 1: a field's name is one word"},
		{"broken", "a: b: c\n", "document 1: this is not YAML: mapping values are not allowed in this context"},
		{"binary", "\xff\xfe", "the definition is not UTF-8 text"},
		{"large", "# " + strings.Repeat("x", 5_000_000), "the definition has 5.0 MB and at most 1 MiB is read: split it into several files"},
		{"cloudformation", "AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n", "document 1: this is a CloudFormation template, which is not read yet: write it in Weir's own form"},
		{"kubernetes", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualNode\n", "document 1: this is a manifest of the App Mesh controller for Kubernetes (appmesh.k8s.aws), which is not read yet: write it in Weir's own form"},
		{"app mesh", `{"meshName":"a","spec":{},"virtualNodeName":"n"}`, "document 1: this is JSON of the App Mesh API, which is not read yet: write it in Weir's own form"},
		{"app mesh answer", `{"mesh":{"meshName":"a"}}`, "document 1: this is JSON of the App Mesh API, which is not read yet: write it in Weir's own form"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := definition.Decode([]byte(c.in))
			if mesh.CodeOf(err) != mesh.Invalid || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestMeshErrors(t *testing.T) {
	for in, want := range map[string]string{
		"kind: service\nmesh: a\nname: x\n---\nkind: service\nmesh: b\nname: y\n": `document 2: it is of mesh "b", and the ones before are of mesh "a"`,
		"kind: service\nmesh: a\nname: x\n---\nkind: service\nmesh: a\nname: x\n": "the patch sets service x twice",
	} {
		if _, err := definition.Mesh([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestDecodeAs(t *testing.T) {
	want := definition.Document{At: "the body", Mesh: "shop", Object: mesh.VirtualService{Name: "a"}, Version: 2}
	got, err := definition.DecodeAs(mesh.KindService, []byte(`{"mesh":"shop","name":"a","version":2}`))
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for in, want := range map[string]string{
		`{"kind":"node","name":"a"}`: "the body is a node, and the address is a service's",
		`{"name":"a","x":1}`:         "the body: service is not valid: service a: x is not a field here; the fields are name, router, node, health, guard",
		`[]`:                         "service: it is not an object with fields",
		``:                           "service: this is not JSON: EOF",
		`{"name":"a"}{}`:             "service: there is something after the end of the object",
	} {
		if _, err := definition.DecodeAs(mesh.KindService, []byte(in)); err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", in, err, want)
		}
	}
}

// Small inputs that other readers turn into gigabytes or minutes are refused in a moment.
func TestBombs(t *testing.T) {
	billion := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		billion += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	long := "a: &a " + strings.Repeat("x", 500_000) + "\nb: [" + strings.Repeat("*a,", 5000) + "]\n"
	bombs := map[string]string{
		"billion laughs": billion,
		"long alias":     long,
		"self":           "a: &a [*a]\n",
		"nested lists":   strings.Repeat("[", 500_000),
		"nested maps":    strings.Repeat("{a: ", 200_000),
		"nested JSON":    strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"nested blocks":  strings.Repeat("- ", 400_000),
		"question marks": strings.Repeat("? ", 400_000),
		"many documents": strings.Repeat("---\na: 1\n", 100_000),
		"many anchors":   strings.Repeat("&a ", 300_000),
	}
	for name, in := range bombs {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := definition.Decode([]byte(in))
			if mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("got %v", err)
			}
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("took %v", d)
			} else {
				t.Logf("%v: %.120v", d, err)
			}
		})
	}
}

// Whatever the bytes, there is no panic; the error is one line; what is accepted survives being written and read again.
func FuzzDecode(f *testing.F) {
	data, m := sample(f)
	f.Add(data)
	for _, o := range m.Objects() {
		out, err := definition.EncodeObject(m.Name, 1, o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Add([]byte(`{"items":[{"kind":"node","name":"a"},{"mesh":"b","nodes":[]}]}`))
	f.Add([]byte("a: &a [*a]\n---\n? x\n: !!binary aGk=\n"))
	f.Add([]byte("mesh: m\nhealth: {degradedErrors: 1e-7, degradedP95: 1s, minFailures: 3, objective: {availability: .999, period: 720h}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, err := definition.Decode(data)
		if err != nil {
			if mesh.CodeOf(err) != mesh.Invalid || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("got %q", err)
			}
			return
		}
		for _, d := range documents {
			var out []byte
			if d.Whole != nil {
				out, err = definition.EncodeMesh(*d.Whole)
			} else {
				out, err = definition.EncodeObject(d.Mesh, d.Version, d.Object)
			}
			if err != nil {
				t.Fatal(err)
			}
			back, err := definition.Decode(out)
			if err != nil || len(back) != 1 {
				t.Fatalf("%v\n%s", err, out)
			}
			back[0].At = d.At
			if d.Whole != nil {
				d.Version = 0
			}
			if diff := cmp.Diff(d, back[0]); diff != "" {
				t.Fatalf("(-want +got):\n%s\n%s", diff, out)
			}
		}
	})
}
