package xds

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
)

// The secrets of a proxy, which are their files' names too.
const (
	certificateSecret = "certificate" // the proxy's certificate and its key
	authoritySecret   = "authority"   // what Weir's certificate is checked against
)

// maxSecret is the longest file of a secret that is read, in bytes.
const maxSecret = 1 << 20

// Certificates are what a proxy and Weir know each other by, in PEM. In a folder they are two files as Envoy takes secrets from
// a disk: a certificate and its key are one file, so that Envoy never reads one without the other.
type Certificates struct {
	Certificate, Key []byte // the proxy's own
	Authorities      []byte // whose certificates it takes for Weir's
}

// Write replaces what is in a folder, which it makes if need be, for its owner alone. A running Envoy reads it again.
func (c Certificates) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the folder of certificates cannot be made: %w", err)
	}
	// First whom to trust: a certificate of a new authority may be met with the next connection.
	for _, s := range []*tlsv3.Secret{
		{Name: authoritySecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(c.Authorities)}}},
		{Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(c.Certificate), PrivateKey: inline(c.Key),
		}}},
	} {
		packed, err := anypb.New(s)
		if err != nil {
			return fmt.Errorf("write a secret: %w", err)
		}
		text, err := toYAML(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed}})
		if err != nil {
			return err
		}
		if err := writeWhole(secretFile(dir, s.GetName()), text); err != nil {
			return mesh.Errorf(mesh.Unavailable, "the folder of certificates cannot be written: %w", err)
		}
	}
	return nil
}

// ReadCertificates reads what Write wrote. Errors: mesh.NotFound when there is nothing, mesh.Invalid for what is something else.
func ReadCertificates(dir string) (c Certificates, err error) {
	own, err := readSecret(dir, certificateSecret)
	if err != nil {
		return c, err
	}
	trusted, err := readSecret(dir, authoritySecret)
	if err != nil {
		return c, err
	}
	text := func(d *corev3.DataSource) []byte { return []byte(d.GetInlineString()) }
	c = Certificates{
		Certificate: text(own.GetTlsCertificate().GetCertificateChain()), Key: text(own.GetTlsCertificate().GetPrivateKey()),
		Authorities: text(trusted.GetValidationContext().GetTrustedCa()),
	}
	if len(c.Certificate) == 0 || len(c.Key) == 0 {
		return c, mesh.Errorf(mesh.Invalid, "%s holds no certificate with its key: make it anew with weir bootstrap --certificates", secretFile(dir, certificateSecret))
	}
	return c, nil
}

func readSecret(dir, name string) (*tlsv3.Secret, error) {
	file := secretFile(dir, name)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, mesh.Errorf(mesh.NotFound, "there is no %s: weir bootstrap --certificates makes it", file)
	case err == nil && info.Size() > maxSecret:
		return nil, mesh.Errorf(mesh.Invalid, "%s has %d bytes: it cannot be what is meant", file, info.Size())
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "%w", err)
	}
	var response discoveryv3.DiscoveryResponse
	secret := &tlsv3.Secret{}
	if text, err = yaml.YAMLToJSON(text); err == nil {
		err = protojson.Unmarshal(text, &response)
	}
	if err == nil && len(response.GetResources()) == 1 {
		err = response.GetResources()[0].UnmarshalTo(secret)
	}
	if err != nil || secret.GetName() != name {
		return nil, mesh.Errorf(mesh.Invalid, "%s is not what Weir writes there: make it anew with weir bootstrap --certificates", file)
	}
	return secret, nil
}

func secretFile(dir, name string) string { return filepath.Join(dir, name+".yaml") }

// writeWhole writes a file whole or not at all.
func writeWhole(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// secretFrom is a secret that Envoy reads from a folder, and again when its file is replaced.
func secretFrom(dir, name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: &corev3.ConfigSource{
		ResourceApiVersion: corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{
			Path: secretFile(dir, name), WatchedDirectory: &corev3.WatchedDirectory{Path: dir},
		}},
	}}
}

func inline(text []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: string(text)}}
}
