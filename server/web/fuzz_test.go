package web

import (
	"strings"
	"testing"
	"time"
)

// FuzzFields: what people type into fields is read as something that is shown again as the same, or is none.
func FuzzFields(f *testing.F) {
	for _, s := range []string{
		"", "1", "99.9 %", "0.5%", "100.000000001", "1e5", "Inf", " 5 ms", "1.5 s", "-1s", "0", "2562047h47m16.854775807s", "1h0m0s", "200 – 300", "200-300", "-5--3", "–", " ", "to", "~~",
		"1 to 2 to 3", "\x00", "9223372036854775808..1", "now", "-5m", "2026-03-01T12:00", "2026-03-01T12:00:00+23:59", "30s", "1h", "1ns", "٣",
	} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := parsePercent(s); ok {
			if again, ok := parsePercent(percentText(v)); !ok || again != v || v < 0 || v > 1 {
				t.Errorf("%q is %v, shown as %q, which is %v", s, v, percentText(v), again)
			}
		}
		if d, ok := parseDuration(s); ok {
			if again, ok := parseDuration(durationText(d)); !ok || *again != *d || *d < 0 {
				t.Errorf("%q is %v, shown as %q, which is %v", s, d, durationText(d), again)
			}
		}
		if r, ok := parseRange(s); ok && r == nil {
			t.Errorf("%q is no range", s)
		}
		at, err := parseMoment("at", s, now)
		if err == nil && at.After(now.Add(clockSkew)) {
			t.Errorf("%q is %v, which is in the future", s, at)
		}
		length, bad := parseWindow(s)
		if length < minWindow || length > maxWindow {
			t.Errorf("%q is %v", s, length)
		}
		for _, err := range []error{err, bad} {
			if err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000) {
				t.Errorf("%q is refused with %q", s, err)
			}
		}
	})
}
