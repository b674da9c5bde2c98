package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Edit is what one change did to one object.
type Edit struct{ ent.Schema }

// Fields of an edit. The mesh is repeated from its change so that an object's history is found by one index.
func (Edit) Fields() []ent.Field {
	return []ent.Field{
		field.String("change_id").NotEmpty().Immutable(),
		field.Int("position").NonNegative().Immutable().Comment("within the change"),
		field.String("mesh").NotEmpty().Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.Int64("version").Positive().Immutable().Comment("of the object, after"),
		field.JSON("before", json.RawMessage{}).Optional().Immutable().Comment("null: it did not exist"),
		field.JSON("after", json.RawMessage{}).Optional().Immutable().Comment("null: deleted"),
	}
}

// Edges of an edit.
func (Edit) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("change", Change.Type).Ref("edits").Field("change_id").Unique().Required().Immutable(),
	}
}

// Indexes of an edit.
func (Edit) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("change_id", "position").Unique(),
		index.Fields("mesh", "kind", "name", "version").Unique(),
	}
}
