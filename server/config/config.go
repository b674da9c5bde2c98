// Package config is the configuration file of `weir serve --config`: one struct, read strictly, every key with a default.
// It decides nothing; what a part does with its settings is said where the part is. Flags go before the file.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/units"
	secret "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v2"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/remote"
	"github.com/weirmesh/weir/server/metrics/scrape"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// Config is everything that can be configured in a file.
type Config struct {
	Listen        string          `yaml:"listen,omitempty"`       // address of the console and the API
	XDSListen     string          `yaml:"xdsListen,omitempty"`    // address of the control plane
	TLS           TLS             `yaml:"tls,omitempty"`          // of the console and the API
	InsecureHTTP  bool            `yaml:"insecureHttp,omitempty"` // the console is served to other machines without TLS
	XDSTLS        XDSTLS          `yaml:"xdsTls,omitempty"`
	MetricsListen string          `yaml:"metricsListen,omitempty"` // address of Weir's own metrics; "off": none
	Data          string          `yaml:"data,omitempty"`          // the data directory
	DatabaseURL   secret.Secret   `yaml:"databaseUrl,omitempty"`   // of a PostgreSQL that replicas share; empty: SQLite in Data
	Name          string          `yaml:"name,omitempty"`          // of this replica
	History       History         `yaml:"history,omitempty"`
	Scrape        []scrape.Job    `yaml:"scrape,omitempty"`
	Sources       []remote.Source `yaml:"sources,omitempty"`
	Webhooks      []Webhook       `yaml:"webhooks,omitempty"`
	Rollouts      Rollouts        `yaml:"rollouts,omitempty"`
	PublicURL     string          `yaml:"publicUrl,omitempty"` // the address that people call the console by
	People        People          `yaml:"people,omitempty"`
	OIDC          *OIDC           `yaml:"oidc,omitempty"` // nil: people sign in with passwords alone
}

// TLS names the files that are served with: a certificate chain and its key, in PEM. Both or neither.
type TLS struct {
	Cert string `yaml:"cert,omitempty"`
	Key  string `yaml:"key,omitempty"`
}

// XDSTLS says how proxies are served over TLS: with files, or with certificates of Weir's own authority.
type XDSTLS struct {
	TLS                 `yaml:",inline"`
	Mode                string `yaml:"mode,omitempty"`                // without files: auto, or on for addresses of this machine, too
	RequireCertificates bool   `yaml:"requireCertificates,omitempty"` // of proxies: a token alone is not enough
}

// History configures the embedded store of metrics.
type History struct {
	Off         bool           `yaml:"off,omitempty"`         // keep nothing; the past is read from sources alone
	Retention   model.Duration `yaml:"retention,omitempty"`   // how long samples are kept: 15d
	MaxSize     Size           `yaml:"maxSize,omitempty"`     // on disk; the oldest goes first: 2GB
	Step        model.Duration `yaml:"step,omitempty"`        // between two samples of a series: 5s
	SeriesLimit int            `yaml:"seriesLimit,omitempty"` // series in memory: 150000
	RollupsOnly bool           `yaml:"rollupsOnly,omitempty"` // do not keep the proxies' own series
}

// Size is a number of bytes, written as in 512MB; a unit is 1024 of the one before, as Prometheus has it.
type Size int64

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	n, err := units.ParseBase2Bytes(text)
	if err != nil || n <= 0 {
		return mesh.Errorf(mesh.Invalid, "size %q: write it as in 512MB or 2GB", text)
	}
	*s = Size(n)
	return nil
}

// MarshalYAML writes a size.
func (s Size) MarshalYAML() (any, error) { return units.Base2Bytes(s).String(), nil }

// The limits of what a history may be asked to be.
const (
	minRetention = time.Hour
	minStep      = time.Second
	maxStep      = time.Minute
	minSize      = 64 << 20
)

