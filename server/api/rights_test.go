package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// as has requests be of whom their header As names by their grants, as a gate would find out from a token.
func as(_ *bench, o *Options) {
	o.Open = false
	o.Identify = func(r *http.Request) (context.Context, error) {
		switch who := r.Header.Get("As"); who {
		case "":
			return r.Context(), nil
		case "broken":
			return nil, mesh.Errorf(mesh.Unavailable, "the database is away: try again")
		default:
			var grants []auth.Grant
			for s := range strings.FieldsSeq(who) {
				g, err := auth.ParseGrant(s)
				if err != nil {
					return nil, err
				}
				grants = append(grants, g)
			}
			return auth.With(r.Context(), auth.Identity{Kind: auth.Person, ID: "1", Name: "kim", Grants: grants}), nil
		}
	}
}

// table lists what the API serves.
func (b *bench) table() []string {
	engine := gin.New()
	b.api.routes(engine)
	var list []string
	for _, r := range engine.Routes() {
		list = append(list, r.Method+" "+r.Path)
	}
	slices.Sort(list)
	return list
}

// TestEveryAddressHasARight: what is served and what is in the table of rights are the same.
func TestEveryAddressHasARight(t *testing.T) {
	served, table := newBench(t).table(), needs()
	for _, address := range served {
		if _, ok := table[address]; !ok {
			t.Errorf("%s takes no right: add it to needs", address)
		}
		delete(table, address)
	}
	for address := range table {
		t.Errorf("%s is in the table of rights and is not served", address)
	}
}

// role is what an address should take, by a rule that knows nothing of the table.
func role(address string) (role auth.Role, everyMesh bool) {
	method, path, _ := strings.Cut(address, " ")
	switch last := path[strings.LastIndex(path, "/")+1:]; {
	case path == "/livez", path == "/readyz", strings.HasPrefix(last, "openapi."):
		return "", false
	case strings.HasPrefix(path, "/api/v1/query"), slices.Contains([]string{"series", "labels", "values", "metadata", "rules", "alerts", "buildinfo", "sources", "targets", "webhooks"}, last):
		return auth.Viewer, true
	case last == "proxy-tokens": // who may be let in is known to those who let in
		return auth.Operator, false
	case strings.HasPrefix(path, "/api/v1/people"), strings.HasPrefix(path, "/api/v1/authority/"):
		return auth.Admin, true
	case path == "/api/v1/apply": // its body names the mesh
		return auth.Viewer, false
	case method == http.MethodDelete && last == ":mesh":
		return auth.Admin, false
	case method == http.MethodGet:
		return auth.Viewer, false
	}
	return auth.Operator, false
}

