package people_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

func shop(name string) auth.Resource {
	return auth.Resource{Mesh: "shop", Of: mesh.Ref{Kind: mesh.KindRoute, Name: name}}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator@shop")
	m, err := w.Tokens.Mint(as(t, kim), people.Wish{Name: "deploy <b>", Grants: grants(t, "operator@shop/reviews*")})
	if err != nil || !strings.HasPrefix(m.Secret, "weir_"+m.ID+"_") || !m.Expires.Equal(m.At.Add(people.DefaultFor)) {
		t.Fatalf("%+v, %v", m, err)
	}
	id, err := w.Tokens.Identify(t.Context(), m.Secret)
	if err != nil || id.Kind != auth.Token || id.ID != m.ID || id.Person != kim.ID || id.Name != "kim" {
		t.Fatalf("%+v, %v", id, err)
	}
	if id.Can(auth.Steer, shop("reviews/primary")) != nil || id.Can(auth.Steer, shop("ratings/primary")) == nil {
		t.Error("its scope does not hold")
	}
	stored := must[people.Token](t)(w.store.Token(t.Context(), m.ID))
	secret := m.Secret[len("weir_")+11:]
	if strings.Contains(fmt.Sprintf("%+v %s", stored, stored.Hash), secret) || len(stored.Hash) != 32 {
		t.Error("the store knows the secret")
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %s", m, m, m), w.log.String()} {
		if strings.Contains(printed, secret) {
			t.Error("the secret is printed")
		}
	}
	list := must[[]people.Token](t)(w.Tokens.List(as(t, kim), kim.ID))
	if len(list) != 1 || list[0].Hash != nil || list[0].Name != "deploy <b>" || list[0].Used.IsZero() {
		t.Errorf("%+v", list)
	}
	if err := w.Tokens.Note(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used := must[people.Token](t)(w.store.Token(t.Context(), m.ID)).Used; used.IsZero() || used.Second() != 0 {
		t.Errorf("used at %s", used)
	}
}

func TestTokensThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator")
	mint := func(d time.Duration) people.Minted {
		return must[people.Minted](t)(w.Tokens.Mint(as(t, kim), people.Wish{Name: "ci", Grants: grants(t, "viewer"), For: d}))
	}
	short, revoked, fine := mint(time.Hour), mint(0), mint(0)
	proxy := must[people.Minted](t)(w.Tokens.MintProxy(as(t, kim), people.ProxyWish{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: "a"}}))
	key := must[people.Minted](t)(w.Tokens.MintKey(as(t, kim), people.Wish{Name: "terraform", Grants: grants(t, "viewer")}))
	link := must[people.Link](t)(w.Directory.Invite(root(t), kim.ID))
	if err := w.Tokens.Revoke(as(t, kim), revoked.ID); err != nil {
		t.Fatal(err)
	}
	w.later(2 * time.Hour)
	words := map[string]bool{}
	for name, bearer := range map[string]string{
		"expired": short.Secret, "revoked": revoked.Secret, "empty": "", "malformed": "weir_x", "unknown": "weir_0000000000_" + strings.Repeat("0", 40),
		"other secret": fine.Secret[:len(fine.Secret)-1] + "0", "swapped": "weir_" + fine.ID + short.Secret[15:], "a proxy's": proxy.Secret, "renamed proxy's": strings.Replace(proxy.Secret, "weirproxy", "weir", 1),
		"a key's": key.Secret, "a link": "weir_" + link.Secret, "long": strings.Repeat("weir_", 1<<16),
	} {
		id, err := w.Tokens.Identify(t.Context(), bearer)
		if mesh.CodeOf(err) != mesh.Unauthenticated && bearer != fine.Secret {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
		if err != nil {
			words[err.Error()] = true
		}
	}
	if len(words) != 1 {
		t.Errorf("%v", words)
	}
	if _, err := w.Directory.Disable(root(t), kim.ID); err != nil {
		t.Fatal(err)
	}
	_, err := w.Tokens.Identify(t.Context(), fine.Secret)
	wants(t, err, mesh.Unauthenticated)
	_, _, err = w.Tokens.Key(t.Context(), key.ID)
	wants(t, err, mesh.Unauthenticated)
	if _, err := w.Directory.Enable(root(t), kim.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Tokens.Identify(t.Context(), fine.Secret); err != nil {
		t.Error(err)
	}
	if err := w.Directory.Remove(root(t), kim.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.Tokens.Identify(t.Context(), fine.Secret)
	wants(t, err, mesh.Unauthenticated)
	// Proxies outlive the person who minted their tokens.
	if _, node, err := w.Tokens.Proxy(t.Context(), proxy.Secret); err != nil || node.Name != "a" {
		t.Errorf("%v, %v", node, err)
	}
}

func TestMintingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator@shop viewer")
	wish := people.Wish{Name: "ci", Grants: grants(t, "operator@shop")}
	for name, c := range map[string]struct {
		wish people.Wish
		code mesh.Code
	}{
		"more":        {people.Wish{Name: "ci", Grants: grants(t, "viewer admin")}, mesh.Denied},
		"other mesh":  {people.Wish{Name: "ci", Grants: grants(t, "operator@bank")}, mesh.Denied},
		"nothing":     {people.Wish{Name: "ci"}, mesh.Invalid},
		"no name":     {people.Wish{Grants: wish.Grants}, mesh.Invalid},
		"long name":   {people.Wish{Name: strings.Repeat("x", 81), Grants: wish.Grants}, mesh.Invalid},
		"control":     {people.Wish{Name: "a\x00b", Grants: wish.Grants}, mesh.Invalid},
		"for ever":    {people.Wish{Name: "ci", Grants: wish.Grants, For: people.MaxFor + 1}, mesh.Invalid},
		"negative":    {people.Wish{Name: "ci", Grants: wish.Grants, For: -time.Hour}, mesh.Invalid},
		"wrong grant": {people.Wish{Name: "ci", Grants: []auth.Grant{{Role: "root"}}}, mesh.Invalid},
	} {
		_, err := w.Tokens.Mint(as(t, kim), c.wish)
		if mesh.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Tokens.MintKey(as(t, kim), c.wish); mesh.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := must[people.Minted](t)(w.Tokens.Mint(as(t, kim), wish))
	id := must[auth.Identity](t)(w.Tokens.Identify(t.Context(), m.Secret))
	for _, who := range []auth.Identity{id, auth.Open(), auth.Itself("weir")} { // no program makes itself another token
		_, err := w.Tokens.Mint(auth.With(t.Context(), who), wish)
		wants(t, err, mesh.Denied)
	}
	_, err := w.Tokens.Mint(t.Context(), wish)
	wants(t, err, mesh.Unauthenticated)
	for range 99 {
		must[people.Minted](t)(w.Tokens.Mint(as(t, kim), wish))
	}
	_, err = w.Tokens.Mint(as(t, kim), wish)
	wants(t, err, mesh.Conflict)
	// A token follows its owner down.
	if _, err := w.Directory.Grant(root(t), kim.ID, 0, grants(t, "viewer")); err != nil {
		t.Fatal(err)
	}
	now := must[auth.Identity](t)(w.Still(t.Context(), id))
	wants(t, now.Can(auth.Steer, shop("reviews")), mesh.Denied)
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim, lee := w.add(t, "kim", "operator@shop"), w.add(t, "lee", "operator@bank")
	m := must[people.Minted](t)(w.Tokens.Mint(as(t, kim), people.Wish{Name: "ci", Grants: grants(t, "viewer@shop")}))
	proxy := must[people.Minted](t)(w.Tokens.MintProxy(as(t, kim), people.ProxyWish{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindGateway, Name: "edge"}, For: time.Hour}))
	wants(t, w.Tokens.Revoke(as(t, lee), m.ID), mesh.Denied)
	wants(t, w.Tokens.Revoke(as(t, lee), proxy.ID), mesh.Denied)
	wants(t, w.Tokens.Revoke(as(t, lee), "nosuch"), mesh.NotFound)
	_, err := w.Tokens.List(as(t, lee), kim.ID)
	wants(t, err, mesh.Denied)
	_, err = w.Tokens.List(as(t, lee), "")
	wants(t, err, mesh.Denied)
	_, err = w.Tokens.Proxies(as(t, lee), "shop")
	wants(t, err, mesh.Denied)
	_, err = w.Tokens.MintProxy(as(t, lee), people.ProxyWish{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: "a"}})
	wants(t, err, mesh.Denied)
	for _, bad := range []people.ProxyWish{{Mesh: "shop"}, {Node: mesh.Ref{Kind: mesh.KindNode, Name: "a"}}, {Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindRoute, Name: "a"}}, {Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: "a"}, For: -1}} {
		_, err := w.Tokens.MintProxy(as(t, kim), bad)
		wants(t, err, mesh.Invalid)
	}
	if list := must[[]people.Token](t)(w.Tokens.Proxies(as(t, kim), "shop")); len(list) != 1 || list[0].Node != "gateway/edge" {
		t.Errorf("%+v", list)
	}
	meshName, node, err := w.Tokens.Proxy(t.Context(), proxy.Secret)
	if err != nil || meshName != "shop" || node != (mesh.Ref{Kind: mesh.KindGateway, Name: "edge"}) {
		t.Errorf("%s %v %v", meshName, node, err)
	}
	id := must[auth.Identity](t)(w.Tokens.Identify(t.Context(), m.Secret))
	wants(t, w.Tokens.Revoke(auth.With(t.Context(), id), m.ID), "") // it says itself that it is over
	wants(t, w.Tokens.Revoke(as(t, kim), proxy.ID), "")
	_, _, err = w.Tokens.Proxy(t.Context(), proxy.Secret)
	wants(t, err, mesh.Unauthenticated)
	_, err = w.Still(t.Context(), id)
	wants(t, err, mesh.Unauthenticated)
	list := must[[]people.Token](t)(w.Tokens.List(root(t), ""))
	if len(list) != 1 || list[0].Revoked.IsZero() || list[0].RevokedBy != "kim" {
		t.Errorf("%+v", list)
	}
	w.later(200 * 24 * time.Hour)
	if err := w.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := must[[]people.Token](t)(w.Tokens.List(root(t), "")); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// TestRevokeDuringUse: once Revoke has returned, nobody gets in by the token.
