package xds

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/weirmesh/weir/server/mesh"
)

// UnixScheme begins the address of a Unix socket.
const UnixScheme = "unix:"

// place is where Weir is: a host and a port, or the path of a Unix socket.
type place struct {
	host string
	port int
	path string
}

// server reads the address of Weir's xDS.
func (o BootstrapOptions) server() (place, error) {
	if path, ok := strings.CutPrefix(o.XDS, UnixScheme); ok {
		if !filepath.IsAbs(path) || len(path) > maxSocketPath {
			return place{}, mesh.Errorf(mesh.Invalid, "bootstrap: the xDS address %s is not the whole path of a socket in at most %d characters, as in unix:/run/weir/xds.sock",
				shortQuote(o.XDS), maxSocketPath)
		}
		return place{path: path}, nil
	}
	host, text, err := net.SplitHostPort(o.XDS)
	port := 0
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || host == "" || port < 1 || port > 65535 {
		return place{}, mesh.Errorf(mesh.Invalid, "bootstrap: the xDS address %s is not host:port, as in 127.0.0.1:18000", shortQuote(o.XDS))
	}
	if o.Token != "" && !o.encrypted() && !ownHost(host) {
		return place{}, mesh.Errorf(mesh.Invalid,
			"bootstrap: the proxy's token would cross the network in plain text to %s: give what Weir's certificate is checked against with --ca FILE", shortQuote(o.XDS))
	}
	return place{host: host, port: port}, nil
}

// ownHost tells whether a host is the machine itself.
func ownHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// endpoint is the address as Envoy has it.
func (p place) endpoint() *endpointv3.LbEndpoint {
	if p.path == "" {
		return lbEndpoint(p.host, p.port, 0)
	}
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
		Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: p.path}}},
	}}}
}

// discovery is by name only where there is one.
func (p place) discovery() clusterv3.Cluster_DiscoveryType {
	if _, err := netip.ParseAddr(p.host); err == nil || p.path != "" {
		return clusterv3.Cluster_STATIC
	}
	return clusterv3.Cluster_STRICT_DNS
}

// encrypted tells whether Weir is called over TLS.
func (o BootstrapOptions) encrypted() bool { return len(o.CA) > 0 || o.Certificates != "" }

// socket is TLS to Weir; nil for plain text. Weir has to have a certificate of the CA, for its name.
func (o BootstrapOptions) socket(p *packer) (*corev3.TransportSocket, error) {
	if !o.encrypted() {
		if o.ServerName != "" {
			return nil, mesh.Errorf(mesh.Invalid, "bootstrap: a name in Weir's certificate needs --ca FILE, which the certificate is checked against")
		}
		return nil, nil //nolint:nilnil // plain text has no socket of its own
	}
	if o.Certificates != "" && !filepath.IsAbs(o.Certificates) {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: give the whole path of the folder of certificates, not %s", shortQuote(o.Certificates))
	}
	if len(o.CA) > 0 {
		if err := checkCA(o.CA); err != nil {
			return nil, err
		}
	}
	name, err := o.serverName()
	if err != nil {
		return nil, err
	}
	kind, sni := tlsv3.SubjectAltNameMatcher_DNS, name
	if addr, err := netip.ParseAddr(name); err == nil {
		kind, sni, name = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, "", addr.String() // TLS names hosts only
	}
	common := &tlsv3.CommonTlsContext{
		TlsParams:     &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3},
		AlpnProtocols: []string{"h2"},
	}
	o.trust(common, &tlsv3.SubjectAltNameMatcher{
		SanType: kind, Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
	})
	config := p.any(&tlsv3.UpstreamTlsContext{Sni: sni, CommonTlsContext: common})
	return &corev3.TransportSocket{Name: "envoy.transport_sockets.tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: config}}, nil
}

// serverName is the name that Weir's certificate has to be for.
func (o BootstrapOptions) serverName() (string, error) {
	if o.ServerName != "" {
		return o.ServerName, nil
	}
	weirs, err := o.servers("")
	switch {
	case err != nil:
		return "", err
	case len(weirs) > 1:
		return "", mesh.Errorf(mesh.Invalid, "bootstrap: several replicas have one name in their certificates: give it with --server-name")
	case weirs[0].host == "":
		return "", mesh.Errorf(mesh.Invalid, "bootstrap: a Unix socket has no name that a certificate could be for: leave --ca out, or give --server-name")
	}
	return weirs[0].host, nil
}

// trust sets what Weir's certificate has to be, and what the proxy shows itself.
func (o BootstrapOptions) trust(common *tlsv3.CommonTlsContext, name *tlsv3.SubjectAltNameMatcher) {
	if o.Certificates != "" {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{secretFrom(o.Certificates, certificateSecret)}
	}
	check := &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{name}}
	if len(o.CA) > 0 {
		check.TrustedCa = inline(o.CA)
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: check}
		return
	}
	common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
		CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext: check, ValidationContextSdsSecretConfig: secretFrom(o.Certificates, authoritySecret),
		},
	}
}

// checkCA refuses what is no certificate, and a key above all, which would end up in every proxy's file.
func checkCA(text []byte) error {
	found := false
	for rest := bytes.TrimSpace(text); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return mesh.Errorf(mesh.Invalid, "bootstrap: the file of --ca holds a %s beside certificates: give a file of certificates alone", shortQuote(block.Type))
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return mesh.Errorf(mesh.Invalid, "bootstrap: the file of --ca holds a certificate that cannot be read: %w", err)
		}
		found = true
	}
	if !found {
		return mesh.Errorf(mesh.Invalid, "bootstrap: the file of --ca holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")
	}
	return nil
}

// grpcService is a stream to Weir that shows who the proxy is.
func grpcService(token string) *corev3.GrpcService {
	service := &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: controlPlane},
	}}
	if token != "" {
		service.InitialMetadata = []*corev3.HeaderValue{{Key: "authorization", Value: "Bearer " + token}}
	}
	return service
}

// controlPlane is Weir. The keepalive notices a Weir that vanished without closing its connections.
func (p *packer) controlPlane(weirs []place, socket *corev3.TransportSocket) *clusterv3.Cluster {
	options := p.any(&upstreamv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{ConnectionKeepalive: &corev3.KeepaliveSettings{
						Interval: durationpb.New(10 * time.Second), Timeout: durationpb.New(3 * time.Second),
					}},
				},
			},
		},
	})
	c := &clusterv3.Cluster{
		Name:                          controlPlane,
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: weirs[0].discovery()},
		ConnectTimeout:                durationpb.New(time.Second),
		LoadAssignment:                &endpointv3.ClusterLoadAssignment{ClusterName: controlPlane},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptionsName: options},
		TransportSocket:               socket,
	}
	replicate(c, weirs)
	return c
}
