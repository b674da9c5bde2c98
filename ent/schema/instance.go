package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Instance is one place where a virtual node was last reached, kept so that a Weir that restarts knows the endpoints
// before the proxies have come back to it.
type Instance struct{ ent.Schema }

// Fields of an instance.
func (Instance) Fields() []ent.Field {
	return []ent.Field{
		field.String("replica").Default("").Immutable().Comment("the name of the replica that its proxy was connected to"),
		field.String("mesh").NotEmpty().Immutable(),
		field.String("node").NotEmpty().Immutable(),
		field.String("instance").NotEmpty().Immutable().Comment("tells instances of the node apart"),
		field.String("address").NotEmpty(),
		field.JSON("ports", map[int]int{}).Comment("mesh listener port to port at the address"),
		field.Time("seen").Default(time.Now).Comment("when it was saved"),
	}
}

// Indexes of an instance.
func (Instance) Indexes() []ent.Index {
	return []ent.Index{index.Fields("replica", "mesh", "node", "instance").Unique()}
}
