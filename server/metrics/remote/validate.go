package remote

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

const (
	minInterval    = time.Second
	maxTimeout     = 5 * time.Minute
	maxAnswer      = 1 << 30
	maxConcurrency = 64
)

// Validate fills in what is not set, moves credentials from the URL to HTTP.BasicAuth, and tells every mistake at once,
// as a mesh.Error with Invalid that names the source and the fields. No credential is part of it.
func (s *Source) Validate() error {
	c := check{}
	s.Name = strings.TrimSpace(s.Name)
	switch s.Name {
	case "":
		c.add("name", "", "is missing: it is how pages and errors call this server")
	case query.Embedded:
		c.add("name", s.Name, "is that of Weir's own store")
	}
	if s.Kind == "" {
		s.Kind = Prometheus
	}
	if !slices.Contains([]Kind{Prometheus, Thanos, Mimir, VictoriaMetrics, AMP}, s.Kind) {
		c.add("kind", string(s.Kind), "is one of prometheus, thanos, mimir, victoriametrics, amp")
	}
	s.checkURL(&c)
	s.checkBounds(&c)
	s.checkKind(&c)
	if err := s.HTTP.Validate(); err != nil {
		c.add("http", "", strings.ReplaceAll(err.Error(), "&", "and"))
	}
	if strings.ContainsAny(s.Tenant, "\r\n") {
		c.add("tenant", "", "is one line")
	}
	for i, m := range s.Meshes {
		if strings.TrimSpace(m) == "" {
			c.add(fmt.Sprintf("meshes[%d]", i), "", "is the name of a mesh; leave meshes away for all")
		}
	}
	if len(c) == 0 {
		return nil
	}
	err := mesh.Errorf(mesh.Invalid, "metrics source %q", s.Name)
	err.Violations = c
	return err
}

type check []mesh.Violation

func (c *check) add(field, value, rule string) {
	*c = append(*c, mesh.Violation{Field: field, Value: value, Rule: rule})
}

// apiPaths are what people copy from a browser's address bar or from another tool beyond the base URL. A path may hold
// /api/v1 in its middle: that of Kubernetes' proxy does.
func apiPaths() []string {
	return []string{"/api/v1", "/api/v1/query", "/api/v1/query_range", "/api/v1/write", "/api/v1/push", "/graph"}
}

func (s *Source) checkURL(c *check) {
	u, err := url.Parse(strings.TrimSpace(s.URL))
	switch {
	case strings.TrimSpace(s.URL) == "":
		c.add("url", "", "is missing: give what comes before /api/v1, such as http://prometheus:9090")
		return
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		// It may hold a password, and cannot be shown without.
		c.add("url", "", "is not a URL such as http://prometheus:9090 or https://mimir.example.com/prometheus")
		return
	}
	user, query := u.User, u.RawQuery != "" || u.Fragment != "" // in which tokens travel
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	shown := u.String()
	for _, path := range apiPaths() {
		if strings.HasSuffix(u.Path, path) {
			c.add("url", shown, "ends before "+path+": Weir adds the paths of the API itself")
			return
		}
	}
	switch {
	case query:
		c.add("url", shown, "has no ?query and no #fragment; headers go into http.http_headers")
	case user != nil && s.credentials():
		c.add("url", shown, "holds credentials beside those in http: keep one of them")
	default:
		s.URL = shown
		if user != nil {
			password, _ := user.Password()
			s.HTTP.BasicAuth = &config.BasicAuth{Username: user.Username(), Password: config.Secret(password)}
		}
	}
}

// credentials tells whether http holds any.
func (s *Source) credentials() bool {
	h := s.HTTP
	return h.BasicAuth != nil || h.Authorization != nil || h.OAuth2 != nil || h.BearerToken != "" || h.BearerTokenFile != ""
}

func (s *Source) checkBounds(c *check) {
	fill(&s.Interval, model.Duration(DefaultInterval))
	fill(&s.Timeout, model.Duration(DefaultTimeout))
	fill(&s.MaxBytes, DefaultMaxBytes)
	fill(&s.Concurrency, DefaultConcurrency)
	if time.Duration(s.Interval) < minInterval {
		c.add("interval", s.Interval.String(), "is at least 1s")
	}
	if t := time.Duration(s.Timeout); t < 100*time.Millisecond || t > maxTimeout {
		c.add("timeout", s.Timeout.String(), "is from 100ms to 5m")
	}
	if s.MaxBytes < 1<<10 || s.MaxBytes > maxAnswer {
		c.add("maxBytes", strconv.FormatInt(s.MaxBytes, 10), "is from 1024 to 1073741824")
	}
	if s.Concurrency < 1 || s.Concurrency > maxConcurrency {
		c.add("concurrency", strconv.Itoa(s.Concurrency), "is from 1 to 64")
	}
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s *Source) checkKind(c *check) {
	if s.PartialResponse != nil && s.Kind != Thanos {
		c.add("partialResponse", strconv.FormatBool(*s.PartialResponse), "is for kind thanos only")
	}
	switch {
	case s.Kind == AMP && s.SigV4 == nil:
		c.add("sigv4", "", "is missing: Amazon answers signed requests only; give at least sigv4.region")
	case s.SigV4 != nil:
		s.checkSigV4(c)
	}
}

func (s *Source) checkSigV4(c *check) {
	v := s.SigV4
	if v.Region == "" && s.Kind == AMP {
		if u, err := url.Parse(s.URL); err == nil {
			v.Region = ampRegion(u.Hostname())
		}
	}
	if s.credentials() {
		c.add("sigv4", "", "signs the header that the credentials in http or url would be in: keep one of them")
	}
	if v.SecretKey != "" && v.SecretKeyFile != "" {
		c.add("sigv4.secretKeyFile", v.SecretKeyFile, "is given beside secretKey: keep one of them")
	}
	if secret := v.SecretKey != "" || v.SecretKeyFile != ""; secret != (v.AccessKey != "") {
		c.add("sigv4.accessKey", "", "and a secret key come together")
	}
	if v.Profile != "" && v.AccessKey != "" {
		c.add("sigv4.profile", v.Profile, "is given beside accessKey: keep one of them")
	}
	if v.RoleARN != "" && !strings.HasPrefix(v.RoleARN, "arn:") {
		c.add("sigv4.roleArn", v.RoleARN, "begins with arn:")
	}
}
