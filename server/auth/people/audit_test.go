package people

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
)

// lines are what was logged.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}

func TestAudit(t *testing.T) {
	var out bytes.Buffer
	now := noon
	a := newAudit(slog.New(slog.NewJSONHandler(&out, nil)), func() time.Time { return now })
	ctx := WithVisit(auth.With(context.Background(), auth.Identity{Kind: auth.Person, Name: "kim"}), Visit{Address: "192.0.2.1"})
	a.Record(ctx, Entry{Event: TokenMinted, Of: "x\n{\"event\":\"sign_in\"}" + strings.Repeat("y", 1000)})
	a.Record(context.Background(), Entry{Event: SignInFailed, Who: "<img>\x00\u202e"})
	got := lines(t, &out)
	if len(got) != 2 || got[0]["log"] != "security" || got[0]["event"] != "token_minted" || got[0]["who"] != "kim" || got[0]["from"] != "192.0.2.1" || got[0]["level"] != "INFO" {
		t.Fatalf("%v", got)
	}
	if of, _ := got[0]["of"].(string); len([]rune(of)) > 80 || got[1]["level"] != "WARN" {
		t.Errorf("%v", got)
	}
}

// TestAuditFlood writes 100,000 failures in a moment: the log stays small, says how many it left out, and what matters
// besides is not lost among them.
func TestAuditFlood(t *testing.T) {
	var out bytes.Buffer
	now := noon
	a := newAudit(slog.New(slog.NewJSONHandler(&out, nil)), func() time.Time { return now })
	const flood = 100_000
	for range flood {
		a.Record(t.Context(), Entry{Event: SignInFailed, Who: "root"})
	}
	a.Record(t.Context(), Entry{Event: SignIn, Who: "kim"})
	if left := a.LeftOut()[SignInFailed]; left != flood-burst {
		t.Errorf("%d were left out", left)
	}
	now = now.Add(time.Second)
	a.Record(t.Context(), Entry{Event: SignInFailed, Who: "root"})
	got := lines(t, &out)
	if len(got) != burst+3 || got[burst]["event"] != "sign_in" || got[burst+1]["event"] != "dropped" || got[burst+1]["count"] != float64(flood-burst) || got[burst+1]["of"] != "sign_in_failed" {
		t.Errorf("%d lines, the last %v", len(got), got[max(len(got)-3, 0):])
	}
	for range 10 * recent {
		now = now.Add(time.Second)
		a.Record(t.Context(), Entry{Event: SignOut, Who: "kim"})
	}
	if list := a.Recent(); len(list) != recent || list[0].Event != SignOut || !list[0].At.Equal(now) {
		t.Errorf("%d are in memory, the newest %+v", len(list), list[0])
	}
}
