package people_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// TestSignInsAreLogged: who came in, who did not and who left, when and how, without a password or a token.
func TestSignInsAreLogged(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	b := &browser{t: t, of: w.People}
	b.signIn("kim")
	token := b.cookie
	_, err := w.Directory.SignIn(b.ask(), "kim", other)
	wants(t, err, mesh.Unauthenticated)
	b.keep(w.Sessions.End(b.ask()))
	text := w.log.String()
	for _, want := range []string{"event=sign_in ", "event=sign_in_failed ", "event=sign_out "} {
		line := regexp.MustCompile(`(?m)^time=\S+(Z|[+-]\d\d:\d\d) .*` + want + `.*who=kim\b.*$`).FindString(text)
		if !strings.Contains(line, "log=security") {
			t.Errorf("no line of %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, good) || strings.Contains(text, other) || strings.Contains(text, token) {
		t.Errorf("a secret is in the log:\n%s", text)
	}
}
