package web

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRows(t *testing.T) {
	start := func() url.Values {
		return url.Values{"on": {"1"}, "header.0.name": {"a"}, "header.0.how": {"exact"}, "header.1.name": {"b"}, "query.0.name": {"q"}}
	}
	for pressed, want := range map[string]url.Values{
		"remove:header:0": {"on": {"1"}, "header.0.name": {"b"}, "query.0.name": {"q"}},
		"down:header:0":   {"on": {"1"}, "header.0.name": {"b"}, "header.1.name": {"a"}, "header.1.how": {"exact"}, "query.0.name": {"q"}},
		"up:header:1":     {"on": {"1"}, "header.0.name": {"b"}, "header.1.name": {"a"}, "header.1.how": {"exact"}, "query.0.name": {"q"}},
		"up:header:0":     start(), "down:header:1": start(),
	} {
		values := start()
		if !rearrange(values, pressed) {
			t.Errorf("%s is not understood", pressed)
		}
		if diff := cmp.Diff(want, values); diff != "" {
			t.Errorf("%s: %s", pressed, diff)
		}
	}
	values := start()
	if !rearrange(values, "add:query") || len(rows(values, "query")) != 2 || len(rows(compacted(values), "query")) != 1 {
		t.Errorf("a row more: %v", values)
	}
	for _, bad := range []string{"", "add", "remove:header", "remove:header:2", "remove:header:-1", "up:header:x", "burn:header:0", "remove:nothing:0"} {
		if rearrange(start(), bad) {
			t.Errorf("%q is understood", bad)
		}
	}
}

func TestMovedRowsAreTheSameRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := url.Values{}
		n := rapid.IntRange(1, 12).Draw(t, "rows")
		for i := range n {
			values.Set("order."+strconv.Itoa(i)+".route", "r"+strconv.Itoa(i))
		}
		for _, move := range rapid.SliceOfN(rapid.SampledFrom([]string{"up", "down"}), 0, 20).Draw(t, "moves") {
			rearrange(values, move+":order:"+strconv.Itoa(rapid.IntRange(0, n-1).Draw(t, "row")))
		}
		seen := map[string]bool{}
		for _, row := range rows(values, "order") {
			seen[row.Get("route")] = true
		}
		if len(seen) != n {
			t.Fatalf("%d of %d rows are left: %v", len(seen), n, values)
		}
	})
}

func TestFieldOf(t *testing.T) {
	for path, want := range map[string]string{
		"route a/b: match.headers[3].name": "header.3.name", "route a/b: match.headers[0].range": "header.0.value", "route a/b: match.queryParameters[1]": "query.1.value",
		"route a/b: match.prefix": "path", "route a/b: match.path.regex": "path", "route a/b: match": "path", "route a/b: match.method": "method",
		"route a/b: targets[1].weight": "target.1.weight", "route a/b: retry.maxRetries": "maxRetries", "route a/b: retry.httpRetryEvents[0]": "httpRetryEvents",
		"node a: listeners[0].outlierDetection.interval": "interval", "node a: listeners[0].timeout.idle": "idle", "route a/b: priority": "priority",
	} {
		if got := fieldOf(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
