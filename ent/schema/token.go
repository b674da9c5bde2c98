package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Token is a secret that Weir gave out: an API token, a proxy's credential, a one-use link to set Weir up or to choose a
// password, an App Mesh access key.
type Token struct{ ent.Schema }

// Fields of a token. Only the hash of its secret is kept, except an access key's: what it signs is checked with the
// secret itself, which is sealed.
func (Token) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable().Comment("the public half"),
		field.String("kind").NotEmpty().Immutable().Comment("api, proxy, setup, invite, key"),
		field.Bytes("hash").Sensitive().Immutable().Comment("SHA-256 of the secret half"),
		field.Bytes("sealed").Optional().Sensitive().Immutable().Comment("an access key's secret, encrypted"),
		field.String("name").Optional().Immutable().Comment("what it is for, in its owner's words"),
		field.String("user").Optional().Immutable().Comment("whose it is, or whom the link is for"),
		field.JSON("grants", json.RawMessage{}).Optional().Immutable().Comment("what it is narrowed to"),
		field.String("mesh").Optional().Immutable().Comment("of a proxy"),
		field.String("node").Optional().Immutable().Comment("of a proxy: the virtual node or gateway that it may be"),
		field.Time("at").Default(time.Now).Immutable(),
		field.Time("expires").Optional().Nillable().Immutable(),
		field.Time("used").Optional().Nillable().Comment("last, to the minute; of a one-use link: when it was used"),
		field.Time("revoked").Optional().Nillable(),
		field.String("revoked_by").Optional(),
	}
}

// Indexes of a token.
func (Token) Indexes() []ent.Index {
	return []ent.Index{index.Fields("kind", "user"), index.Fields("mesh", "node")}
}
