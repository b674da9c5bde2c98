package api

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/change"
)

// entriesBench is a bench that can do more with entries than read them.
func entriesBench(t *testing.T) *bench {
	return newBench(t, func(b *bench, o *Options) { o.Entries = b.door })
}

// newest gives the newest change.
func (b *bench) newest(t *testing.T) change.Change {
	t.Helper()
	list, err := b.door.Changes(t.Context(), change.Query{Limit: 1})
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	return list[0]
}

const weightsURL = "/api/v1/meshes/shop/routers/reviews/routes/primary/weights"

func TestGuardRailsOverREST(t *testing.T) {
	b := entriesBench(t)
	check(t, b, []scenario{
		{
			name: "set", method: "PUT", url: "/api/v1/meshes/shop", status: 202,
			body: `{"egressFilter":"DROP_ALL","guard":{"largestStep":10,"freeze":{"windows":[]}}}`,
		},
		{name: "read", method: "GET", url: "/api/v1/meshes/shop", status: 200, want: `{"guard":{"largestStep":10}}`},
		{
			name: "broken", method: "PUT", url: "/api/v1/meshes/shop", status: 422, body: `{"guard":{"largestStep":200}}`,
			wantIn: []string{"guard.largestStep 200: is from 0 (no rail) to 100"},
		},
		{
			name: "refused", method: "PUT", url: weightsURL, status: 403, body: `{"weights":{"reviews-v1":0,"reviews-v2":100}}`,
			want: `{"code":"denied","errors":[{"location":"guard.largestStep"}],"breaches":[{"rule":"largestStep","object":{"kind":"route","name":"reviews/primary"},"from":{"kind":"mesh","name":"shop"}}]}`,
		},
		{
			name: "dry", method: "PUT", url: weightsURL + "?dryRun=true", status: 202, body: `{"weights":{"reviews-v1":0,"reviews-v2":100}}`,
			want: `{"dryRun":true,"breaches":[{"rule":"largestStep"}]}`,
		},
		{
			name: "overridden", method: "PUT", url: weightsURL, status: 202, body: `{"weights":{"reviews-v1":0,"reviews-v2":100},"override":"fire"}`,
			want: `{"override":"fire","breaches":[{"rule":"largestStep"}]}`,
		},
		{
			name: "overridden in the address", method: "PUT", url: weightsURL + "?override=water", status: 202, body: `{"weights":{"reviews-v1":50,"reviews-v2":50}}`,
			want: `{"override":"water"}`,
		},
		{name: "blank", method: "PUT", url: weightsURL + "?override=%20", status: 403, body: `{"weights":{"reviews-v1":10,"reviews-v2":90}}`},
	})
}

func TestExtendOverREST(t *testing.T) {
	b := entriesBench(t)
	check(t, b, []scenario{{name: "wait", method: "PUT", url: weightsURL, status: 202, body: `{"weights":{"reviews-v1":50,"reviews-v2":50},"confirmWithin":"60s"}`, want: `{"state":"pending"}`}})
	at := "/api/v1/changes/" + b.newest(t).ID
	check(t, b, []scenario{
		{name: "longer", method: "POST", url: at + "/extend", status: 202, body: `{"within":"5m"}`, want: `{"state":"pending"}`},
		{name: "no time", method: "POST", url: at + "/extend", status: 422, body: `{"within":"soon"}`, wantIn: []string{"from 1s to 24h"}},
		{name: "too long", method: "POST", url: at + "/extend", status: 422, body: `{"within":"24h"}`, wantIn: []string{"would wait for"}},
		{name: "keep", method: "POST", url: at + "/confirm", status: 202, want: `{"state":"kept"}`},
		{name: "too late", method: "POST", url: at + "/extend", status: 409, body: `{"within":"5m"}`, wantIn: []string{"it is kept"}},
		{name: "revert", method: "POST", url: at + "/revert", status: 409, wantIn: []string{"it is kept: undo it instead"}},
		{name: "nothing", method: "POST", url: "/api/v1/changes/nothing/extend", status: 404, body: `{"within":"5m"}`},
	})
}

