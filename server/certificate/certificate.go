// Package certificate serves a certificate chain and its key from two files in PEM that somebody else renews: files that
// change are read again with the next connections, and while they are not a pair, the last one is served.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// lookAgain is how often at most it is looked whether the files of a certificate changed.
const lookAgain = time.Second

// Files says where a certificate is, and in whose words its errors are.
type Files struct {
	What              string // whose certificate it is, "the console"
	CertFlag, KeyFlag string // the flags that name the files, "--tls-cert"
	Cert, Key         string // the files: a certificate chain and its key, in PEM
	Logger            *slog.Logger
}

// Pair is a certificate that is read again when its files change. It may be used by many goroutines.
type Pair struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex
	cert   *tls.Certificate
	read   [2]stamp  // what the files were like
	looked time.Time // last
}

// stamp is what tells that a file changed: a link that points elsewhere now is another file.
type stamp struct {
	at   time.Time
	size int64
}

// Load reads a certificate for the first time. Error: mesh.Invalid, with the files.
func Load(f Files) (*Pair, error) {
	if f.Cert == "" || f.Key == "" {
		return nil, mesh.Errorf(mesh.Invalid, "give both files of the certificate of %s: %s CHAIN.pem and %s KEY.pem", f.What, f.CertFlag, f.KeyFlag)
	}
	p := &Pair{files: f, log: f.Logger}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Config is TLS 1.2 and newer with the certificate, and the protocols that are spoken over it, the preferred one first
// ("h2", "http/1.1").
func (p *Pair) Config(protocols ...string) *tls.Config { return Config(p.Certificate, protocols...) }

// Config is TLS 1.2 and newer with a certificate that may be another for each connection. The suites are those that Go takes
// by itself, without those that keep no forward secrecy.
func Config(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, GetCertificate: certificate}
}

// Certificate gives the newest certificate, as tls.Config.GetCertificate asks for it.
func (p *Pair) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= lookAgain {
		p.looked = now
		if stamps := p.stamps(); stamps != p.read {
			if err := p.load(); err != nil {
				p.read = stamps // say it once
				p.log.Error("a new certificate cannot be used; the last one is served", "of", p.files.What, "err", err)
			} else {
				p.log.Info("a certificate was read again", "of", p.files.What, "until", p.cert.Leaf.NotAfter)
			}
		}
	}
	return p.cert, nil
}

// load reads the files. The lock is held, but for the first time.
func (p *Pair) load() error {
	stamps := p.stamps()
	cert, err := tls.LoadX509KeyPair(p.files.Cert, p.files.Key)
	if err == nil && cert.Leaf == nil {
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "%s %s and %s %s are not a certificate and its key: %w", p.files.CertFlag, p.files.Cert, p.files.KeyFlag, p.files.Key, err)
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) {
		// Whoever keeps a connection is better off than without any Weir.
		p.log.Warn("a certificate has expired: nobody will connect", "of", p.files.What, "file", p.files.Cert, "until", cert.Leaf.NotAfter)
	}
	p.cert, p.read = &cert, stamps
	return nil
}

func (p *Pair) stamps() (out [2]stamp) {
	for i, file := range []string{p.files.Cert, p.files.Key} {
		if info, err := os.Stat(file); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}
