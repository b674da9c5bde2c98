package definition_test

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

func TestSetVersion(t *testing.T) {
	route := mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}
	const fields = "kind: route\nrouter: reviews\nname: primary\n"
	for name, each := range map[string][2]string{
		"first":         {"version: 5\n" + fields, "version: 12\n" + fields},
		"a comment":     {fields + "version: 5 # 지영\n", fields + "version: 12 # 지영\n"},
		"json":          {`{"kind":"route","이름":"나","router":"reviews","name":"primary","version": 5}`, `{"kind":"route","이름":"나","router":"reviews","name":"primary","version": 12}`},
		"none":          {fields, fields},
		"another's":     {strings.Replace(fields, "primary", "other", 1) + "version: 5\n", strings.Replace(fields, "primary", "other", 1) + "version: 5\n"},
		"the second":    {"kind: node\nname: a\nversion: 3\n---\nversion: 5\n" + fields, "kind: node\nname: a\nversion: 3\n---\nversion: 12\n" + fields},
		"quoted":        {fields + "version: \"5\"\n", fields + "version: \"5\"\n"},
		"windows' ends": {"version: 5\r\nkind: route\r\nrouter: reviews\r\nname: primary\r\n", "version: 12\r\nkind: route\r\nrouter: reviews\r\nname: primary\r\n"},
		"no definition": {"version: [\n", "version: [\n"},
	} {
		if got := definition.SetVersion(each[0], route, 12); got != each[1] {
			t.Errorf("%s: %q became %q, want %q", name, each[0], got, each[1])
		}
	}
}
