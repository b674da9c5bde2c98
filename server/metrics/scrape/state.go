package scrape

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/convertnhcb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// state is what is known of one target while it is scraped.
type state struct {
	target  *promscrape.Target
	labels  map[string]string
	src     mesh.Source
	proxied bool // it tells of one proxy, which the live graph shows

	// reading is held from the beginning of a page to its end: when the library restarts a target's loop, the old one
	// still ends its series.
	reading  sync.Mutex
	feed     feed
	classics histograms
	added    int // series since the window began
	since    time.Time

	telling sync.Mutex // held while the live graph is told
	gone    time.Time  // when it was no target any more

	mu   sync.Mutex
	last outcome
}

// outcome is how the last scrape ended.
type outcome struct {
	report
	state query.State
	err   string
	drop  int
}

func newState(target *promscrape.Target) *state {
	s := &state{
		target: target, labels: make(map[string]string),
		feed:     feed{points: make(map[storage.SeriesRef]*point)},
		classics: histograms{byKey: make(map[string]*classic), temp: convertnhcb.NewTempHistogram()},
		last:     outcome{state: query.Idle},
	}
	target.LabelsRange(func(l labels.Label) { s.labels[l.Name] = l.Value })
	s.src = mesh.Source{Mesh: s.labels[metrics.LabelMesh], Proxy: s.labels[metrics.LabelProxy]}
	s.src.Node, s.src.Gateway = strings.CutPrefix(s.labels[metrics.LabelSourceNode], mesh.GatewayID(""))
	s.proxied = s.src.Node != ""
	return s
}

// typeOf is what the page says that a family is.
func (s *state) typeOf(family string) model.MetricType {
	m, _ := s.target.GetMetadata(family)
	return m.Type
}

// begin starts a page and gives its number.
func (s *state) begin(now time.Time) uint64 {
	s.reading.Lock()
	if now.Sub(s.since) > churnWindow {
		s.since, s.added = now, 0
	}
	s.feed.round++
	return s.feed.round
}

// admit counts a new series, and says whether there is room.
func (s *state) admit(limit int) bool {
	if s.added >= limit {
		return false
	}
	s.added++
	return true
}

// tell gives the live graph its part of a page, or the news that there is nobody to ask. It names the job that speaks for
// the proxy already, if there is one.
func (s *state) tell(p *page, now time.Time) (doubled string) {
	t := p.tee
	s.telling.Lock()
	defer s.telling.Unlock()
	switch {
	case !s.proxied || t.live == nil || !s.gone.IsZero():
	case !p.report.up:
		if absent(s.target.LastError()) {
			t.leave(s)
		}
	case p.entries > 0: // an empty page is no page: the library forgets nothing either
		if other := t.claim(s); other != nil {
			return other.labels[model.JobLabel]
		}
		s.feed.push(t.live, s.src, t.job.Interval, now)
	}
	return ""
}

// finish takes the end of a scrape; stored is why the store could not keep it.
func (s *state) finish(p *page, doubled string, stored error) {
	t := p.tee
	o := outcome{report: p.report, state: query.OK}
	switch {
	case !o.up:
		host := s.target.URL().Host
		o.state, o.drop = query.Down, o.samples
		o.err = explain(s.target.LastError(), t.job, host, t.answer(host))
	case stored != nil:
		o.state, o.drop = query.Degraded, o.kept
		o.err = "the page could not be stored: " + brief(stored.Error())
	default:
		o.drop = o.kept - p.entries + p.late + p.refused
		if o.err = p.shortfall(o.drop, doubled); o.err != "" {
			o.state = query.Degraded
		}
	}
	s.mu.Lock()
	before := s.last
	s.last = o
	s.mu.Unlock()
	if t.notice != nil && before.state != o.state {
		t.notice(s, before, o)
	}
}

// shortfall says, in words, what of a page is not used.
func (p *page) shortfall(dropped int, doubled string) string {
	var list []string
	if twice := dropped - p.late - p.refused; twice > 0 {
		list = append(list, fmt.Sprintf("left out of the page: %d, since their series is on it twice and the first counts; the proxy must not repeat them", twice))
	}
	if p.late > 0 {
		list = append(list, fmt.Sprintf("left out of the store: %d, since it has newer ones; look whether the same target is in two jobs, or the clock was set back", p.late))
	}
	if p.refused > 0 {
		list = append(list, fmt.Sprintf("left out of the store: %d, since it refused them: %s", p.refused, brief(p.reason.Error())))
	}
	if doubled != "" {
		list = append(list, fmt.Sprintf("job %q reads the same proxy of the same mesh already, and the live graph counts it once: remove it from one of them, or set proxyLabel", doubled))
	}
	return strings.Join(list, "; ")
}

// show gives the target's health.
func (s *state) show(job Job, w *wire) query.Target {
	s.mu.Lock()
	o := s.last
	s.mu.Unlock()
	u := s.target.URL()
	return query.Target{
		Job: job.Name, URL: u.String(), Mesh: job.Mesh, Proxy: s.labels[metrics.LabelProxy], Node: s.labels[metrics.LabelSourceNode],
		Labels: s.labels, State: o.state, Error: o.err,
		LastScrape: s.target.LastScrape(), Took: s.target.LastScrapeDuration().Seconds(), Interval: job.Interval.Seconds(),
		Samples: o.samples, Dropped: o.drop, Bytes: max(o.bytes, 0), Format: formatOf(w.newest(u.Host).contentType),
	}
}

// formatOf names the format of a page by what its answer said; empty when that could not be seen.
func formatOf(contentType string) string {
	switch {
	case contentType == "":
		return ""
	case strings.HasPrefix(contentType, "application/vnd.google.protobuf"):
		return "protobuf"
	default:
		return "text"
	}
}

// absent says that there is no process to ask, as opposed to one that does not answer well.
func absent(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dns) && dns.IsNotFound
}

// claim makes the target the one that feeds its proxy, unless another does.
func (t *tee) claim(s *state) (other *state) {
	got, taken := t.claims.LoadOrStore(s.src, s)
	if owner := got.(*state); taken && owner != s {
		return owner
	}
	return nil
}

// leave says that the proxy is gone, if this target spoke for it.
func (t *tee) leave(s *state) {
	if t.claims.CompareAndDelete(s.src, s) {
		t.live.Gone(s.src)
	}
}

// answer is the newest of an address.
func (t *tee) answer(address string) answer {
	if t.wire == nil {
		return answer{}
	}
	return t.wire.newest(address)
}

// list gives the states there are.
func (t *tee) list() map[*promscrape.Target]*state {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make(map[*promscrape.Target]*state, len(t.states))
	for target, s := range t.states {
		list[target] = s
	}
	return list
}

// prune says of targets that are not scraped any more that they are gone, and forgets them when the library has ended
// their series, which takes it a little more than two intervals.
func (t *tee) prune(active []*promscrape.Target, now time.Time) {
	keep := make(map[*promscrape.Target]bool, len(active))
	for _, target := range active {
		keep[target] = true
	}
	for target, s := range t.list() {
		if keep[target] {
			continue
		}
		s.telling.Lock()
		if s.gone.IsZero() {
			s.gone = now
			if s.proxied && t.live != nil {
				t.leave(s)
			}
		}
		late := now.Sub(s.gone) > 4*t.job.Interval+time.Minute
		s.telling.Unlock()
		if late {
			t.mu.Lock()
			delete(t.states, target)
			t.mu.Unlock()
			if t.wire != nil { // another target of that address, if there is one, says it again
				t.wire.forget(target.URL().Host)
			}
		}
	}
}
