package config

import (
	"net/netip"
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
	// TrustedProxies are proxies in front of the console, by address or network: what they say in X-Forwarded-For and
	// X-Forwarded-Proto is believed, and nobody else's word. None by default.
	TrustedProxies []string `yaml:"trustedProxies,omitempty"`
}

// Trusted gives the trusted proxies as networks. Error: mesh.Invalid.
func (p People) Trusted() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range p.TrustedProxies {
		network, err := netip.ParsePrefix(s)
		if err != nil {
			address, bad := netip.ParseAddr(s)
			if bad != nil {
				return nil, mesh.Errorf(mesh.Invalid, "people.trustedProxies %q: an address or a network, as in 127.0.0.1 or 10.0.0.0/8", mesh.Shorten(s))
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		list = append(list, network.Masked())
	}
	return list, nil
}

// The limits of what sessions may be asked to be.
const (
	minIdle     = 5 * time.Minute
	maxLifetime = 30 * 24 * time.Hour
)

func (p People) check() error {
	if _, err := p.Trusted(); err != nil {
		return err
	}
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
