package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestConcurrentEdits has many people edit two parts of the mesh at once. Edits without a condition all go through, one
// after the other; of those that are based on the same version, exactly one does.
func TestConcurrentEdits(t *testing.T) {
	b := newBench(t)
	const people = 8
	put := func(path, body, match string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		if match != "" {
			request.Header.Set("If-Match", match)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
		return response.StatusCode
	}
	at := func(match string) map[int]int {
		var mu sync.Mutex
		var all sync.WaitGroup
		statuses := make(map[int]int)
		for i := range people {
			all.Go(func() {
				status := put(weights, fmt.Sprintf(`{"weights":{"reviews-v1":%d,"reviews-v2":%d}}`, 1+i, 1000+i), match)
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		all.Wait()
		return statuses
	}
	if got := at(""); got[http.StatusAccepted] != people {
		t.Errorf("without a condition: %v, want %d times 202", got, people)
	}
	_, body := b.do(scenario{method: "GET", url: "/api/v1/meshes/shop/routes/reviews/primary"})
	var route struct{ Version int }
	if err := json.Unmarshal([]byte(body), &route); err != nil || route.Version != 1+people {
		t.Fatalf("version %d, want %d (%v)", route.Version, 1+people, err)
	}
	if code := put(weights, `{"weights":{"reviews-v1":7,"reviews-v2":7}}`, `"9"`); code != http.StatusAccepted {
		t.Fatalf("status %d", code)
	}
	if got := at(`"10"`); got[http.StatusAccepted] != 1 || got[http.StatusPreconditionFailed] != people-1 {
		t.Errorf("on the same version: %v, want one 202 and %d times 412", got, people-1)
	}
	http.DefaultClient.CloseIdleConnections()
}
