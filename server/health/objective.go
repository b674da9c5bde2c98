package health

import (
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// The objectives that a burn is of.
const (
	Availability = "availability"
	Speed        = "latency"
)

// minWindow is the shortest window in which requests are counted; the stored numbers are not finer.
const minWindow = time.Minute

// pace is a speed of using up an error budget that is an alarm when two windows agree on it.
type pace struct {
	long, short time.Duration // for a period of 30 days
	limit       float64       // times as fast as the period allows
	severe      bool
}

// paces are those of The Site Reliability Workbook, chapter 5, table 5-8 and "6: Multiwindow, Multi-Burn-Rate Alerts": the
// long windows use up 2, 5, 10 and 10 % of the budget. The third is the usual step between its pages and its tickets.
func paces() []pace {
	const hour = time.Hour
	return []pace{
		{long: hour, short: 5 * time.Minute, limit: 14.4, severe: true},
		{long: 6 * hour, short: 30 * time.Minute, limit: 6, severe: true},
		{long: 24 * hour, short: 2 * hour, limit: 3},
		{long: 72 * hour, short: 6 * hour, limit: 1},
	}
}

// scaled fits a window to an objective's period, so that it uses up the same part of the budget.
func scaled(window time.Duration, o mesh.Objective) time.Duration {
	period := time.Duration(o.Period)
	if period <= 0 {
		period = mesh.DefaultPeriod
	}
	w := time.Duration(float64(window) * float64(period) / float64(mesh.DefaultPeriod))
	return max(w.Round(time.Second), minWindow)
}

// Promises says whether an objective promises anything.
func Promises(o mesh.Objective) bool { return o.Availability > 0 || o.Latency != nil }

// Windows lists the windows in which an objective's requests are to be counted, shortest first; none when it promises
// nothing.
func Windows(o mesh.Objective) []time.Duration {
	if !Promises(o) {
		return nil
	}
	var list []time.Duration
	for _, p := range paces() {
		list = append(list, scaled(p.long, o), scaled(p.short, o))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Outcome counts what became of requests in a window. Answered are those that did not fail; Slow are the answered ones
// that took longer than the objective's latency.
type Outcome struct{ Requests, Failed, Answered, Slow float64 }

// Add gives both together.
func (o Outcome) Add(other Outcome) Outcome {
	return Outcome{o.Requests + other.Requests, o.Failed + other.Failed, o.Answered + other.Answered, o.Slow + other.Slow}
}

// Burns works out how fast a service uses up what its objective leaves, from what became of its requests by window. A
// burn of 1 uses up exactly all of it in the period. A pair of windows of which one was not counted is left out. Fewer
// bad requests than the limits' MinFailures in the long window prove nothing: the burn is 0 then.
func Burns(limits Thresholds, counted map[time.Duration]Outcome) []mesh.Burn {
	o := limits.Objective
	var list []mesh.Burn
	if o.Availability > 0 {
		list = burns(list, limits, counted, promise{Availability, 1 - o.Availability, func(c Outcome) (float64, float64) { return c.Failed, c.Requests }})
	}
	if o.Latency != nil {
		list = burns(list, limits, counted, promise{Speed, 1 - o.LatencyShare, func(c Outcome) (float64, float64) { return c.Slow, c.Answered }})
	}
	return list
}

// promise is one of an objective's two.
type promise struct {
	name   string
	budget float64 // share of requests that may be bad
	bad    func(Outcome) (bad, all float64)
}

func burns(list []mesh.Burn, limits Thresholds, counted map[time.Duration]Outcome, of promise) []mesh.Burn {
	rate := func(c Outcome, enough float64) float64 {
		bad, all := of.bad(c)
		share := bad / all
		if !(share > 0) || !(of.budget > 0) || bad < enough-0.5 { // nobody called, or what was counted is no number
			return 0
		}
		return min(share, 1) / of.budget
	}
	for _, p := range paces() {
		b := mesh.Burn{
			Objective: of.name, Limit: p.limit, Severe: p.severe,
			Long: scaled(p.long, limits.Objective), Short: scaled(p.short, limits.Objective),
		}
		long, ok := counted[b.Long]
		short, both := counted[b.Short]
		if ok && both {
			b.LongRate, b.ShortRate = rate(long, limits.MinFailures), rate(short, 0)
			list = append(list, b)
		}
	}
	return list
}

// Alarming says whether both windows are at the limit: the long one proves that it matters, the short one that it goes
// on.
func Alarming(b mesh.Burn) bool { return over(b.LongRate, b.Limit) && over(b.ShortRate, b.Limit) }

// burns looks for objectives that are used up too fast, the fastest pair of windows of each.
func (j *judge) burns() {
	for _, name := range []string{Availability, Speed} {
		for _, b := range j.e.Burns {
			if b.Objective != name || !Alarming(b) {
				continue
			}
			level := mesh.Degraded
			if b.Severe {
				level = mesh.Unhealthy
			}
			j.find(level, j.burning(b))
			break
		}
	}
}

// burning is the cause of a burn.
func (j *judge) burning(b mesh.Burn) Cause {
	o := j.limits.Objective
	v := values("burn", rate(min(b.LongRate, b.ShortRate)), "limit", times(b.Limit), "long", span(b.Long), "short", span(b.Short))
	c := Cause{Code: ErrorBudget, Values: set(v, j.limits.Origin.Objective), Knob: KnobWeights}
	v["objective"] = exact(o.Availability)
	if b.Objective == Speed {
		c.Code, v["objective"], v["latency"] = SlowBudget, exact(o.LatencyShare), ""
		if o.Latency != nil {
			v["latency"] = seconds(time.Duration(*o.Latency))
		}
	}
	return c
}

// exact writes a share with all its digits, since "100 %" is not what 99.9 % promises.
func exact(share float64) string {
	return strconv.FormatFloat(float64(int64(share*1e7+0.5))/1e5, 'f', -1, 64) + " %"
}

func times(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// span writes a window with the largest unit that leaves a whole number.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, " d"}, {time.Hour, " h"}, {time.Minute, " min"}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return seconds(d)
}
