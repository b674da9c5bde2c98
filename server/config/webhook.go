package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	secret "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/webhook"
)

// Webhook is an address that is told of events.
type Webhook struct {
	Name    string         `yaml:"name"`
	URL     string         `yaml:"url"`
	Kinds   []journal.Kind `yaml:"kinds,omitempty"`   // which events; all
	Meshes  []string       `yaml:"meshes,omitempty"`  // of which meshes; all
	Secret  secret.Secret  `yaml:"secret,omitempty"`  // signs what is told
	Timeout model.Duration `yaml:"timeout,omitempty"` // of one attempt: 10s
	Retries int            `yaml:"retries,omitempty"` // attempts after the first, at once
}

// Rollouts says what the webhooks may do that people give to canary rollouts.
type Rollouts struct {
	// Loopback lets them call addresses of this machine. Without it nobody who starts a rollout reaches what listens here.
	Loopback bool          `yaml:"loopback,omitempty"`
	Secret   secret.Secret `yaml:"secret,omitempty"` // signs what they are told
}

func (w Webhook) check() error {
	if strings.TrimSpace(w.Name) == "" {
		return mesh.Errorf(mesh.Invalid, "a webhook has no name: give each one, for messages and weir doctor")
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return mesh.Errorf(mesh.Invalid, "webhook %q: its url does not begin with http:// or https:// and a host", w.Name)
	}
	for _, k := range w.Kinds {
		if !slices.Contains(journal.Kinds(), k) {
			return mesh.Errorf(mesh.Invalid, "webhook %q: there is no kind of events %q: there is %s", w.Name, mesh.Shorten(string(k)), kinds())
		}
	}
	if t := time.Duration(w.Timeout); t < 0 || t > webhook.MaxTimeout {
		return mesh.Errorf(mesh.Invalid, "webhook %q: timeout %s: at most %s", w.Name, w.Timeout, model.Duration(webhook.MaxTimeout))
	}
	if w.Retries < 0 || w.Retries > webhook.MaxRetries {
		return mesh.Errorf(mesh.Invalid, "webhook %q: retries %d: from 0 to %d", w.Name, w.Retries, webhook.MaxRetries)
	}
	return nil
}

func kinds() string {
	words := make([]string, len(journal.Kinds()))
	for i, k := range journal.Kinds() {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}
