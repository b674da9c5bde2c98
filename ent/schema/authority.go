package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Authority is a key that signs proxies' certificates. All replicas sign with the oldest that lasts for a month, and trust all.
type Authority struct{ ent.Schema }

// Fields of an authority. Its ID is the certificate's serial number in hexadecimal.
func (Authority) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.Bytes("certificate").NotEmpty().Immutable().Comment("DER"),
		field.Bytes("key").NotEmpty().Immutable().Sensitive().Comment("PKCS #8, sealed with the installation's key"),
		field.Time("not_after").Immutable(),
		field.Time("at").Default(time.Now).Immutable(),
	}
}
