package ident

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIDsSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(0, 3_700_000_000_000).Draw(t, "now"))
		last := ""
		for range rapid.IntRange(1, 50).Draw(t, "count") {
			// The clock stands still, moves, or goes back.
			now = now.Add(time.Duration(rapid.Int64Range(-10_000, 10_000).Draw(t, "step")) * time.Millisecond)
			id := New(now, last, rapid.Uint64().Draw(t, "random"))
			if len(id) != length || id <= last || Canonical(strings.ToUpper(id)) != id {
				t.Fatalf("%q after %q", id, last)
			}
			last = id
		}
	})
}

func TestIDOfAKnownMoment(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id := New(at, "", 0)
	n, ok := parse(id)
	if !ok || time.UnixMilli(int64(n>>randomBits)+epoch).UTC() != at {
		t.Errorf("%q stands for %d", id, n)
	}
	if id != "2tjpy48000" {
		t.Errorf("the form of IDs changed: %q; those in ledgers would no longer sort with new ones", id)
	}
	for _, bad := range []string{"", "short", "uuuuuuuuuu", "2tjpy480000"} {
		if _, ok := parse(bad); ok {
			t.Errorf("%q is taken for an ID", bad)
		}
	}
	if got := Canonical(" OIL "); got != "011" {
		t.Errorf("Canonical: %q", got)
	}
}
