package people_test

import (
	"encoding/base64"
	"testing"
)

// TestTokensOfSessionsAreRandom: each sign-in's token is 32 bytes, no two are alike, and no bit of them stands still.
func TestTokensOfSessionsAreRandom(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	var all, none [32]byte
	for i := range all {
		all[i] = 0xff
	}
	seen := map[string]bool{}
	for range 64 {
		b := &browser{t: t, of: w.People}
		b.signIn("kim")
		raw, err := base64.RawURLEncoding.DecodeString(b.cookie)
		if err != nil || len(raw) != len(all) || seen[b.cookie] {
			t.Fatalf("a token of %d bytes, or one that was there: %v", len(raw), err)
		}
		seen[b.cookie] = true
		for i := range raw {
			all[i] &= raw[i]
			none[i] |= raw[i]
		}
	}
	for i := range all {
		if all[i] != 0 || none[i] != 0xff {
			t.Errorf("byte %d: bits that stand still: %08b, %08b", i, all[i], ^none[i])
		}
	}
}
