package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Draft is an edit that somebody has begun and not applied: what their form holds, kept so that a closed tab or a session
// that ends loses nothing. It is not part of the ledger and changes no mesh.
type Draft struct{ ent.Schema }

// Fields of a draft. The version is the object's that the edit began from.
func (Draft) Fields() []ent.Field {
	return []ent.Field{
		field.String("mesh").NotEmpty().Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.String("form").NotEmpty().Immutable().Comment("which form of the object: traffic, pool, timeout …"),
		field.String("person").NotEmpty().Immutable().Comment("tells people apart; never shown"),
		field.Text("author").Comment("the person's name as others see it"),
		field.Int64("version").NonNegative(),
		field.JSON("fields", json.RawMessage{}).Comment("the form's fields by name, a list of values each"),
		field.Time("at").Default(time.Now).Comment("when it was saved last"),
		field.Time("begun").Optional().Nillable().Immutable().Comment("when it was saved first; absent with drafts from before this was kept"),
	}
}

// Indexes of a draft: one per person, object and form.
func (Draft) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("mesh", "kind", "name", "form", "person").Unique(),
		index.Fields("at"),
	}
}
