package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// User is a person who may sign in: with a password, or through an identity provider.
type User struct{ ent.Schema }

// Fields of a user.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Comment("what they sign in with and sign changes with"),
		field.String("folded").NotEmpty().Unique().Comment("the name without case, as it is compared"),
		field.String("password").Optional().Sensitive().Comment("argon2id in PHC's format; empty: signs in elsewhere, or not yet"),
		field.String("issuer").Optional().Immutable().Comment("of the identity provider; empty: a local account"),
		field.String("subject").Optional().Nillable().Comment("who they are to the identity provider"),
		field.JSON("grants", json.RawMessage{}),
		field.Bool("disabled").Default(false),
		field.Time("at").Default(time.Now).Immutable(),
		field.Time("seen").Optional().Nillable().Comment("when they signed in last"),
		field.Int64("version").Positive().Comment("compare-and-set"),
	}
}

// Indexes of a user: who they are to a provider is one person here.
func (User) Indexes() []ent.Index {
	return []ent.Index{index.Fields("issuer", "subject").Unique()}
}
