package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// raw makes a request as it stands, and follows nothing.
func raw(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// TestEveryKindOfAnswer asks for one of each, and looks at what browsers are told beside it.
func TestEveryKindOfAnswer(t *testing.T) {
	o := quiet(t)
	o.MetricsListen = "127.0.0.1:0"
	s, _ := run(t, o)
	_, page := raw(t, http.MethodGet, s.URL()+"/")
	style := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(page)
	for _, c := range []struct {
		name, method, url string
		status            int
		kept              bool // browsers may keep it
		header            []string
	}{
		{"page", "GET", "/", 200, false, nil},
		{"HEAD", "HEAD", "/", 200, false, nil},
		{"no page", "GET", "/nowhere", 404, false, nil},
		{"asset", "GET", style, 200, true, nil},
		{"no asset", "GET", "/assets/nothing.js", 404, false, nil},
		{"folder", "GET", "/assets/", 404, false, nil},
		{"source control", "GET", "/.git/HEAD", 404, false, nil},
		{"above", "GET", "/assets/..%2f..%2fweir.db", 404, false, nil},
		{"redirect", "GET", "/?lang=ko", 303, false, nil},
		{"API", "GET", "/api/v1/meshes", 200, false, nil},
		{"problem", "GET", "/api/v1/meshes/ghost", 404, false, nil},
		{"no address", "GET", "/api/v1/nowhere", 404, false, nil},
		{"no method", "POST", "/api/v1/meshes", 405, false, nil},
		{"TRACE", "TRACE", "/api/v1/meshes", 405, false, nil},
		{"preflight", "OPTIONS", "/api/v1/meshes", 405, false, []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"}},
		{"OpenAPI", "GET", "/api/v1/openapi.json", 200, false, nil},
		{"another site", "PUT", "/api/v1/meshes/shop", 403, false, []string{"Sec-Fetch-Site", "cross-site"}},
		{"another host", "GET", "/", 421, false, []string{"Host", "evil.example"}},
		{"socket that is none", "GET", "/api/v1/live", 426, false, nil},
		{"probe", "GET", "/livez", 200, false, nil},
		{"readiness", "GET", "/readyz?verbose", 200, false, nil},
		{"no profiles", "GET", "/debug/pprof/", 404, false, nil},
		{"metrics", "GET", s.MetricsURL(), 200, false, nil},
		{"beside metrics", "GET", strings.TrimSuffix(s.MetricsURL(), "metrics"), 404, false, nil},
	} {
		url := c.url
		if !strings.HasPrefix(url, "http") {
			url = s.URL() + url
		}
		answer, body := raw(t, c.method, url, c.header...)
		if answer.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.name, answer.StatusCode, c.status)
		}
		examine(t, c.name, answer, body, c.kept)
	}
}

// examine checks the headers that do not depend on what was asked for.
func examine(t *testing.T, name string, answer *http.Response, body string, kept bool) {
	t.Helper()
	h := answer.Header
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"} {
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q, which lacks %s", name, policy, want)
		}
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" && h.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("%s: %v", name, h)
	}
	if !kept && h.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: browsers may keep it: %v", name, h)
	}
	kind := h.Get("Content-Type")
	if body != "" && (kind == "" || strings.HasPrefix(kind, "text/") && !strings.Contains(strings.ToLower(kind), "charset=utf-8")) {
		t.Errorf("%s: a body of type %q", name, kind)
	}
	for _, never := range []string{"Access-Control-Allow-Origin", "Server", "X-Powered-By", "Strict-Transport-Security"} {
		if h.Get(never) != "" {
			t.Errorf("%s: %s is %q", name, never, h.Get(never))
		}
	}
}

// TestOnlyEncrypted: browsers are told so where they came encrypted, and not on the word of just anybody.
func TestOnlyEncrypted(t *testing.T) {
	trusting, open := quiet(t), quiet(t)
	trusting.Open, trusting.People.Trusted = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	behind, _ := run(t, trusting)
	alone, _ := run(t, open)
	for _, c := range []struct {
		s          *Server
		host, path string
		want       string
	}{
		{behind, "weir.example", "/livez", onlyEncrypted},
		{behind, "weir.example", "/", onlyEncrypted},
		{behind, "weir.example", "/api/v1/meshes", onlyEncrypted},
		{behind, "localhost:8080", "/livez", ""},
		{alone, "127.0.0.1", "/livez", ""},
	} {
		answer, _ := raw(t, http.MethodGet, c.s.URL()+c.path, "Host", c.host, "X-Forwarded-Proto", "https")
		if got := answer.Header.Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s%s: %q, want %q", c.host, c.path, got, c.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://weir.example/livez", nil)
	r.TLS = &tls.ConnectionState{}
	answer := httptest.NewRecorder()
	alone.http.Handler.ServeHTTP(answer, r)
	if got := answer.Header().Get("Strict-Transport-Security"); got != onlyEncrypted {
		t.Errorf("over TLS: %q", got)
	}
}

// TestRequestsAreBounded sends what is too large, too slow, or says two things at once.
func TestRequestsAreBounded(t *testing.T) {
	s, _ := run(t, quiet(t))
	const first = " HTTP/1.1\r\nHost: localhost\r\n"
	body := fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n{\"a\":\"%s", 9<<20, strings.Repeat("x", 9<<20))
	for _, c := range []struct{ name, send, status string }{
		{"large header", "GET /livez" + first + "X-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		{"large body", "PUT /api/v1/meshes/shop" + first + body, "413"},
		{"large form", "POST /config/new" + first + strings.Replace(body, "application/json", "application/x-www-form-urlencoded", 1), "413"},
		{"two lengths", "PUT /api/v1/meshes/shop" + first + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"unknown framing", "PUT /api/v1/meshes/shop" + first + "Transfer-Encoding: chunked, x\r\n\r\n", "501"},
		{"slow header", "GET /livez" + first, ""}, // and nothing more
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() { _, _ = io.WriteString(conn, c.send) }() // refused before it is all sent
		line, err := bufio.NewReader(conn).ReadString('\n')
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			t.Errorf("%s: the server waits", c.name)
		}
		if c.status != "" && !strings.Contains(line, " "+c.status+" ") {
			t.Errorf("%s: answers %q (%v), want %s", c.name, line, err, c.status)
		}
	}
	if s.http.ReadTimeout != readAll || s.http.WriteTimeout != writeAll || s.http.IdleTimeout != idle {
		t.Errorf("a slow body, a slow reader or an idle connection stays: %v, %v, %v", s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout)
	}
}
