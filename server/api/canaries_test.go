package api

import (
	"context"
	"testing"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
)

// still is a door that rollouts read and that nothing moves through: their controller does not run.
type still struct{ b *bench }

func (s still) Mesh(name string) (mesh.Mesh, error) {
	current, err := s.b.door.Mesh(name)
	return current.Mesh, err
}

func (s still) Held(meshName string, target mesh.Ref) (canary.Held, error) {
	stored, err := s.b.door.Object(meshName, target)
	if err != nil {
		return canary.Held{}, err
	}
	route, _ := stored.Object.(mesh.Route)
	return canary.Held{Targets: route.Targets, Version: stored.Version}, nil
}

func (still) Move(context.Context, canary.Order) (string, error) {
	return "", mesh.Errorf(mesh.Unavailable, "nothing moves here")
}

func (still) State(context.Context, string) (canary.Delivery, error) { return canary.Delivery{}, nil }

func (still) Setter(context.Context, string) string { return "" }

func (still) Counts(canary.Arms) (canary.Counts, error) {
	return canary.Counts{}, mesh.Errorf(mesh.Unavailable, "nothing counts here")
}

func (still) Traffic(canary.Arms) (rate, errors float64) { return 200, 0.005 }

// rollouts carries out nothing, but answers like a server that does.
func rollouts(b *bench, o *Options) {
	c, err := canary.New(b.t.Context(), canary.Options{Store: b.store, Hands: still{b}, Evidence: still{b}})
	if err != nil {
		b.t.Fatal(err)
	}
	o.Rollouts = c
}

func TestCanaries(t *testing.T) {
	b := newBench(t, rollouts)
	const at = "/api/v1/meshes/shop/canaries"
	const spec = `{"target":{"kind":"route","name":"reviews/primary"},"canary":"reviews-v2","steps":[{"setWeight":50},{"pause":{"duration":"1m"}},{"analysis":{}}]}`
	start := func(name, body string, status int, wantIn ...string) scenario {
		return scenario{name: name, method: "POST", url: at, body: body, status: status, wantIn: wantIn}
	}
	check(t, b, []scenario{
		{name: "none yet", method: "GET", url: at, status: 200, want: `{"items":[],"next":null}`},
		{name: "no such mesh", method: "GET", url: "/api/v1/meshes/none/canaries", status: 404, wantIn: []string{"none"}},
		{name: "no such rollout", method: "GET", url: "/api/v1/canaries/0000000000", status: 404, wantIn: []string{"there is no rollout"}},
		{
			name: "dry run", method: "POST", url: at + "?dryRun=true", body: spec, status: 200,
			want:   `{"id":"","phase":"Pending","spec":{"stable":"reviews-v1","deadline":"30m0s"}}`,
			wantIn: []string{`"detect":"`, `"forecast":{`},
		},
		start("steps back", `{"target":{"name":"reviews/primary"},"steps":[{"setWeight":10}]}`, 422, "steps[0].setWeight", "goes back"),
		start("a pause of -1", `{"target":{"name":"reviews/primary"},"steps":[{"setWeight":50},{"pause":{"duration":"-1s"}}]}`, 422, "steps[1].pause.duration"),
		start("a duration without unit", `{"target":{"name":"reviews/primary"},"steps":[{"setWeight":50},{"pause":{"duration":1}}]}`, 422, "duration"),
		start("an unknown field", `{"target":{"name":"reviews/primary"},"stpes":[]}`, 422, "stpes"),
		start("no such route", `{"target":{"name":"reviews/none"}}`, 404, "reviews/none"),
		start("a split that is not there", `{"target":{"name":"half"}}`, 404, "split half"),
		start("no body", ``, 400),
		{name: "no such mesh to start in", method: "POST", url: "/api/v1/meshes/none/canaries", body: spec, status: 404},
		{
			name: "start", method: "POST", url: at + "?reason=Monday", body: spec, status: 202,
			headers: map[string]string{"Idempotency-Key": "k1", "X-Weir-Author": "ann"},
			want:    `{"mesh":"shop","author":"ann","reason":"Monday","phase":"Pending","attempt":1}`,
		},
		{
			name: "the same start again", method: "POST", url: at + "?reason=Monday", body: spec, status: 202,
			headers: map[string]string{"Idempotency-Key": "k1", "X-Weir-Author": "ann"}, want: `{"author":"ann","key":"k1"}`,
		},
		{
			name: "another start under the key", method: "POST", url: at, body: `{"target":{"name":"reviews/primary"},"steps":[{"setWeight":60}]}`,
			status: 409, headers: map[string]string{"Idempotency-Key": "k1"}, wantIn: []string{"take a new key"},
		},
		start("a second one on the route", spec, 409, "is active on route reviews/primary"),
		{name: "list", method: "GET", url: at + "?active=true&target=reviews/primary", status: 200, want: `{"items":[{"author":"ann"}]}`},
		{name: "list others", method: "GET", url: at + "?phase=Aborted", status: 200, want: `{"items":[]}`},
		{name: "list an unknown phase", method: "GET", url: at + "?phase=Done", status: 422},
	})
	list, err := b.api.o.Rollouts.List(t.Context(), canary.Query{Mesh: "shop"})
	if err != nil || len(list) != 1 {
		t.Fatalf("one rollout was started, and there are %d: %v", len(list), err)
	}
	verbs(t, b, "/api/v1/canaries/"+list[0].ID)
}

