package xds

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/provider"
)

// redacted stands where a secret was.
const redacted = "(left out: secret)"

// secretFields are the names under which Envoy's configuration carries secrets: those that its own description marks
// as sensitive (udpa.annotations.sensitive in tls/v3/common.proto and secret.proto).
func secretFields() []string {
	return []string{"privateKey", "privateKeyProvider", "password", "pkcs12", "sessionTicketKeys", "genericSecret"}
}

// rawText is a resource as JSON, its secrets left out and its fields sorted; nil for no resource. One that cannot be
// read says so.
func rawText(body *anypb.Any) json.RawMessage {
	if body == nil {
		return nil
	}
	m, err := body.UnmarshalNew()
	if err != nil {
		return unreadable(body)
	}
	data, err := protojson.Marshal(m)
	if err != nil {
		return unreadable(body)
	}
	var tree any
	if json.Unmarshal(data, &tree) != nil {
		return unreadable(body)
	}
	out, err := json.Marshal(withoutSecrets(tree))
	if err != nil {
		return unreadable(body)
	}
	return out
}

func unreadable(body *anypb.Any) json.RawMessage {
	out, err := json.Marshal(map[string]string{"@type": body.GetTypeUrl(), "unreadable": "this resource cannot be written as JSON"})
	if err != nil {
		return nil
	}
	return out
}

// withoutSecrets replaces the values of secret fields, however deep.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if slices.Contains(secretFields(), name) {
				v[name] = redacted
				continue
			}
			v[name] = withoutSecrets(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = withoutSecrets(inner)
		}
	}
	return v
}

// certificatesIn lists what a resource refers to; none when it speaks plain text, or cannot be read.
func certificatesIn(body *anypb.Any) []provider.Certificate {
	if body == nil {
		return nil
	}
	m, err := body.UnmarshalNew()
	if err != nil {
		return nil
	}
	var list []provider.Certificate
	findCertificates(m.ProtoReflect(), &list)
	return list
}

// findCertificates looks through every message inside a message, the packed ones too.
func findCertificates(m protoreflect.Message, list *[]provider.Certificate) {
	switch message := m.Interface().(type) {
	case *anypb.Any:
		if inner, err := message.UnmarshalNew(); err == nil {
			findCertificates(inner.ProtoReflect(), list)
		}
		return
	case *tlsv3.TlsCertificate:
		*list = append(*list, certificate("own", message.GetCertificateChain()))
		return
	case *tlsv3.CertificateValidationContext:
		if ca := message.GetTrustedCa(); ca != nil {
			*list = append(*list, certificate("trusted", ca))
		}
		return
	case *tlsv3.SdsSecretConfig:
		*list = append(*list, provider.Certificate{Use: "own", Source: "secret", Name: message.GetName()})
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		first := len(*list)
		switch {
		case field.Message() == nil || field.IsMap() && field.MapValue().Message() == nil:
		case field.IsMap():
			value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				findCertificates(v.Message(), list)
				return true
			})
		case field.IsList():
			for i := range value.List().Len() {
				findCertificates(value.List().Get(i).Message(), list)
			}
		default:
			findCertificates(value.Message(), list)
		}
		if field.Name() == "validation_context_sds_secret_config" {
			for i := range (*list)[first:] {
				(*list)[first+i].Use = "trusted"
			}
		}
		return true
	})
}

// certificate says what is known of a certificate: all of one that is in the resource, only the place of another.
func certificate(use string, from *corev3.DataSource) provider.Certificate {
	c := provider.Certificate{Use: use, Source: "inline"}
	data := from.GetInlineBytes()
	switch {
	case from.GetFilename() != "":
		c.Source, c.Name = "file", from.GetFilename()
		return c
	case from.GetEnvironmentVariable() != "":
		c.Source, c.Name = "file", "$"+from.GetEnvironmentVariable()
		return c
	case from.GetInlineString() != "":
		data = []byte(from.GetInlineString())
	}
	block, _ := pem.Decode(data)
	if block == nil {
		c.Problem = "it is not PEM"
		return c
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		c.Problem = "it cannot be read: " + err.Error()
		return c
	}
	c.Subject, c.NotAfter = parsed.Subject.String(), parsed.NotAfter.UTC()
	c.Names = slices.Clone(parsed.DNSNames)
	for _, u := range parsed.URIs {
		c.Names = append(c.Names, u.String())
	}
	for _, ip := range parsed.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	return c
}
