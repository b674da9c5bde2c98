package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Event is something that happened: a change moved, a rollout decided, a proxy refused, a health verdict turned. The
// oldest go when there are too many.
type Event struct{ ent.Schema }

// Fields of an event. Its ID grows.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").Positive().Immutable(),
		field.String("mesh").Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("subject").Immutable().Comment("what it is about: a reference, a graph ID, a proxy"),
		field.Time("at").Default(time.Now).Immutable(),
		field.JSON("body", json.RawMessage{}).Immutable(),
	}
}

// Indexes of an event.
func (Event) Indexes() []ent.Index {
	return []ent.Index{index.Fields("mesh", "id"), index.Fields("at")}
}
