package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	for target, want := range map[string]time.Duration{
		"/": patience, "/topology?mesh=a": patience, "/api/v1/meshes": patience,
		"/api/v1/live/poll?view=x": waiting, "/api/v1/changes/1?wait=30s": waiting,
		"/api/v1/events/stream": 0, "/prometheus/api/v1/query": 0,
	} {
		if got := patienceFor(httptest.NewRequest(http.MethodGet, target, nil)); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	if got := patienceFor(httptest.NewRequest(http.MethodPut, "/api/v1/meshes/a", nil)); got != deed {
		t.Errorf("a change: %v", got)
	}
	socket := httptest.NewRequest(http.MethodGet, "/api/v1/live", nil)
	socket.Header.Set("Upgrade", "websocket")
	if got := patienceFor(socket); got != 0 {
		t.Errorf("a socket: %v", got)
	}
}
