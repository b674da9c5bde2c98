package judge

import (
	"slices"
	"time"
)

// maxPoints is how many points of the evidence are kept for a plot; when there are more, every other one goes.
const maxPoints = 500

// Point is the evidence after one window, in natural logarithms.
type Point struct {
	At      time.Time `json:"at"`
	Abort   float64   `json:"abort"`
	Advance float64   `json:"advance"` // falls back to 0 with each step
}

// history is the evidence over time: every so many windows' point, and the newest.
type history struct {
	Every  int     `json:"every"` // a power of two
	Seen   int     `json:"seen"`
	Points []Point `json:"points"`
	Newest *Point  `json:"newest,omitempty"` // when it is not the last of Points
}

func (h *history) add(p Point) {
	h.Newest = &p
	if h.Seen%h.Every == 0 {
		h.Points, h.Newest = append(h.Points, p), nil
	}
	h.Seen++
	if len(h.Points) < maxPoints {
		return
	}
	kept := h.Points[:0]
	for i, p := range h.Points {
		if i%2 == 0 {
			kept = append(kept, p)
		}
	}
	if last := h.Points[len(h.Points)-1]; h.Newest == nil && len(h.Points)%2 == 0 {
		h.Newest = &last
	}
	h.Points, h.Every = kept, 2*h.Every
}

// points gives a copy, oldest first.
func (h *history) points() []Point {
	points := slices.Clone(h.Points)
	if h.Newest != nil {
		points = append(points, *h.Newest)
	}
	return points
}
