package simulate

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
)

// Contender is a way of judging canaries.
type Contender struct {
	Name  string
	Key   string
	Alpha float64 // promised bound of false aborts; 0: nothing is promised
	// Begin starts a rollout; what it gives takes a window and says whether to abort.
	Begin func() func(judge.Window) bool
}

// Contenders are the columns of the table: Weir's judge and, beside it, what is used instead.
func Contenders() []Contender {
	weir := func(key, name string, alpha, temper float64) Contender {
		return Contender{Name: name, Key: key, Alpha: alpha, Begin: func() func(judge.Window) bool { return begin(judge.Config{Alpha: alpha, Temper: temper}) }}
	}
	return []Contender{
		{Name: "floor 99 %, 5 fails", Key: "floor", Begin: floor},
		{Name: "peeking z-test", Key: "z-test", Begin: peek},
		weir("plain-0.05", "judge α 0.05, λ 1", 0.05, 1),
		weir("half-0.05", "α 0.05, λ ½", 0.05, 0.5),
		weir("auto-0.05", "α 0.05, λ auto", 0.05, 0),
		weir("plain-0.01", "α 0.01, λ 1", 0.01, 1),
		weir("auto-0.01", "α 0.01, λ auto (default)", 0.01, 0),
	}
}

// begin judges by Weir's judge with a configuration that must be valid.
func begin(c judge.Config) func(judge.Window) bool {
	j, err := judge.New(c, time.Time{})
	return func(w judge.Window) bool {
		return err == nil && j.Add(w) == nil && j.Outcome() == judge.Abort
	}
}

// floor aborts after five minutes in which fewer than 99 % of canary's requests succeeded, as progressive delivery
// controllers do by their templates.
func floor() func(judge.Window) bool {
	var requests, errors float64
	windows, fails := 0, 0
	return func(w judge.Window) bool {
		requests, errors, windows = requests+w.Canary.Requests, errors+w.Canary.Errors, windows+1
		if windows%4 != 0 {
			return false
		}
		if requests > 0 && errors/requests > 0.01 {
			fails++
		}
		requests, errors = 0, 0
		return fails >= 5
	}
}

// peek aborts when a one-sided two-proportion z-test on all counts so far is significant at 5 %, after every scrape.
func peek() func(judge.Window) bool {
	var n, e [2]float64
	return func(w judge.Window) bool {
		n[0], e[0] = n[0]+w.Stable.Requests, e[0]+w.Stable.Errors
		n[1], e[1] = n[1]+w.Canary.Requests, e[1]+w.Canary.Errors
		pooled := (e[0] + e[1]) / (n[0] + n[1])
		deviation := math.Sqrt(pooled * (1 - pooled) * (1/n[0] + 1/n[1]))
		return deviation > 0 && (e[1]/n[1]-e[0]/n[0])/deviation > 1.6449
	}
}

// Result is how one contender did in one scenario.
type Result struct {
	Runs    int
	Aborted int
	Median  float64 // minutes to the abort over all runs, those that were not aborted counted as longest; NaN if those are most
}

// Percent is how many of a hundred runs were aborted.
func (r Result) Percent() float64 { return 100 * float64(r.Aborted) / float64(r.Runs) }

// firstSeed keeps the measured rollouts apart from those that the judge's constants were chosen on, which began at 0: on
// its own choices a judge looks better than it is.
const firstSeed = 30_000_000

// Try lets a contender decide runs rollouts.
func Try(s Scenario, c Contender, runs int) Result {
	var minutes []float64
	for seed := range runs {
		aborts := c.Begin()
		s.Rollout(firstSeed+uint64(seed), func(i int, w judge.Window) bool {
			if !aborts(w) {
				return true
			}
			minutes = append(minutes, float64(i+1-s.Sick)*scrape.Minutes())
			return false
		})
	}
	slices.Sort(minutes)
	r := Result{Runs: runs, Aborted: len(minutes), Median: math.NaN()}
	if middle := runs / 2; middle < len(minutes) {
		r.Median = minutes[middle]
	}
	return r
}

// Table writes how every contender did in every scenario.
func Table(out io.Writer, runs int) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "canaries aborted of %d (median minutes)", runs)
	for _, c := range Contenders() {
		fmt.Fprintf(t, "\t%s", c.Name)
	}
	fmt.Fprintln(t)
	for _, s := range Scenarios() {
		fmt.Fprint(t, s.Name)
		for _, c := range Contenders() {
			fmt.Fprintf(t, "\t%s", Try(s, c, runs))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// String writes the share and, where most were aborted, the median: "99.9 % (3.5)".
func (r Result) String() string {
	if math.IsNaN(r.Median) {
		return fmt.Sprintf("%.1f %%", r.Percent())
	}
	return fmt.Sprintf("%.1f %% (%.4g)", r.Percent(), r.Median)
}
