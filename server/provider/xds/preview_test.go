package xds

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/envoy"
	"github.com/weirmesh/weir/server/mesh"
)

// TestPreview names who would change, applies nothing, and its drafts are what a real Envoy takes or refuses.
func TestPreview(t *testing.T) {
	s := serve(t, Options{})
	now := shop{weights: map[string]int{"v1": 90, "v2": 10}, discovery: map[string]string{"v2": "registration"}}
	s.apply(1, now.mesh())
	fake(t, s, "web", "a")
	fake(t, s, "web", "b")
	fake(t, s, "v1", "a")
	s.synced("shop", "web-a", "web-b", "v1-a")

	if p, err := s.Preview(t.Context(), now.mesh(), 5); err != nil || p.Connected != 3 || len(p.Changed) != 0 || len(p.Drafts) != 0 {
		t.Errorf("what is in force changes nobody: %+v, %v", p, err)
	}
	next := now
	next.weights = map[string]int{"v1": 50, "v2": 50}
	p, err := s.Preview(t.Context(), next.mesh(), 5)
	if err != nil || p.Connected != 3 || !slices.Equal(p.Changed, []string{"web-a", "web-b"}) || len(p.Drafts) != 1 || p.Drafts[0].For != "node web" {
		t.Fatalf("other weights: %+v, %v", p, err)
	}
	if said := validated(t, p.Drafts[0].Config); said != "" {
		t.Errorf("Envoy refuses the weights: %s", said)
	}
	if d, _ := s.Delivery("shop", 1); d.Revision != 1 {
		t.Errorf("something was applied: %+v", d)
	}

	// Go's expressions know a class that Envoy's do not, so what Weir accepts is refused by the proxy alone.
	odd := next.mesh()
	odd.Routes[0].Match.Headers = []mesh.ValueMatch{{Name: "x-user", Regex: `\p{ASCII}+`}}
	if err := odd.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err = s.Preview(t.Context(), odd, 5)
	if err != nil || len(p.Drafts) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if said := validated(t, p.Drafts[0].Config); !strings.Contains(said, `\p{ASCII}`) {
		t.Errorf("Envoy says %q of an expression that it does not know", said)
	}

	gone := next.mesh()
	gone.Nodes = slices.DeleteFunc(gone.Nodes, func(n mesh.VirtualNode) bool { return n.Name == "web" })
	if p, err := s.Preview(t.Context(), gone, 0); err != nil || !slices.Equal(p.Changed, []string{"web-a", "web-b"}) || len(p.Drafts) != 0 {
		t.Errorf("a node that goes: %+v, %v", p, err)
	}
	if p, err := s.Preview(t.Context(), next.mesh(), 0); err != nil || p.More != 1 {
		t.Errorf("no drafts: %+v, %v", p, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Preview(over, next.mesh(), 5); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("no time: %v", err)
	}
	if p, err := s.Preview(t.Context(), mesh.Mesh{Name: "elsewhere"}, 5); err != nil || p.Connected != 0 {
		t.Errorf("a mesh without proxies: %+v, %v", p, err)
	}
}

// validated is what a real Envoy says of a draft.
func validated(t *testing.T, config []byte) string {
	t.Helper()
	said, err := envoy.Validate(t.Context(), translationEnvoy(t), config)
	if err != nil {
		t.Fatal(err)
	}
	return said
}
