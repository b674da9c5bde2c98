package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Session is a browser in which somebody is signed in, or is about to.
type Session struct{ ent.Schema }

// Fields of a session. Only the hash of what its cookie holds is kept.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable().Comment("SHA-256 of the cookie's token, in hex"),
		field.String("name").NotEmpty().Comment("by which it is listed and ended"),
		field.String("user").Optional().Comment("empty: nobody is signed in in it yet"),
		field.Bytes("data"),
		field.Time("expiry"),
		field.Time("at").Default(time.Now).Immutable(),
		field.Time("seen").Default(time.Now),
		field.Text("agent").Optional().Comment("the browser, in its own words"),
		field.String("address").Optional().Comment("where it asked from last"),
	}
}

// Indexes of a session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user"), index.Fields("expiry"), index.Fields("name").Unique()}
}
