package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// trusting is TLS to a server whose certificate is of certain authorities, in PEM; of those that this machine trusts when none
// is given.
func trusting(ca []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) == 0 {
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(ca) {
		return nil, mesh.Errorf(mesh.Invalid, "the file of --ca or WEIR_CA holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")
	}
	return config, nil
}

// distrust says in words why TLS to the server did not come about; nil for what has another reason.
func (c *Client) distrust(err error) error {
	_, stranger := errors.AsType[x509.UnknownAuthorityError](err)
	other, named := errors.AsType[x509.HostnameError](err)
	ended, invalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case stranger:
		return mesh.Errorf(mesh.Unavailable, "the certificate of %s is of an authority that is not trusted here: give the file of that authority with --ca or WEIR_CA", c.base)
	case named:
		return mesh.Errorf(mesh.Unavailable, "the certificate of %s is for other names (%s): call Weir by one of them with --url or WEIR_URL", c.base, names(other.Certificate))
	case invalid && ended.Reason == x509.Expired:
		return mesh.Errorf(mesh.Unavailable, "the certificate of %s is good from %s to %s, and not now: renew it, or set the clocks", c.base, ended.Cert.NotBefore.UTC(), ended.Cert.NotAfter.UTC())
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return mesh.Errorf(mesh.Invalid, "%s is served without TLS: write it as http://%s", c.base, c.base.Host)
	}
	return nil
}

// names are those that a certificate is for.
func names(cert *x509.Certificate) string {
	list := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list[:min(len(list), 5)], ", ")
}
