package scrape

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// ownRef marks the references that are handed out here, for series that the store has none for.
const ownRef storage.SeriesRef = 1 << 63

// churnWindow is how long a target's new series are counted.
const churnWindow = time.Hour

// tee takes the samples of one job's targets from the one parse of each page, and gives them to the store and to the
// live graph.
type tee struct {
	job    Job
	store  storage.AppendableV2 // nil: none
	live   Live                 // nil: none
	claims *sync.Map            // mesh.Source of a live proxy → the *state that feeds it
	next   atomic.Uint64        // own reference
	wire   *wire
	notice func(s *state, from, to outcome)

	mu     sync.Mutex
	states map[*promscrape.Target]*state
}

// AppenderV2 begins a page of the target that the context is of.
func (t *tee) AppenderV2(ctx context.Context) storage.AppenderV2 {
	target, _ := promscrape.TargetFromContext(ctx)
	p := &page{tee: t, state: t.state(target), open: true}
	p.round = p.state.begin(time.Now())
	if t.store != nil {
		p.store = t.store.AppenderV2(ctx)
	}
	return p
}

func (t *tee) state(target *promscrape.Target) *state {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.states[target]
	if s == nil {
		s = newState(target)
		t.states[target] = s
	}
	return s
}

// page is one page on its way in.
type page struct {
	tee   *tee
	state *state
	store storage.AppenderV2 // nil: none
	round uint64
	open  bool

	entries int // of the page that were kept
	samples int // of them, a classic histogram counting as one
	late    int // refused by the store: too old, or doubled
	refused int // refused by the store for another reason
	reason  error
	report  report
	time    int64 // of the page, in ms
}

// report is what the library says of a scrape when it is over.
type report struct {
	given   bool
	stale   bool // the target is gone: this ends its series
	up      bool
	samples int // on the page
	kept    int // of them, after filtering
	bytes   int // -1: more than the limit
}

// Append takes a sample; its many arguments are those of storage.AppenderV2. An error ends the page.
func (p *page) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) { //nolint:revive // the library's signature
	s := sample{ref, ls, st, t, v, h, fh}
	if o.MetricFamilyName != "" { // only the samples about the scrape itself have one
		p.report.take(o.MetricFamilyName, v)
		got, _ := p.forward(&s, o) // what counts is whether the page itself is stored
		return got, nil
	}
	if h == nil && fh == nil && value.IsStaleNaN(v) {
		if ref&partRef != 0 {
			c, end := p.state.classics.end(ref, p.round)
			if !end {
				return ref, nil
			}
			s.ref, s.ls = c.ref, c.labels
			_, _ = p.forward(&s, o) // as below
			return ref, nil
		}
		got, _ := p.forward(&s, o) // a series that ends twice, or never began
		return got, nil
	}
	p.entries++
	if ref&partRef != 0 {
		return ref, p.part(ref, &s)
	}
	if ref == 0 && h == nil && fh == nil {
		if c, slot := p.state.classics.find(ls, p.state.typeOf); c != nil {
			ref = p.state.classics.add(c, slot)
			return ref, p.part(ref, &s)
		}
	}
	if err := p.room(ref == 0); err != nil {
		return 0, err
	}
	got, err := p.forward(&s, o)
	if err != nil {
		p.refuse(err)
	}
	if p.state.proxied {
		p.state.feed.take(&s, got, p.round)
	}
	return got, nil
}

// room counts a sample, and says when there is no more room for such.
func (p *page) room(isNew bool) error {
	limits := &p.tee.job.Limits
	if p.samples++; p.samples > limits.Samples {
		return tooMany{"samples", limits.Samples, "limits.samples"}
	}
	if isNew && !p.state.admit(limits.NewSeries) {
		return tooMany{"new series within an hour", limits.NewSeries, "limits.newSeries"}
	}
	return nil
}

// part takes a series of a classic histogram, which counts as one sample.
func (p *page) part(ref storage.SeriesRef, s *sample) error {
	g := &p.state.classics
	p.time = s.t
	if g.set(ref, s.v, p.round) {
		return p.room(g.parts[ref&^partRef].of.ref == 0)
	}
	if most := p.tee.job.Limits.Buckets; s.ref == 0 && len(g.parts[ref&^partRef].of.bounds) > most+1 {
		return tooMany{"buckets in one histogram", most, "limits.buckets"}
	}
	return nil
}

