package advice

import (
	"fmt"
	"math"
	"strconv"
)

// The codes of notes, with the values that each has.
const (
	NotePeak       = "peak"       // rate, latency, mean, peak
	NoteHeadroom   = "headroom"   // least, advised, most
	NoteSpread     = "spread"     // times
	NoteSeen       = "seen"       // seen
	NoteSame       = "same"       // of maxRequests beside maxConnections
	NoteWait       = "wait"       // rate, wait, least
	NoteCold       = "cold"       // why no pool does without a place to wait
	NoteNothing    = "nothing"    // no data at all; hours
	NoteTooLittle  = "too-little" // requests, minutes
	NoteOverflow   = "overflow"   // refused, requests
	NoteRepeated   = "repeated"   // repeated, attempts
	NoteSlow       = "slow"       // from, to
	NoteUneven     = "uneven"     // times
	NoteEven       = "even"       // instances
	NoteListeners  = "listeners"  // n
	NoteUnfinished = "unfinished" // n
	NoteShort      = "short"      // minutes, hours
)

// Codes lists every code, so that catalogues of other languages can be checked for completeness.
func Codes() []string {
	return []string{
		NotePeak, NoteHeadroom, NoteSpread, NoteSeen, NoteSame, NoteWait, NoteCold, NoteNothing, NoteTooLittle, NoteOverflow, NoteRepeated, NoteSlow,
		NoteUneven, NoteEven, NoteListeners, NoteUnfinished, NoteShort,
	}
}

func note(code string, pairs ...string) Note {
	n := Note{Code: code, Values: make(map[string]string, len(pairs)/2)}
	for i := 0; i < len(pairs); i += 2 {
		n.Values[pairs[i]] = pairs[i+1]
	}
	return n
}

// whyPlaces says how the limit for what is under way came about.
func whyPlaces(a Advice, base int, l Limit) []Note {
	e := a.Load
	list := []Note{note(NotePeak, "rate", rate(e.Rate), "latency", seconds(e.Latency), "mean", small(e.Mean), "peak", count(e.Peak))}
	if e.Dispersion > 1 {
		list = append(list, note(NoteSpread, "times", small(e.Dispersion)))
	}
	if float64(base) == math.Ceil(e.SeenPeak) && e.Refused < 0.5 {
		list = append(list, note(NoteSeen, "seen", count(base)))
	}
	return append(list, note(NoteHeadroom, "least", count(l.Least), "advised", count(*l.Advised), "most", count(l.Most)))
}

// tooLittle says what is missing.
func tooLittle(a Advice, m mix) Note {
	if a.Seen == 0 || m.requests < 0.5 {
		return note(NoteNothing, "hours", small(a.Hours))
	}
	return note(NoteTooLittle, "requests", count(int(m.requests)), "minutes", small(a.Seen*60))
}

// remark adds what a person should know before taking the advice.
func (a *Advice) remark(in Input, m mix) {
	add := func(code string, pairs ...string) { a.Notes = append(a.Notes, note(code, pairs...)) }
	if m.refused >= 0.5 {
		add(NoteOverflow, "refused", count(int(math.Round(m.refused))), "requests", count(int(math.Round(m.attempts))))
	}
	if again := m.attempts - m.requests; again > m.attempts/100 {
		add(NoteRepeated, "repeated", count(int(math.Round(again))), "attempts", count(int(math.Round(m.attempts))))
	}
	if n := len(m.latencies); n >= 20 {
		if from, to := m.latencies[n/20], m.latencies[n-1-n/20]; from > 0 && to > 3*from && to > 0.02 {
			add(NoteSlow, "from", seconds(from), "to", seconds(to))
		}
	}
	switch {
	case in.Load.Busiest > 1.15:
		add(NoteUneven, "times", strconv.FormatFloat(in.Load.Busiest, 'f', 1, 64))
	case in.Load.Busiest == 0 && a.Load.Instances > 1:
		add(NoteEven, "instances", small(a.Load.Instances))
	}
	if in.Listeners > 1 {
		add(NoteListeners, "n", count(in.Listeners))
	}
	if m.unfinished >= 0.5 {
		add(NoteUnfinished, "n", small(m.unfinished))
	}
	if a.Confidence != Good {
		add(NoteShort, "minutes", small(a.Seen*60), "hours", small(a.Hours))
	}
}

// Text writes a note as an English sentence without a full stop.
func Text(n Note) string {
	v := n.Values
	switch n.Code {
	case NotePeak:
		return v["rate"] + " requests a second of " + v["latency"] + " each are " + v["mean"] + " in flight at an instance, and hardly ever more than " + v["peak"]
	case NoteHeadroom:
		return v["least"] + " would have refused at most one request in 1,000; with a reserve of half as much again that is " + v["advised"] +
			", and up to " + v["most"] + " is sensible"
	case NoteSpread:
		return "traffic comes in bursts: it varies " + v["times"] + " times as much as independent requests do, and the peak allows for it"
	case NoteSeen:
		return "an instance was seen with " + v["seen"] + " in flight"
	case NoteSame:
		return "it counts the same requests as maxConnections; the smaller of both is in force"
	case NoteWait:
		return v["rate"] + " requests a second at the busiest, each willing to wait " + v["wait"] + ", are up to " + v["least"] + " waiting"
	case NoteCold:
		return "a pool without open connections counts every request as waiting first"
	case NoteNothing:
		return "nothing is known to have arrived in the last " + v["hours"] + " h"
	case NoteTooLittle:
		return "only " + v["requests"] + " requests in " + v["minutes"] + " min were recorded"
	case NoteOverflow:
		return v["refused"] + " of " + v["requests"] + " attempts were refused because the pool was full"
	case NoteRepeated:
		return v["repeated"] + " of " + v["attempts"] + " attempts were refused requests sent again; a pool that refuses nothing does not get them"
	case NoteSlow:
		return "the application took from " + v["from"] + " to " + v["to"] + " on average: a slow application needs a larger pool, and may be what needs attention"
	case NoteUneven:
		return "the busiest instance gets " + v["times"] + " times its share; the limits are for that one"
	case NoteEven:
		return "the load is taken to be even over " + v["instances"] + " instances: what each proxy counted is not stored"
	case NoteListeners:
		return "the node has " + v["n"] + " listeners, whose numbers are counted together"
	case NoteUnfinished:
		return v["n"] + " requests last, such as streams, and were counted by what was in flight"
	case NoteShort:
		return v["minutes"] + " min of " + v["hours"] + " h were seen; a peak at another time of day is not in them"
	default:
		return n.Code
	}
}

// count writes a whole number with its thousands apart.
func count(v int) string {
	digits := strconv.Itoa(v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// small writes a number with one decimal where that tells something.
func small(v float64) string {
	if v >= 9.95 || v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func rate(v float64) string { return small(v) }

func seconds(v float64) string {
	switch {
	case v < 0.00995:
		return fmt.Sprintf("%.1f ms", v*1000)
	case v < 0.9995:
		return fmt.Sprintf("%.0f ms", v*1000)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64) + " s"
	}
}
