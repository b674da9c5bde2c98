package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Lease says which of several replicas does what only one may do. Its epoch grows whenever it changes hands, so that what
// an earlier holder still writes can be told from what the present one does.
type Lease struct{ ent.Schema }

// Fields of a lease. Its ID is its name.
func (Lease) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("name").NotEmpty().Immutable(),
		field.String("holder").Comment("who has it, or had it last"),
		field.Int64("epoch").Positive(),
		field.Time("until").Comment("by the database's clock"),
	}
}
