package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	to := b.begin(t, "/meshes/shop?tab=routes")
	planted := b.cookie
	query := must(url.Parse(to)).Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": public + oidc.CallbackPath, "code_challenge_method": "S256", "scope": "openid profile email groups",
	} {
		if query.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, query.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(query.Get(name)) != 43 { // 256 bits
			t.Errorf("%s %q", name, query.Get(name))
		}
	}
	who, next, err := b.finish(t, b.login(t, to, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	if who.Name != "ada" || who.Issuer != w.op.issuer || who.Subject != "id-ada" || !who.Manages() || next != "/meshes/shop?tab=routes" {
		t.Errorf("%+v goes to %s", who, next)
	}
	if b.name(t) != "ada" || b.cookie == planted {
		t.Errorf("%s is signed in by %v, planted was %v", b.name(t), b.cookie, planted)
	}
	if w.op.count("/userinfo") != 0 {
		t.Error("userinfo was asked though the ID token says everything")
	}
	if !w.recorded(people.SignIn, w.op.issuer) {
		t.Error("the security log does not know")
	}
	if strings.Contains(w.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestUserinfoIsAskedForGroups(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() { w.op.inToken = false })
	who, _, err := w.browser(t).signIn(t, "grace", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := words(who.Grants); got != "operator@shop viewer" || who.Name != "grace" || w.op.count("/userinfo") != 1 {
		t.Errorf("%s may %s, userinfo was asked %d times", who.Name, got, w.op.count("/userinfo"))
	}
	w.op.set(func() { w.op.info = func(more map[string]any) { more["sub"] = "id-ada" } })
	b := w.browser(t)
	_, _, err = b.signIn(t, "grace", "")
	b.refused(t, err, mesh.Unauthenticated, "does not prove who you are")
	w.op.set(func() { w.op.broken["/userinfo"] = http.StatusBadGateway })
	_, _, err = b.signIn(t, "grace", "")
	b.refused(t, err, mesh.Unavailable, "does not answer as it should")
}

func words(grants []auth.Grant) string {
	list := make([]string, len(grants))
	for i, g := range grants {
		list[i] = g.String()
	}
	return strings.Join(list, " ")
}

// TestGroupsFollow: what somebody may do is what the provider says at their last sign-in.
func TestGroupsFollow(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	first, _, err := b.signIn(t, "ada", "")
	if err != nil {
		t.Fatal(err)
	}
	w.op.set(func() { w.op.groups["id-ada"] = []string{"shop-team"} })
	second, _, err := w.browser(t).signIn(t, "ada", "")
	if err != nil || second.ID != first.ID || words(second.Grants) != "operator@shop viewer" {
		t.Errorf("%+v %v", second, err)
	}
	if err := auth.Can(b.ask(t), auth.Manage, auth.Resource{}); mesh.CodeOf(err) != mesh.Denied {
		t.Errorf("the browser of before may still manage: %v", err)
	}
}

func TestNobodyWithoutAGroup(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	_, next, err := b.signIn(t, "eve", "/meshes/shop")
	b.refused(t, err, mesh.Denied, "eve, the identity provider names 3 groups of yours, of which none may use Weir")
	if next != "/meshes/shop" {
		t.Errorf("trying again leads to %s", next)
	}
	if strings.Contains(err.Error(), "lunch") {
		t.Errorf("the page names groups: %v", err)
	}
	if !w.recorded(people.SignInFailed, "3 groups") {
		t.Error("the security log does not know")
	}
	// The provider has her signed in: without being asked she would be refused for ever.
	for _, prompt := range []string{"login", ""} {
		if again := must(url.Parse(b.begin(t, next))); again.Query().Get("prompt") != prompt {
			t.Errorf("the next sign-in prompts %q, want %q: %s", again.Query().Get("prompt"), prompt, again)
		}
	}
	if _, err := w.Directory.Named(t.Context(), "eve"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("eve is a person now: %v", err)
	}
}

func TestFallback(t *testing.T) {
	w := newWorld(t, func(o *oidc.Options) { o.Default = []auth.Grant{{Role: auth.Viewer, Mesh: "public-*"}} })
	for user, want := range map[string]string{"eve": "viewer@public-*", "grace": "operator@shop viewer"} {
		who, _, err := w.browser(t).signIn(t, user, "")
		if err != nil || words(who.Grants) != want {
			t.Errorf("%s may %s (%v), want %s", user, words(who.Grants), err, want)
		}
	}
}

// TestNameOfALocalAccount: whoever has a name at the provider is not who has it here.
func TestNameOfALocalAccount(t *testing.T) {
	w := newWorld(t, nil)
	root := auth.With(t.Context(), auth.Itself("weir"))
	if _, err := w.Directory.AddWithPassword(root, "Ada", "otter lamp kayak tin", []auth.Grant{{Role: auth.Viewer}}); err != nil {
		t.Fatal(err)
	}
	b := w.browser(t)
	_, _, err := b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Conflict, "ada")
	if !w.recorded(people.SignInFailed, "oidc: ") {
		t.Error("the security log does not know")
	}
}

func TestDisabled(t *testing.T) {
	w := newWorld(t, nil)
	if _, _, err := w.browser(t).signIn(t, "ada", ""); err != nil { // somebody has to manage Weir
		t.Fatal(err)
	}
	who, _, err := w.browser(t).signIn(t, "grace", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Directory.Disable(auth.With(t.Context(), auth.Itself("weir")), who.ID); err != nil {
		t.Fatal(err)
	}
	b := w.browser(t)
	_, _, err = b.signIn(t, "grace", "")
	b.refused(t, err, mesh.Unauthenticated, "")
}

func TestLogout(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Fatal(err)
	}
	ctx, before := b.ask(t), b.cookie
	to, cookie, err := w.oidc.Logout(ctx)
	if err != nil || cookie.Token != "" {
		t.Fatalf("%v %v", cookie, err)
	}
	at := must(url.Parse(to))
	if !strings.HasPrefix(to, w.op.issuer+"/end_session?") || at.Query().Get("id_token_hint") == "" || at.Query().Get("client_id") != clientID {
		t.Errorf("the provider is not told whom to sign out: %s", to)
	}
	if !slices.Contains(w.oidc.Origins(), w.op.issuer) {
		t.Errorf("origins %v", w.oidc.Origins())
	}
	answer, err := b.client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if back := answer.Header.Get("Location"); back != public+oidc.SignInPath {
		t.Errorf("the provider sends on to %q (%s)", back, answer.Status)
	}
	b.cookie = before
	if name := b.name(t); name != "" {
		t.Errorf("the cookie of before still is %s", name)
	}
	if to, _, err := w.oidc.Logout(b.ask(t)); to != "" || err != nil {
		t.Errorf("a second click leads to %q, %v", to, err)
	}
}

func TestLogoutWithoutTheProvider(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() { w.op.says = func(doc map[string]any) { delete(doc, "end_session_endpoint") } })
	b := w.browser(t)
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Fatal(err)
	}
	if to, _, err := w.oidc.Logout(b.ask(t)); to != "" || err != nil || b.name(t) != "" {
		t.Errorf("leads to %q, %v; signed in is %q", to, err, b.name(t))
	}
	// Who signed in with a password has nothing to end there.
	who, err := w.Directory.AddWithPassword(auth.With(t.Context(), auth.Itself("weir")), "local", "otter lamp kayak tin", []auth.Grant{{Role: auth.Viewer}})
	if err != nil {
		t.Fatal(err)
	}
	b = w.browser(t)
	if b.cookie, err = w.Sessions.Start(b.ask(t), who); err != nil {
		t.Fatal(err)
	}
	if to, _, err := w.oidc.Logout(b.ask(t)); to != "" || err != nil || b.name(t) != "" {
		t.Errorf("leads to %q, %v; signed in is %q", to, err, b.name(t))
	}
}