// Load reads and checks a file. Its errors name the file, the line or key, and what to do.
func Load(path string) (Config, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Config{}, mesh.Errorf(mesh.Invalid, "configuration file %s does not exist: give another with --config, or leave it out", path)
	case err == nil && info.IsDir():
		return Config{}, mesh.Errorf(mesh.Invalid, "configuration file %s is a folder: give a file with --config", path)
	case err == nil && info.Size() > maxFile:
		return Config{}, mesh.Errorf(mesh.Invalid, "configuration file %s has %d bytes, more than %d: it cannot be one", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return Config{}, mesh.Errorf(mesh.Invalid, "configuration file %s cannot be read: %w", path, err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, mesh.Errorf(mesh.Invalid, "configuration file %s: %w", path, err)
	}
	c.setDirectory(filepath.Dir(path))
	return c, nil
}

// Parse reads and checks a configuration. An empty one is all defaults.
func Parse(data []byte) (Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "in type config.Config", "in the configuration")
		return Config{}, mesh.Errorf(mesh.Invalid, "%s", strings.TrimPrefix(text, "unmarshal errors: "))
	}
	return c, c.Check()
}

func (c *Config) setDirectory(dir string) {
	c.People.setDirectory(dir)
	for _, file := range []*string{&c.TLS.Cert, &c.TLS.Key, &c.XDSTLS.Cert, &c.XDSTLS.Key} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
	c.OIDC.setDirectory(dir)
	for i := range c.Sources {
		c.Sources[i].SetDirectory(dir)
	}
	for i := range c.Scrape {
		c.Scrape[i].HTTP.SetDirectory(dir)
		for k, file := range c.Scrape[i].Files {
			if !filepath.IsAbs(file) {
				c.Scrape[i].Files[k] = filepath.Join(dir, file)
			}
		}
	}
}

// Check names what cannot be, and what can.
func (c *Config) Check() error {
	if err := c.History.check(); err != nil {
		return err
	}
	for key, files := range map[string]TLS{"tls": c.TLS, "xdsTls": c.XDSTLS.TLS} {
		if (files.Cert == "") != (files.Key == "") {
			return mesh.Errorf(mesh.Invalid, "%s: give both cert, the certificate chain, and key, its key", key)
		}
	}
	if err := c.People.check(); err != nil {
		return err
	}
	if err := c.checkProvider(); err != nil {
		return err
	}
	names := make(map[string]string)
	taken := func(what, name string) error {
		if before, again := names[name]; again {
			return mesh.Errorf(mesh.Invalid, "%s %q: there is a %s of that name already: give each its own", what, name, before)
		}
		names[name] = what
		return nil
	}
	for i := range c.Sources {
		if err := c.Sources[i].Validate(); err != nil {
			return err
		}
		if err := taken("source", c.Sources[i].Name); err != nil {
			return err
		}
	}
	for i := range c.Scrape {
		if err := c.Scrape[i].Check(); err != nil {
			return err
		}
		if err := taken("scrape job", c.Scrape[i].Name); err != nil {
			return err
		}
	}
	for _, w := range c.Webhooks {
		if err := w.check(); err != nil {
			return err
		}
		if err := taken("webhook", w.Name); err != nil {
			return err
		}
	}
	return nil
}

func (h History) check() error {
	retention, step := time.Duration(h.Retention), time.Duration(h.Step)
	switch {
	case retention != 0 && retention < minRetention:
		return mesh.Errorf(mesh.Invalid, "history.retention %s: at least %s, or history.off: true", h.Retention, model.Duration(minRetention))
	case step != 0 && (step < minStep || step > maxStep):
		return mesh.Errorf(mesh.Invalid, "history.step %s: from %s to %s", h.Step, model.Duration(minStep), model.Duration(maxStep))
	case step%time.Second != 0:
		return mesh.Errorf(mesh.Invalid, "history.step %s: whole seconds, such as %s", h.Step, model.Duration(step.Truncate(time.Second)))
	case h.MaxSize != 0 && h.MaxSize < minSize:
		return mesh.Errorf(mesh.Invalid, "history.maxSize %s: at least %s", units.Base2Bytes(h.MaxSize), units.Base2Bytes(minSize))
	case h.SeriesLimit < 0 || h.SeriesLimit > 0 && h.SeriesLimit < 1000:
		return mesh.Errorf(mesh.Invalid, "history.seriesLimit %d: at least 1000", h.SeriesLimit)
	}
	return nil
}

// String writes the configuration as a file has it, without secrets.
func (c Config) String() string {
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Sprintf("# cannot be written: %v\n", err)
	}
	return string(text)
}
