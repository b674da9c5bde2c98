package dialect

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// What was found is looked for again after a while: soon in the period that is still going on, where a product may have
// appeared a moment ago, and never in those that have passed.
const (
	period     = time.Hour
	settled    = 10 * time.Minute // after the end of a period, everything of it has arrived
	refresh    = 30 * time.Second
	retry      = 2 * time.Second // where nothing was found: somebody has just set the source up and is waiting
	maxPeriods = 200
	maxNames   = 1000
)

// finding is what a source speaks in one period.
type finding struct {
	list  []query.Found
	used  []spoken
	until time.Time // when it must be looked for again; zero: never
}

// periods are whole ones, from start up to end, in seconds since 1970.
type periods struct{ start, end int64 }

// spoken is a dialect in use, with the names of its metrics that are there.
type spoken struct {
	dialect
	have   map[string]bool
	beside bool // another dialect counts some of its series; only the rest of them counts here
}

// Detect finds out which dialects the source speaks around that moment, and says of each why it is used or not: first
// those that claim part of Envoy's series, so that no request is counted in two dialects.
func (r *Reader) Detect(ctx context.Context, at time.Time) ([]query.Found, error) {
	f, err := r.find(ctx, at, at)
	if err != nil {
		return nil, err
	}
	return slices.Clone(f.list), nil
}

// find gives what is spoken between two moments, from memory where it can.
func (r *Reader) find(ctx context.Context, from, to time.Time) (finding, error) {
	key := periods{from.Truncate(period).Unix(), to.Truncate(period).Add(period).Unix()}
	now := time.Now()
	r.mu.Lock()
	f, known := r.seen[key]
	r.mu.Unlock()
	if known && (f.until.IsZero() || now.Before(f.until)) {
		return f, nil
	}
	end := time.Unix(key.end, 0)
	f, err := r.search(ctx, time.Unix(key.start, 0), end)
	if err != nil {
		return f, err
	}
	switch {
	case !now.Before(end.Add(settled)):
	case len(f.used) == 0:
		f.until = now.Add(retry)
	default:
		f.until = now.Add(refresh)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= maxPeriods {
		clear(r.seen)
	}
	r.seen[key] = f
	r.tell(f)
	return f, nil
}

// tell logs what is spoken when that is something else than before.
func (r *Reader) tell(f finding) {
	var names []string
	for _, d := range f.used {
		names = append(names, d.name)
	}
	if now := strings.Join(names, ", "); now != r.spoken {
		r.spoken = now
		r.opts.Logger.Info("dialects found", "dialects", now)
	}
}

// search asks the source for the metrics of every dialect.
func (r *Reader) search(ctx context.Context, from, to time.Time) (finding, error) {
	var f finding
	among := query.Selection{Start: from, End: to, Limit: maxNames}
	have, there := make([]map[string]bool, len(r.dialects)), make(map[string]bool)
	for i := range r.dialects {
		d := &r.dialects[i]
		found, err := r.metrics(ctx, d, among, "")
		if err != nil {
			return f, err
		}
		have[i] = found
		there[d.name] = d.anchored(found) != "" && r.allowed(d.name)
	}
	for i, d := range r.dialects {
		better := r.better(&d, there)
		if better != "" && d.rest != "" && there[d.name] {
			found, err := r.metrics(ctx, &d, among, d.rest)
			if err != nil {
				return f, err
			}
			if d.anchored(found) != "" {
				better = ""
				d.caveat = "; what " + r.better(&d, there) + " counts is left to it"
			}
		}
		found := query.Found{Dialect: d.name, Series: len(have[i])}
		found.Used, found.Why = r.judge(&d, have[i], better)
		if found.Used {
			f.used = append(f.used, d.speak(have[i], r.better(&d, there) != ""))
		}
		f.list = append(f.list, found)
	}
	return f, nil
}

// metrics gives the names of a dialect's metrics that the source has.
func (r *Reader) metrics(ctx context.Context, d *dialect, among query.Selection, rest string) (map[string]bool, error) {
	among.Match = d.selections(rest)
	names, _, err := r.q.LabelValues(ctx, "__name__", among)
	if err != nil {
		return nil, mesh.Errorf(mesh.Unavailable, "look for series of %s in the source: %w", d.name, err)
	}
	have := make(map[string]bool, len(names))
	for _, n := range names {
		if slices.Contains(d.names, n) { // a store may ignore what to match
			have[n] = true
		}
	}
	return have, nil
}

// speak makes a dialect one that is used.
func (d *dialect) speak(have map[string]bool, beside bool) spoken {
	if d.whole {
		for _, n := range d.names {
			have[n] = true
		}
	}
	return spoken{*d, have, beside && d.rest != ""}
}

// better names a dialect that is there and counts the same requests; none when the configuration names this one.
func (r *Reader) better(d *dialect, there map[string]bool) string {
	if slices.Contains(r.opts.Only, d.name) && d.rest == "" {
		return ""
	}
	for _, name := range d.yields {
		if there[name] {
			return name
		}
	}
	return ""
}

// judge says whether a dialect is used, and why.
func (r *Reader) judge(d *dialect, have map[string]bool, better string) (bool, string) {
	anchor := d.anchored(have)
	switch {
	case !r.allowed(d.name):
		return false, "the configuration does not name it among the source's dialects"
	case anchor == "" && len(have) > 0:
		return false, "of its metrics only " + some(have) + " is there, and no " + d.wanted()
	case anchor == "":
		return false, "there is no " + d.wanted()
	case better != "" && d.rest != "":
		return false, anchor + " is there, and all of it is counted by " + better
	case better != "":
		return false, anchor + " is there, but so is " + better + ", which may count the same requests and knows more of them; name " + d.name + " in the source's dialects to use it all the same"
	}
	return true, anchor + " is there" + d.caveat
}

func (r *Reader) allowed(name string) bool {
	return len(r.opts.Only) == 0 || slices.Contains(r.opts.Only, name)
}

// anchored gives the first anchor that was found.
func (d *dialect) anchored(have map[string]bool) string {
	for _, a := range d.anchors {
		if have[a] {
			return a
		}
	}
	return ""
}

// wanted says what would make a dialect.
func (d *dialect) wanted() string {
	names := strings.Join(d.anchors[:min(len(d.anchors), 3)], " or ")
	if d.told != "" {
		return names + " " + d.told
	}
	return names
}

// selections are the series by which a dialect is found, or the rest of them.
func (d *dialect) selections(rest string) []string {
	names := oneOf("__name__", d.names)
	if len(d.guards) == 0 {
		return []string{"{" + both(names, rest) + "}"}
	}
	list := make([]string, len(d.guards))
	for i, g := range d.guards {
		list[i] = "{" + both(names, g, rest) + "}"
	}
	return list
}

func some(have map[string]bool) string {
	list := make([]string, 0, len(have))
	for n := range have {
		list = append(list, n)
	}
	return slices.Min(list)
}

// missing says in one sentence that nothing was found.
func (f *finding) missing() string {
	var names []string
	for _, d := range f.list {
		names = append(names, d.Dialect)
	}
	return "no dialect matches what the source has (looked for: " + strings.Join(names, ", ") + "); see the source's page for what each would need"
}
