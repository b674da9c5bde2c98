package remote

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v2"

	"github.com/weirmesh/weir/server/mesh"
)

const full = `
- name: company
  kind: thanos
  url: https://thanos.example.com/
  meshes: [shop, depot]
  dialects: [istio]
  interval: 30s
  timeout: 1m30s
  tenant: team-a
  partialResponse: false
  maxBytes: 1048576
  concurrency: 2
  http:
    basic_auth: {username: weir, password_file: password}
    tls_config: {ca_file: ca.pem}
    http_headers: {X-Team: {values: [a]}}
- name: amazon
  kind: amp
  url: https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1
  sigv4: {roleArn: "arn:aws:iam::1:role/reader", accessKey: AKID, secretKeyFile: key}
- name: small
  url: http://user:pass%20word@prometheus:9090/base/
`

func TestDecode(t *testing.T) {
	var all []Source
	if err := yaml.UnmarshalStrict([]byte(full), &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].SetDirectory("/etc/weir")
	}
	for i := range all {
		if err := all[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
	s := all[0]
	if s.Kind != Thanos || s.URL != "https://thanos.example.com" || len(s.Meshes) != 2 || time.Duration(s.Timeout) != 90*time.Second || *s.PartialResponse ||
		s.HTTP.BasicAuth.PasswordFile != filepath.Join("/etc/weir", "password") || s.HTTP.TLSConfig.CAFile != "/etc/weir/ca.pem" || !s.HTTP.FollowRedirects {
		t.Errorf("%+v", s)
	}
	if s := all[1]; s.SigV4.Region != "eu-west-1" || s.SigV4.SecretKeyFile != "/etc/weir/key" || time.Duration(s.Interval) != DefaultInterval || s.MaxBytes != DefaultMaxBytes {
		t.Errorf("%+v", s)
	}
	if s := all[2]; s.Kind != Prometheus || s.URL != "http://prometheus:9090/base" || s.HTTP.BasicAuth.Username != "user" || s.HTTP.BasicAuth.Password != "pass word" {
		t.Errorf("%+v", s)
	}
	shown, err := yaml.Marshal(all)
	if err != nil || strings.Contains(string(shown), "pass word") || strings.Contains(fmt.Sprintf("%+v %v", all, &all[2]), "pass word") {
		t.Errorf("shows a password: %s, %v", shown, err)
	}
}

// TestMistakes reads sources with one mistake each; the error names the source and the field, and holds no secret.
func TestMistakes(t *testing.T) {
	for text, want := range map[string][]string{
		`{url: http://p}`:                                                        {`metrics source ""`, "name is missing"},
		`{name: embedded, url: http://p}`:                                        {"name embedded", "own store"},
		`{name: s}`:                                                              {`metrics source "s"`, "url is missing"},
		`{name: s, url: "p:9090"}`:                                               {"url is not a URL"},
		`{name: s, url: "http://u:hidden@h:port"}`:                               {"url is not a URL"},
		`{name: s, url: "ftp://p"}`:                                              {"url is not a URL"},
		`{name: s, url: "http://p/?token=hidden"}`:                               {"url http://p:", "no ?query"},
		`{name: s, url: "http://p/api/v1/query"}`:                                {"url http://p/api/v1/query", "ends before /api/v1/query"},
		`{name: s, url: "http://p/api/v1/"}`:                                     {"ends before /api/v1"},
		`{name: s, kind: influx, url: http://p}`:                                 {"kind influx", "thanos"},
		`{name: s, url: http://p, interval: 10ms}`:                               {"interval 10ms"},
		`{name: s, url: http://p, timeout: 1h}`:                                  {"timeout 1h"},
		`{name: s, url: http://p, timeout: soon}`:                                {`metrics source "s"`, "duration"},
		`{name: s, url: http://p, maxBytes: -1}`:                                 {"maxBytes -1"},
		`{name: s, url: http://p, concurrency: 1000}`:                            {"concurrency 1000"},
		`{name: s, url: http://p, meshes: [""]}`:                                 {"meshes[0]"},
		`{name: s, url: http://p, tenant: "a\nb"}`:                               {"tenant"},
		`{name: s, url: http://p, partialResponse: true}`:                        {"partialResponse true", "thanos"},
		`{name: s, url: http://p, colour: red}`:                                  {`metrics source "s"`, "colour"},
		`{name: s, url: http://p, http: {basicauth: {}}}`:                        {`metrics source "s"`, "basicauth"},
		`{name: s, url: http://p, kind: amp}`:                                    {"sigv4 is missing"},
		`{name: s, url: "http://u:hidden@p", http: {basic_auth: {username: a}}}`: {"url http://p", "credentials beside"},
		`{name: s, url: http://p, http: {basic_auth: {username: a}, authorization: {credentials: hidden}}}`: {`metrics source "s"`, "at most one of"},
		`{name: s, url: http://p, sigv4: {accessKey: a}}`:                                                   {"sigv4.accessKey"},
		`{name: s, url: http://p, sigv4: {accessKey: a, secretKey: hidden, secretKeyFile: f}}`:              {"sigv4.secretKeyFile"},
		`{name: s, url: http://p, sigv4: {accessKey: a, secretKey: hidden, profile: x}}`:                    {"sigv4.profile"},
		`{name: s, url: http://p, sigv4: {roleArn: reader}}`:                                                {"sigv4.roleArn"},
		`{name: s, url: http://p, sigv4: {region: r}, http: {authorization: {credentials: hidden}}}`:        {"sigv4 signs"},
	} {
		t.Run(text, func(t *testing.T) {
			var s Source
			err := yaml.UnmarshalStrict([]byte(text), &s)
			if err == nil {
				err = s.Validate()
				if _, err := New(s); err == nil {
					t.Error("New takes it")
				}
			}
			if mesh.CodeOf(err) != mesh.Invalid {
				t.Fatalf("%v (%s)", err, mesh.CodeOf(err))
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "remote.") {
				t.Errorf("says too much: %q", err)
			}
		})
	}
}

func TestFromURL(t *testing.T) {
	for raw, want := range map[string]struct{ name, url, user, region string }{
		"http://prometheus:9090":                 {"prometheus", "http://prometheus:9090", "", ""},
		" https://u:p@mimir.example/prometheus/": {"mimir.example", "https://mimir.example/prometheus", "u", ""},
		"https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1/": {
			"aps-workspaces.us-east-2.amazonaws.com", "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1", "", "us-east-2",
		},
	} {
		s, err := FromURL(raw)
		if err != nil || s.Name != want.name || s.URL != want.url || !s.HTTP.FollowRedirects {
			t.Errorf("%s: %+v, %v", raw, s, err)
		}
		if b := s.HTTP.BasicAuth; (b != nil) != (want.user != "") || b != nil && b.Username != want.user {
			t.Errorf("%s: %+v", raw, b)
		}
		if (s.SigV4 != nil) != (want.region != "") || s.SigV4 != nil && (s.Kind != AMP || s.SigV4.Region != want.region) {
			t.Errorf("%s: %+v", raw, s.SigV4)
		}
	}
	for _, raw := range []string{"", "prometheus:9090", "http://", "http://u:hidden@%zz", "https://u:hidden@p/graph"} {
		if _, err := FromURL(raw); mesh.CodeOf(err) != mesh.Invalid || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestBuild refuses what shows only when the client is built.
func TestBuild(t *testing.T) {
	s := Source{Name: "s", URL: "http://p", HTTP: config.DefaultHTTPClientConfig}
	s.HTTP.TLSConfig.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := New(s); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "none.pem") || !strings.Contains(err.Error(), `"s"`) {
		t.Error(err)
	}
	s.HTTP = config.DefaultHTTPClientConfig
	s.HTTP.OAuth2 = &config.OAuth2{ClientID: "a", ClientSecretRef: "b", TokenURL: "http://t"}
	if _, err := New(s); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "secret manager") {
		t.Error(err)
	}
}