// TestLongToken: a token that a session cannot hold does not keep anybody from signing in and out.
func TestLongToken(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() {
		w.op.claims = func(c map[string]any) { c["story"] = strings.Repeat("once upon a time ", 1000) }
	})
	b := w.browser(t)
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Fatal(err)
	}
	to, _, err := w.oidc.Logout(b.ask(t))
	if err != nil || strings.Contains(to, "id_token_hint") || !strings.Contains(to, "post_logout_redirect_uri") {
		t.Errorf("leads to %s, %v", to, err)
	}
}

func TestSeveralTabs(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	var to []string
	for range 5 {
		to = append(to, b.begin(t, "/meshes/"+strings.Repeat("é\"", 90)))
	}
	_, _, err := b.finish(t, b.login(t, to[0], "ada"))
	b.refused(t, err, mesh.Unauthenticated, "over")
	if _, _, err := b.finish(t, b.login(t, to[2], "ada")); err != nil {
		t.Error(err)
	}
}

func TestPatienceEnds(t *testing.T) {
	w := newWorld(t, nil)
	b := w.browser(t)
	query := b.login(t, b.begin(t, ""), "ada")
	w.later(16 * time.Minute)
	_, _, err := b.finish(t, query)
	b.refused(t, err, mesh.Unauthenticated, "over")
}

// BenchmarkSignIn is a whole sign-in: to the provider and back, with its form, its keys and its signature.
func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b, nil)
	for b.Loop() {
		if _, _, err := w.browser(b).signIn(b, "ada", "/"); err != nil {
			b.Fatal(err)
		}
	}
}