// TestRights walks every address with every role, in its mesh and in another.
func TestRights(t *testing.T) {
	b := newBench(t, as, rollouts)
	admin := map[string]string{"As": "admin"}
	_, made := b.do(scenario{method: "GET", url: "/api/v1/changes?mesh=shop", headers: admin, status: 200})
	id := made[strings.Index(made, `"id":"`)+6:]
	id = id[:strings.IndexByte(id, '"')]
	people := []string{"", "viewer@shop", "viewer", "operator@shop", "operator@bank", "admin@shop", "admin@bank", "admin"}
	for _, address := range b.table() {
		method, path, _ := strings.Cut(address, " ")
		needed, everyMesh := role(address)
		if strings.Contains(path, "/canaries/:id") {
			continue // TestRightsOfRollouts
		}
		path = strings.NewReplacer(":mesh", "shop", ":id", id, ":parent", "reviews", ":route", "primary", ":name", "reviews").Replace(path)
		if !strings.Contains(path, "/shop") && !everyMesh {
			path += "?mesh=shop"
		}
		if method != http.MethodGet {
			path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "dryRun=true"
		}
		for _, who := range people {
			has, in, _ := strings.Cut(who, "@")
			may := needed == "" || auth.Role(has).Includes(needed) && (in == "" || in == "shop" && !everyMesh)
			if who != "" && !strings.Contains(address, "/:") && !strings.Contains(address, "/changes") && !strings.Contains(address, "/events") && !everyMesh {
				may = true // about no mesh, or the body says which
			}
			if strings.Contains(address, "/v1/tokens") {
				may = who != "" // one's own
			}
			if strings.Contains(address, "/proxy-certificates") {
				may = true // it is the proxy that asks, and the body shows which
			}
			request, err := http.NewRequestWithContext(t.Context(), method, b.server.URL+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("As", who)
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			refused := response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized
			if refused == may {
				t.Errorf("%s as %q: status %d", address, who, response.StatusCode)
			}
			if who == "" && refused && (response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer") {
				t.Errorf("%s as nobody: status %d, %v", address, response.StatusCode, response.Header)
			}
		}
	}
}

// TestRightsOfRollouts: who may steer a rollout is said by its mesh.
func TestRightsOfRollouts(t *testing.T) {
	b := newBench(t, as, rollouts)
	spec := `{"target":{"kind":"route","name":"reviews/primary"},"stable":"reviews-v1","canary":"reviews-v2","steps":[{"setWeight":50},{"pause":{}}]}`
	response, made := b.do(scenario{method: "POST", url: "/api/v1/meshes/shop/canaries", body: spec, headers: map[string]string{"As": "operator@shop/reviews"}, status: 202, want: `{"author":"kim"}`})
	if response.StatusCode != http.StatusAccepted && response.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", response.StatusCode, made)
	}
	id := made[strings.Index(made, `"id":"`)+6:]
	id = "/api/v1/canaries/" + id[:strings.IndexByte(id, '"')]
	check(t, b, []scenario{
		{method: "GET", url: id, headers: map[string]string{"As": "viewer@shop"}, status: 200},
		{method: "GET", url: id, headers: map[string]string{"As": "viewer@bank"}, status: 403},
		{method: "POST", url: id + "/pause", headers: map[string]string{"As": "viewer@shop"}, status: 403},
		{method: "POST", url: id + "/abort", headers: map[string]string{"As": "operator@bank"}, status: 403},
		{method: "POST", url: id + "/abort", status: 401},
		{method: "POST", url: id + "/abort", headers: map[string]string{"As": "operator@shop"}, status: 202},
	})
}

// TestIdentity: who is signed in is who a change is by, lists hold what they may see, and a reason why nobody is known is
// said.
func TestIdentity(t *testing.T) {
	var heard []string
	b := newBench(t, as, func(_ *bench, o *Options) {
		o.Refused = func(r *http.Request, event people.Event, why string) {
			heard = append(heard, string(event)+" "+r.URL.Path+" "+why)
		}
	})
	weights := "/api/v1/meshes/shop/routers/reviews/routes/primary/weights"
	check(t, b, []scenario{
		{
			method: "PUT", url: weights, body: `{"weights":{"reviews-v1":60,"reviews-v2":40}}`, status: 202, want: `{"author":"kim"}`,
			headers: map[string]string{"As": "operator", "X-Weir-Author": "somebody-else"},
		},
		{method: "GET", url: "/api/v1/meshes", headers: map[string]string{"As": "viewer@bank"}, status: 200, want: `{"items":[]}`},
		{method: "GET", url: "/api/v1/meshes", headers: map[string]string{"As": "viewer@shop"}, status: 200, wantIn: []string{`"shop"`}},
		{method: "GET", url: "/api/v1/meshes", headers: map[string]string{"As": "broken"}, status: 503, wantIn: []string{"the database is away"}, answers: map[string]string{"Retry-After": "1"}},
		{method: "GET", url: "/livez", headers: map[string]string{"As": "broken"}, status: 200},
		{method: "GET", url: "/api/v1/changes", headers: map[string]string{"As": "viewer@shop"}, status: 403, wantIn: []string{"name one"}},
		{method: "PUT", url: weights, body: "{}", headers: map[string]string{"As": "operator", "Sec-Fetch-Site": "cross-site"}, status: 403, wantIn: []string{"another site"}},
		{method: "GET", url: "/api/v1/meshes/shop", headers: map[string]string{"Host": "weir.example.com", "As": "viewer"}, status: 200},
	})
	if len(heard) != 2 || !strings.HasPrefix(heard[0], "denied /api/v1/changes kim is not viewer") || !strings.HasPrefix(heard[1], "origin_refused "+weights) {
		t.Errorf("the security log hears %q", heard)
	}
}
