package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestRights walks every address of the console as nobody, as somebody who may look, and as somebody of another mesh.
func TestRights(t *testing.T) {
	w := newWorld()
	engine, ok := serve(w).(*gin.Engine)
	if !ok {
		t.Fatal("the console is served by something else")
	}
	ask := func(grants, method, path string) *httptest.ResponseRecorder {
		w.grants = grants
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(url.Values{"do": {"undo"}, "text": {"kind: node\nname: extra\n"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, r)
		return answer
	}
	before := len(w.changes)
	for _, r := range engine.Routes() {
		if strings.HasPrefix(r.Path, "/api/") {
			continue
		}
		path := strings.NewReplacer(":parent", "reviews", ":id", "chg-041", ":name", "reviews", "*file", "weir.css").Replace(r.Path)
		free := strings.HasPrefix(path, "/assets/") || path == "/favicon.ico"
		post := r.Method == http.MethodPost
		switch code := ask("nobody", r.Method, path).Code; {
		case free:
			if code == http.StatusSeeOther || code == http.StatusUnauthorized {
				t.Errorf("%s %s asks to sign in", r.Method, path)
			}
		case r.Method == http.MethodGet && code != http.StatusSeeOther, r.Method != http.MethodGet && code != http.StatusUnauthorized:
			t.Errorf("%s %s as nobody: %d", r.Method, path, code)
		}
		if code := ask("viewer", r.Method, path).Code; post && !strings.HasPrefix(path, "/topology/") && code != http.StatusForbidden && code != http.StatusNotFound {
			t.Errorf("%s %s as a viewer: %d", r.Method, path, code)
		}
		if body := ask("admin@elsewhere", r.Method, path).Body.String(); !free && strings.Contains(body, "sample_app") && !strings.Contains(path, "chg-041") {
			t.Errorf("%s %s tells somebody of another mesh about sample_app", r.Method, path)
		}
	}
	if len(w.changes) != before {
		t.Error("somebody without the right changed a mesh")
	}
	answer := ask("nobody", http.MethodGet, "/services/reviews/traffic?mesh=sample_app&x=1")
	if got, want := answer.Header().Get("Location"), "/signin?next="+url.QueryEscape("/services/reviews/traffic?mesh=sample_app&x=1"); got != want {
		t.Errorf("sent to %s, want %s", got, want)
	}
	if code := ask("nobody", http.MethodGet, "/services?fragment=list").Code; code != http.StatusUnauthorized {
		t.Errorf("a fragment as nobody: %d", code)
	}
	if code := ask("viewer@elsewhere", http.MethodGet, "/history/chg-041").Code; code != http.StatusForbidden {
		t.Errorf("a change of another mesh: %d", code)
	}
	if code := ask("viewer@elsewhere", http.MethodGet, "/?mesh=sample_app").Code; code != http.StatusNotFound {
		t.Errorf("another mesh by name: %d", code)
	}
}
