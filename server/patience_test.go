package server

import (
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
		if got := patienceFor(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	if got := patienceFor(httptest.NewRequest("PUT", "/api/v1/meshes/a", nil)); got != deed {
		t.Errorf("a change: %v", got)
	}
	socket := httptest.NewRequest("GET", "/api/v1/live", nil)
	socket.Header.Set("Upgrade", "websocket")
	if got := patienceFor(socket); got != 0 {
		t.Errorf("a socket: %v", got)
	}
}
