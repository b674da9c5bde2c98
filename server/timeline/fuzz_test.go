package timeline

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseMoment: moments and lengths are taken, or refused in one short line; a length is never negative.
func FuzzParseMoment(f *testing.F) {
	for _, s := range []string{"", "now", "-5m", "now-1d", "2026-11-22T17:00:00Z", "now--5m", "-292y", "0001-01-01T00:00:00+23:59", "1e9", "-5m\x00"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseMoment("at", s, "now", now)
		if err == nil && strings.HasPrefix(s, "-") && at.After(now) {
			t.Errorf("%q is %v, in the future", s, at)
		}
		length, bad := ParseLength("window", s)
		if bad == nil && length < 0 {
			t.Errorf("%q is %v", s, length)
		}
		for _, err := range []error{err, bad} {
			if err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000) {
				t.Errorf("%q is refused with %q", s, err)
			}
		}
	})
}
