package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
)

// TestTextIsNotSQL keeps, and asks for, what would be SQL if it were ever put into a statement.
func TestTextIsNotSQL(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		for _, text := range []string{"' OR '1'='1", "'; DROP TABLE changes; --", `" OR ""="`, `\' OR 1=1 --`, "m' /*", "$1", "?", "%", "_"} {
			view := desk.View{Mesh: text, Name: text, Query: "view=table", Author: text, At: noon}
			if err := s.SaveView(t.Context(), view); err != nil {
				t.Fatal(err)
			}
			views, err := s.Views(t.Context(), text)
			if diff := cmp.Diff([]desk.View{view}, views); diff != "" || err != nil {
				t.Errorf("%q: %v, %s", text, err, diff)
			}
			for _, q := range []change.Query{
				{Mesh: text}, {ID: text}, {Key: text}, {State: change.State(text)}, {Object: mesh.Ref{Kind: mesh.KindNode, Name: text}},
			} {
				if found, err := s.Records(t.Context(), q); err != nil || len(found) != 0 {
					t.Errorf("%+v: %d changes, %v", q, len(found), err)
				}
			}
		}
		if all, err := s.Records(t.Context(), change.Query{}); err != nil || len(all) != 1 {
			t.Errorf("%d changes are left, %v", len(all), err)
		}
	})
}
