package config

import (
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
)

// People configures sign-in.
type People struct {
	// KeyFile holds the key that seals access keys: 64 hexadecimal digits, made if there is no such file. Replicas are given
	// the same; without it the data directory has one.
	KeyFile string `yaml:"keyFile,omitempty"`
	// Idle ends a session that is not used for so long: 30m.
	Idle model.Duration `yaml:"idle,omitempty"`
	// Lifetime ends a session however much it is used: 12h.
	Lifetime model.Duration `yaml:"lifetime,omitempty"`
}

// The limits of what sessions may be asked to be.
const (
	minIdle     = 5 * time.Minute
	maxLifetime = 30 * 24 * time.Hour
)

func (p People) check() error {
	idle, lifetime := time.Duration(p.Idle), time.Duration(p.Lifetime)
	switch {
	case idle != 0 && (idle < minIdle || idle > maxLifetime):
		return mesh.Errorf(mesh.Invalid, "people.idle %s: from %s to %s", p.Idle, model.Duration(minIdle), model.Duration(maxLifetime))
	case lifetime != 0 && (lifetime < minIdle || lifetime > maxLifetime):
		return mesh.Errorf(mesh.Invalid, "people.lifetime %s: from %s to %s", p.Lifetime, model.Duration(minIdle), model.Duration(maxLifetime))
	case lifetime != 0 && idle > lifetime:
		return mesh.Errorf(mesh.Invalid, "people.idle %s: no longer than people.lifetime, which is %s", p.Idle, p.Lifetime)
	}
	return nil
}

// setDirectory makes the key file relative to the configuration's.
func (p *People) setDirectory(dir string) {
	if p.KeyFile != "" && !filepath.IsAbs(p.KeyFile) {
		p.KeyFile = filepath.Join(dir, p.KeyFile)
	}
}
