package component

import (
	"math"
	"strings"
	"testing"
)

func TestSparkPath(t *testing.T) {
	if got := SparkPath([]float64{0, 5, 10}, 3, 10); got != "M0.0 26.0L60.0 14.0L120.0 2.0" {
		t.Errorf("a full line is %s", got)
	}
	if got := SparkPath([]float64{10, 10}, 120, 10); !strings.HasPrefix(got, "M119.0") || !strings.HasSuffix(got, "L120.0 2.0") {
		t.Errorf("a short history does not end at the right: %s", got)
	}
	for _, none := range []string{SparkPath(nil, 120, 1), SparkPath([]float64{1}, 120, 1), SparkPath([]float64{1, 2}, 120, 0)} {
		if none != "" {
			t.Errorf("a line without two values is drawn: %s", none)
		}
	}
	if got := SparkPath([]float64{-5, 500}, 2, 10); got != "M0.0 26.0L120.0 2.0" {
		t.Errorf("values beyond the picture are drawn outside: %s", got)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0.00%", 0.25: "25.00%", 1: "100.00%", -1: "0.00%", 7: "100.00%", math.Inf(1): "100.00%"} {
		if got := percent(share); got != want {
			t.Errorf("%v is drawn as %s, want %s", share, got, want)
		}
	}
	if got := percent(math.NaN()); got != "0.00%" {
		t.Errorf("nothing is drawn as %s", got)
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct {
		use, limit float64
		want       string
	}{{79, 100, "calm"}, {80, 100, "near"}, {100, 100, "full"}, {101, 100, "full"}, {1000, 0, "open"}, {0, 1, "calm"}} {
		if got := Level(c.use, c.limit); got != c.want {
			t.Errorf("%v of %v is %s, want %s", c.use, c.limit, got, c.want)
		}
	}
}
