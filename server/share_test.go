package server

import (
	"net/http"
	"slices"
	"testing"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Two routes share a split: one change of its weights puts both into one version that every caller's proxy runs, and the
// traffic of both follows it and is observed together.
func TestSharedSplitOnEnvoys(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	before := s.current(t).Mesh
	const visits = 160
	one, _ := s.current(t).Mesh.Route(primary.Split())
	both := mesh.Split{Name: "both", Targets: slices.Clone(one.Targets)}
	beta := one
	one.Split = both.Name
	beta.Name, beta.Priority, beta.Split, beta.Targets = "beta", 1, both.Name, nil
	beta.Match = mesh.Match{Prefix: "/", QueryParameters: []mesh.ValueMatch{{Name: "beta", Exact: "1"}}}
	one.Priority = 10
	joined, err := s.server.Propose(t.Context(), change.Proposal{Mesh: sample, Reason: "share", Patch: mesh.Patch{Put: []mesh.Object{both, one, beta}}})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, joined.ID, callersOfReviews)

	finish := s.undisturbed(t)
	refused := s.ask(t, http.MethodPut, weightsPath, `{"weights":{"reviews-v1":20,"reviews-v2":80}}`, "Content-Type", "application/json")
	if refused.status != http.StatusUnprocessableEntity {
		t.Errorf("weights of a route that follows a split: %d %s", refused.status, refused.body)
	}
	answer, err := s.client.SplitWeights(t.Context(), sample, both.Name, map[string]int{"reviews-v1": 20, "reviews-v2": 80}, client.Ask{Reason: "try v2"})
	if err != nil {
		t.Fatal(err)
	}
	c := s.programmed(t, answer.Change.ID, callersOfReviews)
	if c.Accepted.Revision != joined.Accepted.Revision+1 || len(c.Objects) != 3 {
		t.Errorf("one change in one revision: %+v of %v", c.Accepted, c.Objects)
	}
	for _, to := range []visit{s.reviews(), {url: s.reviews().url + "?beta=1"}} {
		if got := share(t, to, "reviews-v2", visits); !near(got, 0.8, visits) {
			t.Errorf("%s: reviews-v2 gets %.2f of the visits, want 0.8", to.url, got)
		}
	}
	s.inInterval(t, c.ID, map[string]float64{"reviews-v1": 0.2, "reviews-v2": 0.8})
	d, ok := s.server.xds.Delivery(sample, c.Accepted.Revision)
	if !ok || d.Acked != callersOfReviews || len(d.Proxies) != callersOfReviews {
		t.Errorf("revision %d reached %+v", c.Accepted.Revision, d)
	}
	for id, p := range s.proxies(t) {
		if slices.Contains(d.Proxies, id) && p.Revision < c.Accepted.Revision {
			t.Errorf("%s runs revision %d, and the change is %d", id, p.Revision, c.Accepted.Revision)
		}
	}
	s.undo(t, c.ID, callersOfReviews)
	apart, err := s.server.Propose(t.Context(), change.Proposal{Mesh: sample, Reason: "apart again", Patch: mesh.Diff(s.current(t).Mesh, before)})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, apart.ID, callersOfReviews)
	finish()
}
