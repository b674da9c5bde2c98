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
	p := &page{tee: t}
	if t.store != nil {
		p.store = t.store.AppenderV2(ctx)
	}
	target, _ := promscrape.TargetFromContext(ctx)
	p.state = t.state(target)
	p.round = p.state.begin(time.Now())
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

	samples int // that were kept
	late    int // refused by the store: too old, or doubled
	refused int // refused by the store for another reason
	reason  error
	report  report
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
		got, _ := p.forward(&s, o) // a series that ends twice, or never began
		return got, nil
	}
	if p.samples++; p.samples > p.tee.job.Limits.Samples {
		return 0, tooMany{"samples", p.tee.job.Limits.Samples, "limits.samples"}
	}
	if ref == 0 {
		if !p.state.admit(p.tee.job.Limits.NewSeries) {
			return 0, tooMany{"new series within an hour", p.tee.job.Limits.NewSeries, "limits.newSeries"}
		}
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

// Commit ends a page that was read to its end, or the report about one that was not.
func (p *page) Commit() error {
	if p.report.given && !p.report.stale {
		p.state.finish(p, time.Now())
	}
	if p.store == nil {
		return nil
	}
	err := p.store.Commit()
	if err != nil {
		p.state.fail(err)
	}
	return err
}

// Rollback forgets a page that broke off.
func (p *page) Rollback() error {
	if p.store == nil {
		return nil
	}
	return p.store.Rollback()
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
