package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Object is the newest state of one configured object. A deleted object keeps its row without a body, so that its
// version keeps growing and a stale version can never match again.
type Object struct{ ent.Schema }

// Fields of an object.
func (Object) Fields() []ent.Field {
	return []ent.Field{
		field.String("mesh").NotEmpty().Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.Int64("version").Positive(),
		field.String("change").NotEmpty().Comment("ID of the change that set this version"),
		field.JSON("body", json.RawMessage{}).Optional().Comment("null: deleted"),
	}
}

// Indexes of an object.
func (Object) Indexes() []ent.Index {
	return []ent.Index{index.Fields("mesh", "kind", "name").Unique()}
}
