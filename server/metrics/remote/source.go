// Package remote reads metrics from servers that speak Prometheus' HTTP API and that somebody else runs: Prometheus,
// Thanos, Mimir, VictoriaMetrics, Amazon Managed Prometheus. It answers the same questions as the embedded store, bounds
// what a server can do to Weir (time, bytes, questions at once), and says in words what is wrong with a server. What the
// series mean is for the dialects.
package remote

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
)

// Kind is the product behind a URL.
type Kind string

// The kinds. They differ in the parameters that make an answer whole and fresh.
const (
	Prometheus      Kind = "prometheus"
	Thanos          Kind = "thanos"
	Mimir           Kind = "mimir"
	VictoriaMetrics Kind = "victoriametrics"
	AMP             Kind = "amp" // Amazon Managed Service for Prometheus
)

// What holds where a source does not say otherwise.
const (
	DefaultInterval    = 15 * time.Second
	DefaultTimeout     = 10 * time.Second
	DefaultMaxBytes    = 64 << 20
	DefaultConcurrency = 4
)

// Source configures one server. Paths of files inside HTTP and SigV4 are relative to the configuration file once
// SetDirectory was called.
type Source struct {
	Name string `yaml:"name"`
	Kind Kind   `yaml:"kind,omitempty"` // Prometheus when empty
	// URL is what comes before /api/v1. Credentials in it are moved to HTTP.BasicAuth by Validate.
	URL      string   `yaml:"url"`
	Meshes   []string `yaml:"meshes,omitempty"`   // it is asked for; empty: all
	Dialects []string `yaml:"dialects,omitempty"` // that it speaks; empty: whatever is found in it
	// Match is more label matchers for every question about those meshes, as in `cluster="eu",env=~"live|dark"`: series of
	// most products do not say which mesh they are of.
	Match string `yaml:"match,omitempty"`
	// Namespace is the one whose workloads are called by their plain names; others are name.namespace.
	Namespace string `yaml:"namespace,omitempty"`
	// Interval is how often the live graph is read from it: the server's own scrape interval is a good value.
	Interval model.Duration `yaml:"interval,omitempty"`
	Timeout  model.Duration `yaml:"timeout,omitempty"` // of one question
	Tenant   string         `yaml:"tenant,omitempty"`  // header X-Scope-OrgID
	// PartialResponse lets Thanos answer when some of its stores do not; such answers are marked. True when nil.
	PartialResponse *bool                   `yaml:"partialResponse,omitempty"`
	MaxBytes        int64                   `yaml:"maxBytes,omitempty"`    // of one answer, uncompressed
	Concurrency     int                     `yaml:"concurrency,omitempty"` // questions at once
	SigV4           *SigV4                  `yaml:"sigv4,omitempty"`
	HTTP            config.HTTPClientConfig `yaml:"http,omitempty"`
}

// SigV4 signs requests for Amazon Web Services. Without keys and profile, they are looked for where every AWS tool looks:
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the shared files, the instance's or pod's role.
type SigV4 struct {
	Region        string        `yaml:"region,omitempty"`
	RoleARN       string        `yaml:"roleArn,omitempty"` // assumed with the credentials that were found
	Profile       string        `yaml:"profile,omitempty"`
	AccessKey     string        `yaml:"accessKey,omitempty"`
	SecretKey     config.Secret `yaml:"secretKey,omitempty"`
	SecretKeyFile string        `yaml:"secretKeyFile,omitempty"` // holds the secret key and nothing else
	ServiceName   string        `yaml:"serviceName,omitempty"`   // aps when empty
}

// String names the source and where it is, so that printing one shows no secret.
func (s Source) String() string {
	shown := "a URL that is not valid"
	if u, err := url.Parse(s.URL); err == nil {
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		shown = u.String()
	}
	return fmt.Sprintf("metrics source %q (%s)", s.Name, shown)
}

// UnmarshalYAML reads a source as strictly as its decoder is, and puts the source's name into errors.
func (s *Source) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Source
	*s = Source{HTTP: config.DefaultHTTPClientConfig}
	if err := unmarshal((*plain)(s)); err != nil {
		var head map[string]any
		_ = unmarshal(&head) // for the name alone: what is wrong is known already
		name, _ := head["name"].(string)
		text := strings.ReplaceAll(err.Error(), "in type remote.plain", "in a metrics source")
		return mesh.Errorf(mesh.Invalid, "metrics source %q: %s", name, strings.TrimPrefix(text, "yaml: "))
	}
	return nil
}

// SetDirectory makes relative paths of files relative to a folder: that of the configuration file.
func (s *Source) SetDirectory(dir string) {
	s.HTTP.SetDirectory(dir)
	if s.SigV4 != nil {
		s.SigV4.SecretKeyFile = config.JoinDir(dir, s.SigV4.SecretKeyFile)
	}
}

// FromURL makes the source for a bare URL, as of a flag, named after its host. A workspace of Amazon's is recognised by
// its host and signed for in its region. It is validated.
func FromURL(raw string) (Source, error) {
	s := Source{Name: "metrics-url", URL: raw, HTTP: config.DefaultHTTPClientConfig}
	if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && u.Hostname() != "" {
		s.Name = u.Hostname()
		if region := ampRegion(u.Hostname()); region != "" {
			s.Kind, s.SigV4 = AMP, &SigV4{Region: region}
		}
	}
	return s, s.Validate()
}

// ampRegion reads the region from aps-workspaces.REGION.amazonaws.com; empty for other hosts.
func ampRegion(host string) string {
	rest, ok := strings.CutPrefix(host, "aps-workspaces.")
	if !ok {
		return ""
	}
	region, ok := strings.CutSuffix(rest, ".amazonaws.com")
	if !ok || strings.Contains(region, ".") {
		return ""
	}
	return region
}

// Native tells whether the server keeps native histograms. VictoriaMetrics does not: classic buckets are read there.
func (s Source) Native() bool { return s.Kind != VictoriaMetrics }

// secrets are the words that must never be shown, even when a server repeats them.
func (s Source) secrets() []string {
	var found []string
	add := func(v string) {
		if len(v) >= 4 { // a shorter one would blot out ordinary words
			found = append(found, v)
		}
	}
	if b := s.HTTP.BasicAuth; b != nil {
		add(string(b.Password))
	}
	if a := s.HTTP.Authorization; a != nil {
		add(string(a.Credentials))
	}
	if o := s.HTTP.OAuth2; o != nil {
		add(string(o.ClientSecret))
	}
	if h := s.HTTP.HTTPHeaders; h != nil {
		for _, header := range h.Headers {
			for _, secret := range header.Secrets {
				add(string(secret))
			}
		}
	}
	if s.SigV4 != nil {
		add(string(s.SigV4.SecretKey))
	}
	return found
}

// secretKey gives the secret key from wherever it is kept; empty leaves it to AWS' own places.
func (c *SigV4) secretKey() (config.Secret, error) {
	if c.SecretKeyFile == "" {
		return c.SecretKey, nil
	}
	data, err := os.ReadFile(c.SecretKeyFile)
	if err != nil {
		return "", err
	}
	return config.Secret(strings.TrimSpace(string(data))), nil
}