func TestRevokeDuringUse(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	for range 3 {
		m := must[people.Minted](t)(w.Tokens.Mint(as(t, kim), people.Wish{Name: "ci", Grants: grants(t, "viewer")}))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if _, err := w.Tokens.Identify(t.Context(), m.Secret); err != nil && mesh.CodeOf(err) != mesh.Unauthenticated {
						t.Error(err)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		if err := w.Tokens.Revoke(as(t, kim), m.ID); err != nil {
			t.Error(err)
		}
		_, err := w.Tokens.Identify(t.Context(), m.Secret)
		wants(t, err, mesh.Unauthenticated)
		close(stop)
		wg.Wait()
		if err := w.Tokens.Note(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestAccessKey(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	m := must[people.Minted](t)(w.Tokens.MintKey(as(t, kim), people.Wish{Name: "terraform", Grants: grants(t, "operator@shop")}))
	if len(m.ID) != 20 || !strings.HasPrefix(m.ID, "AKIA") || len(m.Secret) != 40 || strings.ToUpper(m.ID) != m.ID {
		t.Errorf("%q %q", m.ID, m.Secret)
	}
	secret, id, err := w.Tokens.Key(t.Context(), m.ID)
	if err != nil || secret != m.Secret || id.Kind != auth.Key || id.Can(auth.Steer, shop("x")) != nil || id.Can(auth.Manage, auth.Resource{}) == nil {
		t.Fatalf("%+v, %v", id, err)
	}
	if stored := must[people.Token](t)(w.store.Token(t.Context(), m.ID)); strings.Contains(string(stored.Sealed), secret) || len(stored.Sealed) == 0 {
		t.Error("the secret is not sealed")
	}
	if _, err := w.Still(t.Context(), id); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "AKIA", "AKIA" + strings.Repeat("A", 16), strings.ToLower(m.ID), m.ID + "A"} {
		_, _, err := w.Tokens.Key(t.Context(), bad)
		wants(t, err, mesh.Unauthenticated)
	}
	elsewhere, err := people.New(people.Options{Store: w.store, Logger: slog.New(slog.DiscardHandler), Key: make([]byte, 32), Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = elsewhere.Tokens.Key(t.Context(), m.ID)
	wants(t, err, mesh.Unavailable)
	wants(t, w.Tokens.Revoke(as(t, kim), m.ID), "")
	_, _, err = w.Tokens.Key(t.Context(), m.ID)
	wants(t, err, mesh.Unauthenticated)
}
