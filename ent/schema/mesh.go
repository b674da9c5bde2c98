package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Mesh is one mesh and its newest revision. A mesh that was deleted keeps its row, so that revisions keep growing if
// it is created again.
type Mesh struct{ ent.Schema }

// Fields of a mesh. Its ID is its name.
func (Mesh) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("name").NotEmpty().Immutable(),
		field.Int64("revision").Positive(),
	}
}
