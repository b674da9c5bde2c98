package xds

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
)

var updateGolden = flag.Bool("update", false, "rewrite the expected sections of testdata/*.txtar")

// goldenSections are the sections of a case that Translate writes, by type URL.
var goldenSections = []struct{ name, typeURL string }{
	{"clusters.yaml", ClusterType},
	{"endpoints.yaml", EndpointType},
	{"listeners.yaml", ListenerType},
	{"routes.yaml", RouteType},
}

// goldenProxy is a case's proxy.yaml: the proxy as it presents itself, and the instances that registered.
type goldenProxy struct {
	ID        string                `json:"id"`
	Metadata  map[string]any        `json:"metadata,omitempty"`
	Instances map[string][]Instance `json:"instances,omitempty"`
	// Broken says that the mesh does not pass Validate, on purpose.
	Broken bool `json:"broken,omitempty"`
}

// TestTranslate compares every case of testdata with what Translate makes of it. In a case, the text at the top says what
// it shows, mesh.yaml and proxy.yaml are the input, and the rest is expected: the four types of resources, warnings, or
// an error instead of all of them. A section that is empty is left out, and one that should not be there fails.
func TestTranslate(t *testing.T) {
	for name, archive := range goldenCases(t) {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			snapshot, err := Translate(goldenInput(t, archive))
			if err != nil {
				got["error"] = err.Error() + "\n"
			} else {
				for _, s := range goldenSections {
					got[s.name] = goldenYAML(t, snapshot.Resources[s.typeURL])
				}
				got["warnings"] = strings.Join(append(snapshot.Warnings, ""), "\n")
			}
			if *updateGolden {
				rewriteGolden(t, name, archive, got)
				return
			}
			want := map[string]string{}
			for _, f := range archive.Files {
				want[f.Name] = string(f.Data)
			}
			for _, section := range append(slices.Clone(goldenOutput()), unknownSections(archive)...) {
				if diff := cmp.Diff(want[section], got[section]); diff != "" {
					t.Errorf("%s (-want +got; go test -update rewrites it):\n%s", section, diff)
				}
			}
		})
	}
}

// TestTranslateIsDeterministic runs every case many times: maps must not show in the bytes or in the versions.
func TestTranslateIsDeterministic(t *testing.T) {
	for name, archive := range goldenCases(t) {
		in := goldenInput(t, archive)
		first, err := Translate(in)
		for range 20 {
			again, errAgain := Translate(in)
			if (err == nil) != (errAgain == nil) {
				t.Fatalf("%s: %v, then %v", name, err, errAgain)
			}
			if err != nil {
				continue
			}
			if !slices.Equal(first.Warnings, again.Warnings) {
				t.Fatalf("%s: warnings %q, then %q", name, first.Warnings, again.Warnings)
			}
			for typeURL, resources := range first.Resources {
				for resource, r := range resources {
					other := again.Resources[typeURL][resource]
					if other.Version != r.Version || !bytes.Equal(other.Body.GetValue(), r.Body.GetValue()) {
						t.Fatalf("%s: %s differs between two runs", name, resource)
					}
				}
				if len(resources) != len(again.Resources[typeURL]) {
					t.Fatalf("%s: %d resources of %s, then %d", name, len(resources), typeURL, len(again.Resources[typeURL]))
				}
			}
		}
	}
}

// TestEnvoyAcceptsGolden lets a real Envoy load every case, its resources written into a static bootstrap.
func TestEnvoyAcceptsGolden(t *testing.T) {
	for name, archive := range goldenCases(t) {
		snapshot, err := Translate(goldenInput(t, archive))
		if err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			envoyValidates(t, mustYAML(t, staticBootstrap(t, snapshot)))
		})
	}
}

func goldenCases(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	cases := make(map[string]*txtar.Archive, len(files))
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if len(bytes.TrimSpace(archive.Comment)) == 0 {
			t.Errorf("%s: say at the top what the case shows", name)
		}
		cases[name] = archive
	}
	return cases
}

func goldenInput(t *testing.T, archive *txtar.Archive) Input {
	t.Helper()
	var m mesh.Mesh
	var p goldenProxy
	for _, f := range archive.Files {
		var err error
		switch f.Name {
		case "mesh.yaml":
			var data []byte
			if data, err = yaml.YAMLToJSONStrict(f.Data); err == nil {
				m, err = mesh.DecodeMesh(data)
			}
		case "proxy.yaml":
			err = yaml.UnmarshalStrict(f.Data, &p)
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	m = m.Sorted()
	if err := m.Validate(); (err != nil) != p.Broken {
		t.Fatalf("mesh.yaml: broken is %v, and Validate says: %v", p.Broken, err)
	}
	metadata, err := structpb.NewStruct(map[string]any{metadataKey: p.Metadata})
	if err != nil {
		t.Fatal(err)
	}
	node := &corev3.Node{Id: p.ID}
	if p.Metadata != nil {
		node.Metadata = metadata
	}
	identity, err := ParseIdentity(node)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Mesh: m, Proxy: identity, Instances: p.Instances}
}

// goldenYAML writes resources as a list sorted by name.
func goldenYAML(t *testing.T, resources map[string]Resource) string {
	t.Helper()
	var names []string
	for name := range resources {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		m, err := resources[name].Body.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.TrimSuffix(string(mustYAML(t, m)), "\n")
		b.WriteString("- " + strings.ReplaceAll(lines, "\n", "\n  ") + "\n")
	}
	return b.String()
}

func goldenOutput() []string {
	names := []string{"warnings", "error"}
	for _, s := range goldenSections {
		names = append(names, s.name)
	}
	return names
}

func unknownSections(archive *txtar.Archive) []string {
	var names []string
	for _, f := range archive.Files {
		if f.Name != "mesh.yaml" && f.Name != "proxy.yaml" && !slices.Contains(goldenOutput(), f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func rewriteGolden(t *testing.T, name string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	updated := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if f.Name == "mesh.yaml" || f.Name == "proxy.yaml" {
			updated.Files = append(updated.Files, f)
		}
	}
	for _, section := range goldenOutput() {
		if got[section] != "" {
			updated.Files = append(updated.Files, txtar.File{Name: section, Data: []byte(got[section])})
		}
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".txtar"), txtar.Format(updated), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustYAML(t *testing.T, m proto.Message) []byte {
	t.Helper()
	text, err := toYAML(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// mustBootstrap reads a bootstrap back.
func mustBootstrap(t *testing.T, text []byte) *bootstrapv3.Bootstrap {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	b := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(data, b); err != nil {
		t.Fatal(err)
	}
	return b
}
