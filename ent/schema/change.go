package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Change is one entry of the ledger: a revision of a mesh, and who made it when and why.
type Change struct{ ent.Schema }

// Fields of a change. Its ID sorts by time. The fields that are not immutable are its truths and its state.
func (Change) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.String("mesh").NotEmpty().Immutable(),
		field.Int64("revision").Positive().Immutable(),
		field.String("kind").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.JSON("objects", json.RawMessage{}).Immutable().Comment("references to what it touched"),
		field.Text("summary").Immutable(),
		field.Text("author").Immutable(),
		field.Text("reason").Immutable(),
		field.Time("at").Immutable(),
		field.Time("accepted_at").Immutable(),
		field.Text("diff").Immutable(),
		field.String("undoes").Optional().Immutable(),
		field.String("key").Optional().Nillable().Unique().Immutable().Comment("idempotency key"),
		field.JSON("plan", json.RawMessage{}).Optional().Comment("what was forecast, and what was measured of it"),
		field.JSON("breaches", json.RawMessage{}).Optional().Immutable().Comment("guard rails that the override went over"),
		field.Text("override").Optional().Immutable(),
		field.String("rollout").Optional().Immutable(),
		field.String("approved_by").Optional().Immutable().Comment("the second person, where a mesh asks for one"),
		field.String("hash").Optional().Immutable().Comment("of this entry and the hash of the one before it"),
		field.JSON("timeline", json.RawMessage{}).Optional().Comment("when its truths and its state moved, and what the traffic was"),
		field.String("digest").Immutable().Comment("of the proposal, to tell a repeat from another one under the same key"),

		field.Int64("version").Default(1).Comment("grows whenever its truths or its state are replaced"),
		field.String("state").NotEmpty(),
		field.String("undone_by").Optional(),
		field.Time("confirm_by").Optional().Nillable(),
		field.String("confirmed_by").Optional(),
		field.JSON("programmed", json.RawMessage{}).Optional(),
		field.JSON("observed", json.RawMessage{}).Optional(),
	}
}

// Edges of a change.
func (Change) Edges() []ent.Edge {
	return []ent.Edge{edge.To("edits", Edit.Type)}
}

// Indexes of a change. A revision belongs to one change: whoever comes second with the same base is refused by the
// database itself.
func (Change) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("mesh", "revision").Unique(),
		index.Fields("state"),
		index.Fields("rollout"),
	}
}
