package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBootstrapAsksForAToken: a Weir with sign-in gives a token, one without wants none, and one that is named and does not
// answer is an error, since a proxy without the token it needs would only be noticed where it runs.
func TestBootstrapAsksForAToken(t *testing.T) {
	var asked string
	status, answer := http.StatusCreated, `{"id":"1a","mesh":"shop","node":"cart","token":"weirproxy_1a_secret"}`
	weir := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked += r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body) + "\n"
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer weir.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("weirproxy_2b_other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url, args, answer string
		status, code            int
		out, said, asked        string // in stdout, in stderr, of the server
	}{
		{name: "closed", out: "Bearer weirproxy_1a_secret", asked: `POST /api/v1/meshes/shop/proxy-tokens Bearer mine {"node":"cart","for":"1h`, args: "--token-for 1h"},
		{name: "open", status: 501, answer: `{"status":501,"code":"invalid","detail":"no sign-in"}`, asked: "POST"},
		{name: "may not", status: 403, answer: `{"status":403,"code":"denied","detail":"you may not steer shop"}`, code: exitRefused, said: "you may not steer shop", asked: "POST"},
		{name: "away", url: "http://127.0.0.1:1", code: exitFailed, said: "cannot reach Weir"},
		{name: "leave out", args: "--no-token"},
		{name: "from a file", args: "--token-file " + file, out: "Bearer weirproxy_2b_other"},
		{name: "empty file", args: "--token-file " + empty, code: exitRefused, said: "holds no token"},
		{name: "no file", args: "--token-file " + file + ".none", code: exitRefused, said: "no such file"},
		{name: "no CA", args: "--ca " + file, code: exitRefused, said: "no certificate"},
		{name: "leak", args: "--xds 10.0.0.1:18000", code: exitRefused, said: "in plain text", asked: "DELETE /api/v1/meshes/shop/proxy-tokens/1a"},
		{name: "both", args: "--no-token --token-file " + file, code: exitUsage, said: "none of the others can be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, status = "", max(c.status, http.StatusCreated)
			answer = `{"id":"1a","mesh":"shop","node":"cart","token":"weirproxy_1a_secret"}`
			if c.answer != "" {
				answer = c.answer
			}
			url := weir.URL
			if c.url != "" {
				url = c.url
			}
			var out, said strings.Builder
			args := strings.Fields("--url " + url + " --token mine bootstrap --mesh shop --node cart " + c.args)
			if code := run(args, strings.NewReader(""), &out, &said); code != c.code {
				t.Errorf("exit code %d, want %d; %s", code, c.code, said.String())
			}
			if strings.Contains(out.String(), "Bearer") != (c.out != "") || !strings.Contains(out.String(), c.out) || (out.Len() == 0) != (c.code != exitDone) {
				t.Errorf("wrote %s", out.String())
			}
			if !strings.Contains(said.String(), c.said) || !strings.Contains(asked, c.asked) || (asked == "") != (c.asked == "") {
				t.Errorf("said %q, asked %q", said.String(), asked)
			}
			if strings.Contains(said.String(), "_secret") || strings.Contains(said.String(), "_other") {
				t.Errorf("the token is said: %q", said.String())
			}
		})
	}
}
