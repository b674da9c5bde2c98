package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page of metrics is read from here, and what is none is said to be none.
func TestCheckTarget(t *testing.T) {
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stats/prometheus":
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "# TYPE envoy_cluster_upstream_rq_xx counter\nenvoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"cart\"} 7\n")
		case "/login":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>please sign in</html>")
		default:
			http.NotFound(w, r)
		}
	}))
	defer pages.Close()
	check := func(url string) (code int, out, errs string) {
		var stdout, stderr strings.Builder
		code = run([]string{"targets", "check", url}, strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	for _, url := range []string{pages.URL, strings.TrimPrefix(pages.URL, "http://"), pages.URL + "/stats/prometheus"} {
		if code, out, errs := check(url); code != exitDone || !strings.Contains(out, "1 metrics, 1 samples, of which 1 are kept\nit speaks envoy: envoy_cluster_upstream_rq_xx\n") {
			t.Errorf("%s: %d\n%s%s", url, code, out, errs)
		}
	}
	if code, _, errs := check("http://weir:hunter2@127.0.0.1:1/"); code != exitUsage || !strings.Contains(errs, "basic_auth") || strings.Contains(errs, "hunter2") {
		t.Errorf("a password: %d, %q", code, errs)
	}
	for url, want := range map[string]string{pages.URL + "/login": "text/html", pages.URL + "/nothing": "404", "http://127.0.0.1:1": "nothing listens"} {
		if code, out, errs := check(url); code != exitFailed || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: %d, %q, want one line with %q\n%s", url, code, errs, want, out)
		}
	}
	if code, _, errs := check("http://"); code != exitUsage {
		t.Errorf("no host: %d, %s", code, errs)
	}
}
