package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A server that is about to stop says so first, serves on while others take over, and then ends sockets and long polls with a
// word.
func TestDrain(t *testing.T) {
	apart(t)
	o := quiet(t)
	o.Drain = 3 * time.Second
	s, stop := run(t, o)
	if _, err := s.store.Meshes(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is ready", func() bool {
		status, body := get(t, s.URL()+"/readyz?verbose")
		return status == http.StatusOK && strings.Contains(body, "[+]serving ok\n") &&
			strings.Contains(body, "[+]schema ok: 20") && strings.Contains(body, "[+]proxies ok\n")
	})
	create(t, s, "m")
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.URL(), "http")+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	eventually(t, "not ready", func() bool {
		status, body := get(t, s.URL()+"/readyz?verbose")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "[-]serving failed: draining")
	})
	if status, _ := get(t, s.URL()+"/livez"); status != http.StatusOK {
		t.Errorf("/livez while draining: %d", status)
	}
	create(t, s, "late") // whoever is still here is served
	polled := make(chan int, 1)
	go func() {
		resp, err := http.Get(s.URL() + "/api/v1/live/poll?view=proxies:m&seq=1") //nolint:noctx // it ends with the server
		if err != nil {
			polled <- 0
			return
		}
		defer resp.Body.Close()
		polled <- resp.StatusCode
	}()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.CloseServiceRestart || !strings.Contains(closed.Text, "retry=") {
		t.Errorf("the socket ended with %v", err)
	}
	if status := <-polled; status != http.StatusNoContent && status != http.StatusOK {
		t.Errorf("the long poll was answered %d", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// create makes an empty mesh.
func create(t *testing.T, s *Server, name string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL()+"/api/v1/meshes/"+name, strings.NewReader(`{"egressFilter":"ALLOW_ALL"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("mesh %s: %d", name, resp.StatusCode)
	}
}
