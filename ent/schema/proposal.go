package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Proposal is a change that waits for a second person: nothing of it is in effect.
type Proposal struct{ ent.Schema }

// Fields of a proposal. Its ID sorts by time.
func (Proposal) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.String("mesh").NotEmpty().Immutable(),
		field.String("author").Immutable(),
		field.String("person").Immutable().Comment("the identity behind the author: nobody approves their own"),
		field.Text("reason").Optional().Immutable(),
		field.Text("summary").Immutable(),
		field.Text("diff").Immutable(),
		field.JSON("patch", json.RawMessage{}).Immutable().Comment("the whole proposal, as the door takes it"),
		field.Time("at").Default(time.Now).Immutable(),
		field.Time("expires").Immutable(),
		field.String("state").NotEmpty().Comment("waiting, approved, declined, withdrawn, expired"),
		field.String("decided_by").Optional(),
		field.Text("note").Optional().Comment("why it was declined"),
		field.Time("decided_at").Optional().Nillable(),
		field.String("change").Optional().Comment("the ledger entry that it became"),
	}
}

// Indexes of a proposal.
func (Proposal) Indexes() []ent.Index {
	return []ent.Index{index.Fields("mesh", "state")}
}
