package oidc_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// TestAnswers: what a browser is sent back with, or brings by itself.
func TestAnswers(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		change func(query url.Values)
		code   mesh.Code
		words  string
	}{
		"another state":   {func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) }, mesh.Unauthenticated, "begun in another browser"},
		"no state":        {func(q url.Values) { q.Del("state") }, mesh.Unauthenticated, "begun in another browser"},
		"an empty state":  {func(q url.Values) { q.Set("state", "") }, mesh.Unauthenticated, "begun in another browser"},
		"two states":      {func(q url.Values) { q.Add("state", "x") }, mesh.Unauthenticated, "begun in another browser"},
		"no code":         {func(q url.Values) { q.Del("code") }, mesh.Unauthenticated, "no code"},
		"two codes":       {func(q url.Values) { q.Add("code", "x") }, mesh.Unauthenticated, "no code"},
		"another code":    {func(q url.Values) { q.Set("code", "x") }, mesh.Unauthenticated, "takes its code back no more"},
		"another issuer":  {func(q url.Values) { q.Set("iss", "https://evil.example.com") }, mesh.Unauthenticated, "not of the identity provider"},
		"cancelled there": {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, mesh.Denied, "cancelled"},
		"out of order":    {func(q url.Values) { q.Del("code"); q.Set("error", "server_error") }, mesh.Unavailable, "out of order"},
		"another error":   {func(q url.Values) { q.Set("error", strings.Repeat("<b>", 99)+"\xff") }, mesh.Unauthenticated, "refused: <b>"},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.browser(t)
			query := b.login(t, b.begin(t, ""), "ada")
			good := maps.Clone(query)
			c.change(query)
			_, _, err := b.finish(t, query)
			b.refused(t, err, c.code, c.words)
			if len(err.Error()) > 300 {
				t.Errorf("%d bytes of somebody's words", len(err.Error()))
			}
			if _, _, err = b.finish(t, good); query.Get("state") == good.Get("state") && len(query["state"]) == 1 {
				b.refused(t, err, mesh.Unauthenticated, "over") // the state counted once
			} else if err != nil {
				t.Errorf("somebody else's answer ended the sign-in: %v", err)
			}
		})
	}
}

// TestReplay: an answer counts once, and only in the browser that it was made for.
func TestReplay(t *testing.T) {
	w := newWorld(t, nil)
	victim, thief := w.browser(t), w.browser(t)
	query := victim.login(t, victim.begin(t, ""), "ada")
	_, _, err := thief.finish(t, query)
	thief.refused(t, err, mesh.Unauthenticated, "begun in another browser")
	begun := thief.begin(t, "")
	_, _, err = thief.finish(t, query)
	thief.refused(t, err, mesh.Unauthenticated, "begun in another browser")

	// The thief's own state with the victim's code: the code was made for another challenge.
	mixed := url.Values{"state": {must(url.Parse(begun)).Query().Get("state")}, "code": query["code"]}
	thief.begin(t, "")
	_, _, err = thief.finish(t, mixed)
	thief.refused(t, err, mesh.Unauthenticated, "begin again")

	before := victim.cookie
	again := victim.login(t, victim.begin(t, ""), "ada")
	if _, _, err := victim.finish(t, again); err != nil {
		t.Fatal(err)
	}
	stale := browser{w: w, cookie: before, client: victim.client}
	_, _, err = stale.finish(t, again)
	stale.refused(t, err, mesh.Unauthenticated, "over")

	// The code again, under a state that is good.
	next := thief.begin(t, "")
	again.Set("state", must(url.Parse(next)).Query().Get("state"))
	_, _, err = thief.finish(t, again)
	thief.refused(t, err, mesh.Unauthenticated, "takes its code back no more")
	if !w.recorded(people.SignInFailed, "begun in another browser") {
		t.Error("the security log does not know")
	}
}

