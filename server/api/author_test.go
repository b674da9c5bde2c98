package api

import (
	"testing"

	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// TestAuthors: whoever may be called so may sign so, by the one rule of names.
func TestAuthors(t *testing.T) {
	for given, want := range map[string]string{
		"": "anonymous", "kim": "kim", "Kim Lee": "Kim Lee", "किरण": "किरण", "สมชาย.น้ำ": "สมชาย.น้ำ", "\u110c\u1175\u110b\u1167\u11bc": "지영", "José": "José", "ci+deploy@shop-1": "ci+deploy@shop-1",
	} {
		if got, err := authorOf(given); got != want || err != nil {
			t.Errorf("%q: %q, %v", given, got, err)
		}
		if name, err := people.Name(given); err == nil && name != want {
			t.Errorf("%q signs in as %q and signs as %q", given, name, want)
		}
	}
	for _, bad := range []string{"<img onerror=alert(1)>", "a\x00b", "\u202eevil", "k\u200bim", "k\u20ddim", "a/b", "x\xff", "a\nb", "a\tb", string(make([]rune, 65))} {
		if got, err := authorOf(bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
		if _, err := people.Name(bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q may sign in", bad)
		}
	}
}
