package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Rollout is one canary rollout: what was asked for, and how far it is. Its evidence is kept so that a Weir that restarts
// goes on at the same step with the same doubts.
type Rollout struct{ ent.Schema }

// Fields of a rollout. Its ID sorts by time.
func (Rollout) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.String("mesh").NotEmpty().Immutable(),
		field.String("target").NotEmpty().Immutable().Comment("the route or split that it moves, as kind/name"),
		field.String("active").Optional().Nillable().Unique().Comment("mesh and target while it is under way: there is one at a time"),
		field.String("author").Immutable(),
		field.Text("reason").Optional().Immutable(),
		field.Time("at").Default(time.Now).Immutable(),
		field.JSON("spec", json.RawMessage{}),
		field.String("phase").NotEmpty(),
		field.JSON("status", json.RawMessage{}).Comment("step, verdicts, why, when"),
		field.JSON("evidence", json.RawMessage{}).Optional().Comment("of the judge, restored exactly"),
		field.Int64("version").Positive().Comment("compare-and-set"),
	}
}

// Indexes of a rollout.
func (Rollout) Indexes() []ent.Index {
	return []ent.Index{index.Fields("mesh", "target"), index.Fields("phase")}
}
