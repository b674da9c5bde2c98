package timeline

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
)

// ParseMoment reads a time as people write it: RFC 3339, "now", or how long ago as in "-5m"; empty stands for otherwise.
// What names it in the error, which is mesh.Invalid.
func ParseMoment(what, text, otherwise string, now time.Time) (time.Time, error) {
	if text == "" {
		text = otherwise
	}
	if text == "now" {
		return now, nil
	}
	if ago, ok := strings.CutPrefix(strings.TrimPrefix(text, "now"), "-"); ok {
		if d, err := model.ParseDuration(ago); err == nil {
			return now.Add(-time.Duration(d)), nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, mesh.Errorf(mesh.Invalid, "%s %q: write a time as in 2026-11-22T17:00:00Z, or how long ago as in -5m", what, mesh.Shorten(text))
	}
	return t, nil
}

// ParseLength reads a length of time with its unit; zero when it is empty. What names it in the error, which is
// mesh.Invalid.
func ParseLength(what, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, mesh.Errorf(mesh.Invalid, "%s %q: write a length of time as in 30s or 5m", what, mesh.Shorten(text))
	}
	return time.Duration(d), nil
}
