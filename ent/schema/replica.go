package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Replica is one running process of the installation: that it lives, and what it knows of its own proxies, for the others.
type Replica struct{ ent.Schema }

// Fields of a replica. Its ID is new with every start. The time is the database's: whose clock differs is not dead.
func (Replica) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable().Comment("for people: a host and a process"),
		field.String("version").Immutable().Comment("Weir's"),
		field.Time("started").Immutable(),
		field.Time("at").Default(time.Now).Comment("when it last wrote this"),
		field.Int64("state_seq").Default(0).Comment("grows with every state"),
		field.Bytes("state").Optional().Comment("its proxies, their instances, and how far revisions are with them"),
		field.Int64("counts_seq").Default(0).Comment("grows with all counts"),
		field.Bytes("counts").Optional().Comment("what its proxies counted of every edge"),
	}
}

// Indexes of a replica.
func (Replica) Indexes() []ent.Index {
	return []ent.Index{index.Fields("at")}
}