// convert stores the page's classic histograms as native ones.
func (p *page) convert() {
	g := &p.state.classics
	for _, c := range g.on {
		h, fh, err := g.native(c)
		if err != nil {
			p.refuse(err)
			continue
		}
		s := sample{ref: c.ref, ls: c.labels, t: p.time, h: h, fh: fh}
		if c.ref == 0 && p.state.proxied {
			if c.point = p.state.feed.learn(c.labels); c.point != nil {
				p.state.feed.points[partRef|storage.SeriesRef(c.parts[0])] = c.point
				p.state.feed.changed = true
			}
		}
		if c.ref, err = p.forward(&s, storage.AppendV2Options{}); err != nil {
			p.refuse(err)
		}
		if c.point != nil {
			c.point.round, c.point.h, c.point.fh = p.round, h, fh
		}
	}
	if p.entries > 0 {
		g.sweep(p.round)
	}
	g.on = g.on[:0]
}

// sample is the arguments of Append.
type sample struct {
	ref   storage.SeriesRef
	ls    labels.Labels
	st, t int64
	v     float64
	h     *histogram.Histogram
	fh    *histogram.FloatHistogram
}

// forward gives a sample to the store, and a reference that holds whether the store took it or not.
func (p *page) forward(s *sample, o storage.AppendV2Options) (got storage.SeriesRef, err error) {
	ref := s.ref
	if ref&ownRef != 0 {
		ref = 0 // perhaps there is room now
	}
	if p.store != nil {
		if got, err = p.store.Append(ref, s.ls, s.st, s.t, s.v, s.h, s.fh, o); err == nil && got != 0 {
			return got, nil
		}
	}
	if s.ref != 0 {
		return s.ref, err
	}
	return ownRef | storage.SeriesRef(p.tee.next.Add(1)), err
}

// refuse counts what the store refused. It is no reason to end the page: the live graph goes on when the disk is full.
func (p *page) refuse(err error) {
	var partial *storage.AppendPartialError // the sample is in, an exemplar is not
	switch {
	case errors.As(err, &partial):
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrDuplicateSampleForTimestamp),
		errors.Is(err, storage.ErrOutOfBounds), errors.Is(err, storage.ErrTooOldSample):
		p.late++
	default:
		p.refused++
		p.reason = err
	}
}

// Commit ends a page that was read to its end, or the report about one that was not. The live graph comes first: the
// store may rearrange the histograms that it is given, and may be full.
func (p *page) Commit() error {
	if p.report.given && !p.report.up && p.tee.wire.ended() {
		return p.Rollback() // the job's own end cut it off, which says nothing of the target
	}
	var doubled string
	ended := p.report.given && !p.report.stale
	if ended {
		if p.report.up {
			p.convert()
		}
		doubled = p.state.tell(p, time.Now())
	}
	var err error
	if p.store != nil {
		err = p.store.Commit()
	}
	if ended {
		p.state.finish(p, doubled, err)
	}
	p.close()
	return err
}

// Rollback forgets a page that broke off.
func (p *page) Rollback() error {
	p.close()
	if p.store == nil {
		return nil
	}
	return p.store.Rollback()
}

// close lets the target's next page begin.
func (p *page) close() {
	if p.open {
		p.open = false
		p.state.classics.on = p.state.classics.on[:0]
		p.state.reading.Unlock()
	}
}

// take reads one sample about the scrape. Their names end in a byte that no name of a page can have.
func (r *report) take(name string, v float64) {
	if value.IsStaleNaN(v) {
		r.stale = true
		return
	}
	switch name[:len(name)-1] {
	case "up":
		r.given, r.up = true, v == 1
	case "scrape_samples_scraped":
		r.samples = int(v)
	case "scrape_samples_post_metric_relabeling":
		r.kept = int(v)
	case "scrape_body_size_bytes":
		r.bytes = int(v)
	}
}

// tooMany ends a page that has more of something than a limit allows.
type tooMany struct {
	what  string
	limit int
	field string
}

// Error says which limit it was.
func (e tooMany) Error() string {
	return fmt.Sprintf("it has more than %d %s, the job's %s", e.limit, e.what, e.field)
}
