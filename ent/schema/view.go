package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// View is a way of looking at a mesh's topology that somebody saved under a name, for everybody.
type View struct{ ent.Schema }

// Fields of a view.
func (View) Fields() []ent.Field {
	return []ent.Field{
		field.String("mesh").NotEmpty().Immutable(),
		field.String("name").NotEmpty().Immutable(),
		field.Text("query").Comment("of the page's address: view, focus, hops, hide …"),
		field.Text("author"),
		field.Time("at").Default(time.Now).Comment("when it was saved last"),
	}
}

// Indexes of a view: a name is given once in a mesh.
func (View) Indexes() []ent.Index {
	return []ent.Index{index.Fields("mesh", "name").Unique()}
}
