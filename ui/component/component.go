// Package component is the console's small parts: health, bars, meters, intervals, the three truths. Each is a templ
// function of plain values and a locale. Widths and heights are SVG attributes, never style attributes, because the
// content security policy allows no inline style.
package component

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
)

// Segment is one target's part of a stacked bar.
type Segment struct {
	Name   string
	Share  float64 // 0 to 1
	Label  string  // written beside the name
	Series int     // from 0; picks the colour
}

// series is a segment's colour, as the style sheets name it. Colours repeat after six.
func series(n int) string { return strconv.Itoa(n%6 + 1) }

// starts gives where each segment begins, 0 to 1.
func starts(segments []Segment) []float64 {
	at := make([]float64, len(segments))
	sum := 0.0
	for i, s := range segments {
		at[i] = sum
		sum += s.Share
	}
	return at
}

// percent writes a share as an SVG length, clamped to what can be drawn.
func percent(share float64) string { return hundredth(share) + "%" }

// Percent writes a share, 0 to 1, as an SVG length, clamped to what can be drawn.
func Percent(share float64) string { return percent(share) }

// hundredth writes a share in hundredths of the whole.
func hundredth(share float64) string {
	if math.IsNaN(share) {
		share = 0
	}
	return strconv.FormatFloat(min(max(share, 0), 1)*100, 'f', 2, 64)
}

// LinkTo is a name that leads somewhere. Without an address it is only a name.
type LinkTo struct{ Name, Href string }

// Level says how full something is, as the style sheets name it: near begins at 80 %.
func Level(use, limit float64) string {
	switch {
	case limit <= 0:
		return "open"
	case use >= limit:
		return "full"
	case use >= 0.8*limit:
		return "near"
	}
	return "calm"
}

// HealthWord is the verdict in the reader's language.
func HealthWord(l i18n.Locale, h mesh.Health) string {
	if h == "" {
		h = mesh.Unknown
	}
	return l.T("health." + string(h))
}

// SparkWidth and SparkHeight are the size of a sparkline in its own units.
const (
	SparkWidth  = 120
	SparkHeight = 28
)

// SparkPath is the path of a line through values, oldest first, from 0 at the bottom to top at the top. The newest
// value is at the right edge, so that a short history does not look like a long one.
func SparkPath(values []float64, room int, top float64) string {
	if len(values) < 2 || room < 2 || top <= 0 {
		return ""
	}
	var path strings.Builder
	for i, v := range values {
		x := SparkWidth - float64(len(values)-1-i)*SparkWidth/float64(room-1)
		y := SparkHeight - 2 - min(max(v/top, 0), 1)*(SparkHeight-4)
		if i == 0 {
			path.WriteByte('M')
		} else {
			path.WriteByte('L')
		}
		path.WriteString(strconv.FormatFloat(x, 'f', 1, 64))
		path.WriteByte(' ')
		path.WriteString(strconv.FormatFloat(y, 'f', 1, 64))
	}
	return path.String()
}

// Top is the largest of several lines' values, with a little air; 1e-9 at least, so that it can be divided by.
func Top(lines ...[]float64) float64 {
	top := 1e-9
	for _, line := range lines {
		for _, v := range line {
			if !math.IsInf(v, 0) {
				top = max(top, v*1.15)
			}
		}
	}
	return top
}

// Line is one line of a Spark.
type Line struct {
	Values []float64 // oldest first
	Series int       // its colour; ‑1 is the neutral one
}

func sparkSeries(line Line) string {
	if line.Series < 0 {
		return "neutral"
	}
	return series(line.Series)
}

func sparkValues(lines []Line) [][]float64 {
	values := make([][]float64, len(lines))
	for i, line := range lines {
		values[i] = line.Values
	}
	return values
}

func pathEscape(s string) string { return url.PathEscape(s) }

// part is how much of the most something is, as an SVG length; nothing of nothing.
func part(v, most float64) string {
	if most <= 0 {
		return percent(0)
	}
	return percent(v / most)
}
