package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/provider"
)

// two is an installation that stands still: one replica that answers, and one that was lost.
type two struct{}

func (two) Replicas(context.Context) provider.Installation {
	at := time.UnixMilli(1_795_000_000_000).UTC()
	return provider.Installation{Database: provider.Database{Shared: true, Reached: true, Heard: at}, Items: []provider.Replica{
		{Name: "a", ID: "1", Version: "v1", Started: at, Proxies: 3, Here: true, Steward: true},
		{Name: "b", ID: "2", Version: "v2", Started: at, Age: 42.5, Proxies: 1, Gone: at, Missing: []string{"web-1"}},
	}}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	with := newBench(t, func(_ *bench, o *Options) { o.Replicas = two{} })
	response, body := with.do(scenario{name: "replicas", method: "GET", url: "/api/v1/replicas", status: 200})
	var got provider.Installation
	if err := json.Unmarshal([]byte(body), &got); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s: %v", response.StatusCode, body, err)
	}
	if want := (two{}).Replicas(t.Context()); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if response, body = newBench(t).do(scenario{name: "nobody knows", method: "GET", url: "/api/v1/replicas"}); response.StatusCode != http.StatusNotImplemented {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}
