package history

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"

	"github.com/weirmesh/weir/server/metrics/query"
)

// fresh is for how long Status speaks of something that was dropped.
const fresh = 5 * time.Minute

// Status is the state of the store: degraded with the reasons in words when something is left out, down when it can
// neither store nor answer.
func (s *Store) Status() query.Source {
	o := s.o
	status := query.Source{Name: query.Embedded, Kind: query.Embedded, State: query.OK, Store: &query.Store{
		Series: s.limits.number(), SeriesLimit: o.SeriesLimit, Dropped: s.tally.dropped(), Refused: s.tally.refused(),
		Samples: s.tally.samples.Load(), Bytes: s.free.bytes.Load(), MaxBytes: o.MaxBytes,
		Retention: o.Retention.Seconds(), Step: o.Step.Seconds(),
	}}
	if at := s.asked.Load(); at != nil {
		status.LastSuccess, status.Latency = at.at, at.took.Seconds()
	}
	inst := s.current.Load()
	if inst != nil {
		status.Store.Oldest, status.Store.Newest = span(inst)
	}
	wrong := s.wrong(inst)
	switch {
	case s.verdict.first(closed, down) != "":
		status.State = query.Down
	case len(wrong) > 0:
		status.State = query.Degraded
	}
	status.Since = s.verdict.turned(status.State, s.o.Now())
	status.Message = strings.Join(wrong, ". ")
	return status
}

// wrong lists what is wrong, worst first.
func (s *Store) wrong(inst *instance) []string {
	var words []string
	add := func(what string) {
		if what != "" {
			words = append(words, what)
		}
	}
	add(s.verdict.first(closed, down))
	add(s.lowSpace())
	add(s.verdict.first(logFailed))
	add(s.clock(inst))
	add(s.verdict.first(compaction))
	for _, recent := range s.tally.recent(fresh) {
		add(recent)
	}
	add(s.verdict.first(logLoss))
	add(s.verdict.first(aside))
	add(s.short(inst))
	return words
}

// short says that there is no room for any block beside the log.
func (s *Store) short(inst *instance) string {
	if bytes := s.free.bytes.Load(); s.o.MaxBytes > 0 && bytes > s.o.MaxBytes && inst != nil && len(inst.db.Blocks()) == 0 {
		return fmt.Sprintf("the newest hour alone takes %s, and %s are allowed: there is no older history; allow more or collect less", size(bytes), size(s.o.MaxBytes))
	}
	return ""
}

// clock says that the clock went back, also between two rounds of upkeep.
func (s *Store) clock(inst *instance) string {
	if known := s.verdict.first(clockBehind); known != "" || inst == nil {
		return known
	}
	now, newest := s.o.Now(), inst.db.Head().MaxTime()
	if newest == math.MinInt64 || newest <= now.Add(late).UnixMilli() {
		return ""
	}
	return clockWords(now, newest)
}

// span is the time of the oldest and the newest sample; zero when there is none.
func span(inst *instance) (oldest, newest time.Time) {
	mint, maxt, ok := spanOf(inst.db.Blocks())
	head := inst.db.Head()
	if from, to := head.MinTime(), head.MaxTime(); from != math.MaxInt64 && to != math.MinInt64 {
		if !ok {
			mint, maxt = from, to
		}
		mint, maxt, ok = min(mint, from), max(maxt, to), true
	}
	if !ok {
		return time.Time{}, time.Time{}
	}
	return timestamp.Time(mint).UTC(), timestamp.Time(maxt).UTC()
}

// success is the newest answer.
type success struct {
	at   time.Time
	took time.Duration
}

func (s *Store) answered(took time.Duration) { s.asked.Store(&success{s.o.Now(), took}) }
