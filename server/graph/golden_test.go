package graph

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// observation is mesh.Observation as a test case writes it: what can be worked out is.
type observation struct {
	mesh.Observation
	Proxies  map[string]int
	Seconds  float64 // of the window
	Inbound  map[string]mesh.Traffic
	Pools    map[string]mesh.PoolUse
	Unrouted map[string]float64
	Sources  map[string]time.Time // when each proxy last reported
}

// TestGolden draws each case of testdata: mesh.yaml and seen.yaml in, graph.json out.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, cases)
	}
	for _, name := range cases {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			archive := txtar.Parse(data)
			golden(t, name, archive, "graph.json", drawn(t, archive, "seen.yaml"))
		})
	}
}

// golden holds a value against a file of a case, or rewrites the file.
func golden(t *testing.T, name string, archive *txtar.Archive, file string, v any) {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got := append(data, '\n')
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == file })
	if i < 0 {
		t.Fatalf("%s has no %s", name, file)
	}
	if !*update {
		if d := cmp.Diff(string(archive.Files[i].Data), string(got)); d != "" {
			t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", file, d)
		}
		return
	}
	archive.Files[i].Data = got
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// drawn draws the case's mesh with what was seen according to one of its files.
func drawn(t *testing.T, archive *txtar.Archive, seen string) Graph {
	t.Helper()
	var m mesh.Mesh
	var o observation
	for _, f := range archive.Files {
		var err error
		switch f.Name {
		case "mesh.yaml":
			err = yaml.UnmarshalStrict(f.Data, &m)
		case seen:
			err = yaml.Unmarshal(f.Data, &o)
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	o.complete(m.Name)
	return Build(m, o.Observation, o.Proxies, health.Default())
}

// complete fills in what follows from the rates by class.
func (o *observation) complete(name string) {
	o.Mesh = name
	o.At = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o.Window = time.Duration(o.Seconds * float64(time.Second))
	for i := range o.Edges {
		e := &o.Edges[i]
		completeTraffic(&e.Traffic, o.Seconds)
		e.At = o.At
	}
	nodes := map[string]mesh.Arrival{}
	for id, in := range o.Inbound {
		completeTraffic(&in, o.Seconds)
		nodes[id] = mesh.Arrival{ID: id, Traffic: in, Received: true, At: o.At}
	}
	for id, use := range o.Pools {
		a := nodes[id]
		a.ID, a.Pool, a.Pooled = id, use, true
		nodes[id] = a
	}
	for id, rate := range o.Unrouted {
		a := nodes[id]
		a.ID, a.Unrouted = id, rate
		nodes[id] = a
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		o.Nodes = append(o.Nodes, nodes[id])
	}
	for _, at := range o.Sources {
		if o.Reporting++; o.Oldest.IsZero() || at.Before(o.Oldest) {
			o.Oldest = at
		}
	}
}

func completeTraffic(t *mesh.Traffic, seconds float64) {
	for _, rate := range t.Classes {
		t.RequestRate += rate
	}
	t.Requests = t.RequestRate * seconds
	if t.RequestRate > 0 {
		t.ErrorRatio = (t.Classes[0] + t.Classes[5]) / t.RequestRate
	}
}
