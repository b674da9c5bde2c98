package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Notice tells other replicas that something was written which they keep in memory. It is written in the same
// transaction; the oldest go when there are many.
type Notice struct{ ent.Schema }

// Fields of a notice. Its ID grows in the order in which transactions are committed.
func (Notice) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StorageKey("seq").Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("mesh").Immutable().Comment("empty: it is of no mesh"),
		field.String("subject").Immutable().Comment("ID of what was written"),
		field.Time("at").Default(time.Now).Immutable(),
	}
}