// TestTokens: ID tokens with a good signature that prove nothing all the same.
func TestTokens(t *testing.T) {
	w := newWorld(t, nil)
	in := func(d time.Duration) float64 { return float64(w.clock().Add(d).Unix()) }
	for name, c := range map[string]struct {
		change func(claims map[string]any)
		words  string // empty: it counts
	}{
		"as it is":                 {func(map[string]any) {}, ""},
		"another nonce":            {func(c map[string]any) { c["nonce"] = strings.Repeat("A", 43) }, "does not prove"},
		"no nonce":                 {func(c map[string]any) { delete(c, "nonce") }, "does not prove"},
		"expired":                  {func(c map[string]any) { c["exp"] = in(-time.Minute) }, "expired at"},
		"within the clocks' skew":  {func(c map[string]any) { c["exp"] = in(-10 * time.Second) }, ""},
		"no expiry":                {func(c map[string]any) { delete(c, "exp") }, "expired at"},
		"of tomorrow":              {func(c map[string]any) { c["iat"] = in(24 * time.Hour) }, "does not prove"},
		"not yet":                  {func(c map[string]any) { c["nbf"] = in(2 * time.Minute) }, "does not prove"},
		"another audience":         {func(c map[string]any) { c["aud"] = "payroll" }, "does not prove"},
		"no audience":              {func(c map[string]any) { delete(c, "aud") }, "does not prove"},
		"two audiences":            {func(c map[string]any) { c["aud"] = []string{clientID, "payroll"} }, ""}, // azp is Weir
		"two audiences, no party":  {func(c map[string]any) { c["aud"] = []string{clientID, "payroll"}; delete(c, "azp") }, "does not prove"},
		"another party":            {func(c map[string]any) { c["azp"] = "payroll" }, "does not prove"},
		"another issuer":           {func(c map[string]any) { c["iss"] = "https://evil.example.com" }, "does not prove"},
		"another access token":     {func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "does not prove"},
		"nobody":                   {func(c map[string]any) { delete(c, "sub") }, "does not prove"},
		"somebody with a long sub": {func(c map[string]any) { c["sub"] = strings.Repeat("a", 256) }, "does not prove"},
		"claims of another type":   {func(c map[string]any) { c["azp"] = 7 }, "does not prove"},
	} {
		t.Run(name, func(t *testing.T) {
			w.op.set(func() { w.op.claims = c.change })
			b := w.browser(t)
			_, _, err := b.signIn(t, "ada", "")
			if c.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			b.refused(t, err, mesh.Unauthenticated, c.words)
		})
	}
}

// TestSignature: a token that somebody else signed, or nobody.
func TestSignature(t *testing.T) {
	w := newWorld(t, nil)
	forger := newProvider(t, newStorage())
	for name, forge := range map[string]func(answer map[string]any){
		"another key":  func(answer map[string]any) { forger.resign(answer, func(map[string]any) {}) },
		"no algorithm": func(answer map[string]any) { answer["id_token"] = unsigned(answer["id_token"].(string)) },
		"no token":     func(answer map[string]any) { delete(answer, "id_token") },
		"garbage":      func(answer map[string]any) { answer["id_token"] = "x.y.z" },
		"a number":     func(answer map[string]any) { answer["id_token"] = 7 },
	} {
		t.Run(name, func(t *testing.T) {
			w.op.set(func() { w.op.answer = forge })
			b := w.browser(t)
			_, _, err := b.signIn(t, "ada", "")
			code, words := mesh.Unauthenticated, "does not prove"
			if name == "no token" || name == "a number" {
				code, words = mesh.Invalid, "no ID token"
			}
			b.refused(t, err, code, words)
		})
	}
}

func TestWrongSecret(t *testing.T) {
	w := newWorld(t, func(o *oidc.Options) { o.SecretFile = secretFile(t, "another") })
	b := w.browser(t)
	_, _, err := b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Unavailable, "oidc.clientSecretFile")
}

// TestRedirectsAreNotFollowed: a provider cannot make Weir call somebody else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	called := make(chan string, 8)
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.Path }))
	t.Cleanup(inside.Close)
	outside := httptest.NewServer(http.RedirectHandler(inside.URL+"/latest/meta-data", http.StatusFound))
	t.Cleanup(outside.Close)
	w := newWorld(t, func(o *oidc.Options) { o.Issuer = outside.URL })
	_, _, err := w.oidc.Begin(w.browser(t).ask(t), "")
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "another address") {
		t.Errorf("%v", err)
	}
	if len(called) != 0 {
		t.Errorf("it was called at %s", <-called)
	}
}