// verbs steers a rollout that has just begun.
func verbs(t *testing.T, b *bench, one string) {
	verb := func(name, verb, body string, status int, want string, wantIn ...string) scenario {
		return scenario{name: name, method: "POST", url: one + "/" + verb, body: body, status: status, want: want, wantIn: wantIn, headers: map[string]string{"X-Weir-Author": "bob"}}
	}
	check(t, b, []scenario{
		{name: "get", method: "GET", url: one, status: 200, want: `{"phase":"Pending","analysis":{"outcome":"Running"}}`},
		verb("resume what is not paused", "resume", "", 409, "", "is not paused"),
		verb("retry what runs", "retry", "", 409, "", "cannot be retried"),
		verb("pause, dry", "pause?dryRun=true", "", 200, `{"phase":"Paused"}`),
		verb("pause", "pause", `{"reason":"lunch"}`, 202, `{"phase":"Paused","gate":true,"cause":"person","why":"paused by bob: lunch"}`),
		verb("pause again", "pause", "", 409, "", "waits for a person already"),
		verb("resume", "resume", "", 202, `{"phase":"Pending"}`),
		verb("abort", "abort?reason=no", "", 202, `{"phase":"Aborted","why":"aborted by bob: no"}`),
		verb("promote after abort", "promote", "", 409, "", "it was aborted"),
		verb("abort again", "abort", "", 409, "", "was aborted already"),
		verb("an unknown field", "retry", `{"raeson":"x"}`, 422, "", "raeson"),
		verb("retry", "retry", "", 202, `{"phase":"Pending","attempt":2}`),
		verb("promote", "promote", "", 202, `{"phase":"Promoting"}`),
		{name: "an unknown verb", method: "POST", url: one + "/explode", status: 404},
	})
}

func TestNoCanaries(t *testing.T) {
	check(t, newBench(t), []scenario{
		{name: "list", method: "GET", url: "/api/v1/meshes/shop/canaries", status: 503, wantIn: []string{"no rollouts"}},
		{name: "start", method: "POST", url: "/api/v1/meshes/shop/canaries", body: `{"target":{"name":"a/b"}}`, status: 503},
		{name: "get", method: "GET", url: "/api/v1/canaries/1", status: 503},
		{name: "abort", method: "POST", url: "/api/v1/canaries/1/abort", status: 503},
	})
}
