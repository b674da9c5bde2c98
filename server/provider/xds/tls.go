package xds

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

// ServerTLS makes what proxies are served with from the files of a certificate chain and its key, both in PEM. Files that
// change are read again with the next connections; while they are not a pair, the last one is served. Error: mesh.Invalid,
// with the file.
func ServerTLS(certFile, keyFile string, logger *slog.Logger) (*tls.Config, error) {
	if certFile == "" || keyFile == "" {
		return nil, mesh.Errorf(mesh.Invalid, "give both files of the control plane's certificate: --xds-tls-cert CHAIN.pem and --xds-tls-key KEY.pem")
	}
	p := &pair{certFile: certFile, keyFile: keyFile, log: logger}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if err := p.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, GetCertificate: p.certificate}, nil
}

// pair is a certificate that is read again when its files change.
type pair struct {
	certFile, keyFile string
	log               *slog.Logger

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

func (p *pair) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= lookAgain {
		p.looked = now
		if stamps := p.stamps(); stamps != p.read {
			if err := p.load(); err != nil {
				p.read = stamps // say it once
				p.log.Error("the control plane's new certificate cannot be used; the last one is served", "err", err)
			} else {
				p.log.Info("the control plane's certificate was read again", "until", p.cert.Leaf.NotAfter)
			}
		}
	}
	return p.cert, nil
}

// load reads the files. The lock is held, but for the first time.
func (p *pair) load() error {
	stamps := p.stamps()
	cert, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err == nil && cert.Leaf == nil {
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "--xds-tls-cert %s and --xds-tls-key %s are not a certificate and its key: %w", p.certFile, p.keyFile, err)
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) {
		// Proxies that keep their connection are better off than without any Weir.
		p.log.Warn("the control plane's certificate has expired: proxies will not connect", "file", p.certFile, "until", cert.Leaf.NotAfter)
	}
	p.cert, p.read = &cert, stamps
	return nil
}

func (p *pair) stamps() (out [2]stamp) {
	for i, file := range []string{p.certFile, p.keyFile} {
		if info, err := os.Stat(file); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}
