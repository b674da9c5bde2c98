package judge

import "math"

// Meter is the false-alarm meter: stable's halves judged against each other as if one were the canary. Whatever alarms
// there is false.
type Meter struct {
	Windows int     `json:"windows"` // zero: stable was not given in halves
	Alarms  int     `json:"alarms"`  // how often the evidence reached the bound; it begins anew after each
	Raw     int     `json:"raw"`     // how often it would have without tempering
	Log     float64 `json:"log"`     // logarithm of the evidence now
	Noise   float64 `json:"noise"`   // φ between the halves; 1 when nothing is known
}

// meter is the state behind Meter: either half takes the part of the canary, and the two are averaged.
type meter struct {
	Windows  int      `json:"windows"`
	Alarms   int      `json:"alarms"`
	Raw      int      `json:"raw"`
	Tempered [2]worse `json:"tempered"`
	Plain    [2]worse `json:"plain"`
}

func newMeter(grid []float64) meter {
	return meter{Tempered: [2]worse{newWorse(grid), newWorse(grid)}, Plain: [2]worse{newWorse(grid), newWorse(grid)}}
}

// add takes in a window of both halves.
func (m *meter) add(c Config, a, b tally, lambda float64) {
	m.Windows++
	turn := func(pair *[2]worse, lambda float64) (alarms int) {
		pair[0].add(c.Grid, a, b, lambda)
		pair[1].add(c.Grid, b, a, lambda)
		if average(pair) < c.bound() {
			return 0
		}
		*pair = [2]worse{newWorse(c.Grid), newWorse(c.Grid)}
		return 1
	}
	m.Alarms += turn(&m.Tempered, lambda)
	m.Raw += turn(&m.Plain, 1)
}

func average(pair *[2]worse) float64 { return logSum(pair[0].log(), pair[1].log()) - math.Ln2 }
