package timeline

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"": "16:00:00", "now": "17:00:00", "-5m": "16:55:00", "now-90s": "16:58:30", "-1h30m": "15:30:00", "2026-11-22T12:34:56.5Z": "12:34:56.5", "2026-11-22T12:00:00+02:00": "10:00:00",
	} {
		got, err := ParseMoment("at", text, "-1h", now)
		if err != nil || got.UTC().Format("15:04:05.999") != want {
			t.Errorf("%q is %v (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"5m", "-", "now-", "+5m", "-5", "17:00", "-5m ago", "--5m", "1795377184"} {
		if got, err := ParseMoment("at", text, "", now); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "write a time as in") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestParseLength(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond} {
		if got, err := ParseLength("window", text); got != want || err != nil {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"30", "0s", "-5s", "soon"} {
		if got, err := ParseLength("window", text); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "as in 30s") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}