func TestUndoOverREST(t *testing.T) {
	b := entriesBench(t)
	check(t, b, []scenario{{name: "first", method: "PUT", url: weightsURL, status: 202, body: `{"weights":{"reviews-v1":50,"reviews-v2":50}}`}})
	at := "/api/v1/changes/" + b.newest(t).ID + "/undo"
	check(t, b, []scenario{
		{name: "nothing yet", method: "GET", url: at, status: 200, want: `{"items":[]}`},
		{name: "second", method: "PUT", url: weightsURL, status: 202, body: `{"weights":{"reviews-v1":40,"reviews-v2":60}}`},
	})
	const ways = `{"object":{"kind":"route","name":"reviews/primary"},"version":3,"fields":[{"field":"targets","clean":false,"foreign":false,
		"base":"[{\"node\":\"reviews-v1\",\"weight\":50},{\"node\":\"reviews-v2\",\"weight\":50}]",
		"theirs":"[{\"node\":\"reviews-v1\",\"weight\":40},{\"node\":\"reviews-v2\",\"weight\":60}]",
		"yours":"[{\"node\":\"reviews-v1\",\"weight\":75},{\"node\":\"reviews-v2\",\"weight\":25}]"}]}`
	check(t, b, []scenario{
		{name: "three ways", method: "GET", url: at, status: 200, want: `{"items":[` + ways + `]}`},
		{name: "collides", method: "POST", url: at, status: 409, want: `{"code":"conflict","collisions":[` + ways + `]}`},
		{name: "no object", method: "POST", url: at, status: 422, body: `{"take":{"primary":["targets"]}}`, wantIn: []string{"route/reviews/primary"}},
		{name: "no field", method: "POST", url: at, status: 422, body: `{"take":{"route/reviews/primary":["colour"]}}`, wantIn: []string{"targets"}},
		{name: "seen before", method: "POST", url: at, status: 409, body: `{"take":{"route/reviews/primary":["targets"]},"seen":{"route/reviews/primary":2}}`},
		{
			name: "taken", method: "POST", url: at, status: 202, body: `{"take":{"route/reviews/primary":["targets"]},"seen":{"route/reviews/primary":3},"reason":"better so"}`,
			want: `{"reason":"better so","undoes":"` + strings.Split(at, "/")[4] + `"}`,
		},
		{name: "twice", method: "POST", url: at, status: 409, wantIn: []string{"was undone already"}},
	})
}

func TestVerifyAndExportOverREST(t *testing.T) {
	b := entriesBench(t)
	check(t, b, []scenario{
		{name: "change", method: "PUT", url: weightsURL, status: 202, body: `{"weights":{"reviews-v1":50,"reviews-v2":50},"reason":"a < b"}`},
		{name: "verify", method: "GET", url: "/api/v1/changes/verify", status: 200, want: `{"ok":true,"meshes":[{"mesh":"shop","ok":true,"entries":2,"chained":2,"unchained":0,"broken":[]}]}`},
		{name: "verify one", method: "GET", url: "/api/v1/changes/verify?mesh=shop", status: 200, want: `{"ok":true}`},
		{name: "verify none", method: "GET", url: "/api/v1/changes/verify?mesh=shoe", status: 404},
		{name: "since nothing", method: "GET", url: "/api/v1/changes/export?since=yesterday", status: 422, wantIn: []string{"or a moment"}},
		{name: "of no mesh", method: "GET", url: "/api/v1/changes/export?mesh=shoe", status: 404},
	})
	before := b.newest(t).ID
	check(t, b, []scenario{ // what was done to a mesh is there after it has gone
		{name: "open", method: "PUT", url: "/api/v1/meshes/shut", status: 202, body: `{"egressFilter":"DROP_ALL"}`},
		{name: "shut", method: "DELETE", url: "/api/v1/meshes/shut", status: 202},
		{
			name: "verify both", method: "GET", url: "/api/v1/changes/verify", status: 200,
			want: `{"ok":true,"meshes":[{"mesh":"shop","ok":true},{"mesh":"shut","deleted":true,"ok":true,"entries":2,"chained":2,"broken":[]}]}`,
		},
		{name: "verify the one that is gone", method: "GET", url: "/api/v1/changes/verify?mesh=shut", status: 200, want: `{"ok":true,"meshes":[{"mesh":"shut","deleted":true}]}`},
	})
	for address, want := range map[string]int{"?mesh=shop": 2, "?mesh=shut": 2, "?since=" + before: 2, "?since=2020-01-01T00:00:00Z": 4} {
		response, err := b.server.Client().Get(b.server.URL + "/api/v1/changes/export" + address)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(response.Body)
		if body := response.Body.Close(); err != nil || body != nil {
			t.Fatal(err, body)
		}
		body := string(data)
		if response.Header.Get("Content-Type") != "application/x-ndjson" || strings.Count(body, "\n") != want {
			t.Errorf("%s: %s, %d lines, want %d", address, response.Header, strings.Count(body, "\n"), want)
		}
		for line := range strings.Lines(body) {
			var l struct {
				Hash  string
				Edits []struct{ After json.RawMessage }
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(l.Hash) || len(l.Edits) == 0 {
				t.Errorf("%v: %s", err, line)
			}
		}
	}
}

// TestNoEntries says that a Weir without a ledger of its own says so.
func TestNoEntries(t *testing.T) {
	b := newBench(t)
	made, err := b.door.Changes(t.Context(), change.Query{Limit: 1})
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	check(t, b, []scenario{
		{name: "verify", method: "GET", url: "/api/v1/changes/verify", status: 501, wantIn: []string{"no ledger"}},
		{name: "undo", method: "GET", url: "/api/v1/changes/" + made[0].ID + "/undo", status: 501},
	})
}
