package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/relabel"
	promscrape "github.com/prometheus/prometheus/scrape"
	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

const (
	// syncEach is how soon a change of the targets takes effect.
	syncEach = 500 * time.Millisecond
	// pruneEach is how often the targets that are gone are forgotten.
	pruneEach = 2 * time.Second
)

// pool is a job that runs. Each has its own manager of the library, since a manager that waits for a hung target of one
// job to end would hold up the others.
type pool struct {
	given Job // as configured
	job   Job // with its defaults
	log   *slog.Logger
	tee   *tee
	names *net.Resolver // nil: the machine's

	mu      sync.Mutex
	manager *promscrape.Manager // nil: not running
	found   map[string]finding  // by where the targets were looked for
	changed chan struct{}
}

// finding is what one source of targets gave.
type finding struct {
	groups  []group
	problem string // why it could not be read; the groups are then those of before
}

// group is addresses with common labels, as in Prometheus' file_sd format.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels,omitempty"`
}

func newPool(s *Scraper, j Job) *pool {
	p := &pool{given: j, job: j.withDefaults(), log: s.log.With("job", j.Name), found: make(map[string]finding), changed: make(chan struct{}, 1)}
	p.names = s.opts.Resolver
	p.tee = &tee{
		job: p.job, store: s.opts.Appendable, live: s.opts.Live, claims: &s.claims, notice: s.notice,
		states: make(map[*promscrape.Target]*state),
	}
	s.pools[j.Name] = p
	return p
}

// run scrapes the job's targets until the context ends.
func (p *pool) run(ctx context.Context) error {
	w := newWire(ctx, p.job.Limits.BodyBytes)
	w.dialer.Resolver = p.names
	manager, err := p.start(w)
	if err != nil { // it was checked: a file that it names has changed since
		p.report("job", nil, brief(err.Error()))
		<-ctx.Done()
		return nil
	}
	p.mu.Lock()
	p.tee.wire, p.manager = w, manager
	p.mu.Unlock()
	sets := make(chan map[string][]*targetgroup.Group)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return manager.Run(sets) })
	p.discover(ctx, g)
	g.Go(func() error {
		defer manager.Stop()
		return p.deliver(ctx, sets)
	})
	if err = g.Wait(); errors.Is(err, errStopped) {
		err = nil
	}
	p.tee.prune(nil, time.Now())
	return err
}

// start makes the library's manager.
func (p *pool) start(w *wire) (*promscrape.Manager, error) {
	cfg, err := p.job.library()
	if err != nil {
		return nil, err
	}
	manager, err := promscrape.NewManager(&promscrape.Options{
		PassMetadataInContext:    true, // which tells the tee whose page it is
		DiscoveryReloadInterval:  model.Duration(syncEach),
		DiscoveryReloadOnStartup: true,
		HTTPClientOptions:        []config.HTTPClientOption{config.WithDialContextFunc(w.dial), config.WithUserAgent("weir")},
	}, slog.New(slog.DiscardHandler), nil, nil, p.tee, prometheus.NewRegistry())
	if err != nil {
		return nil, fmt.Errorf("scrape job %q: %w", p.job.Name, err)
	}
	if err := manager.ApplyConfig(cfg); err != nil {
		return nil, fmt.Errorf("scrape job %q: %w", p.job.Name, err)
	}
	return manager, nil
}

// deliver gives the library the targets whenever they changed.
func (p *pool) deliver(ctx context.Context, sets chan<- map[string][]*targetgroup.Group) error {
	tick := time.NewTicker(pruneEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return errStopped
		case <-tick.C:
			p.tee.prune(p.manager.TargetsActive()[p.job.Name], time.Now())
		case <-p.changed:
			groups, _ := p.groups()
			select {
			case sets <- map[string][]*targetgroup.Group{p.job.Name: groups}:
			case <-ctx.Done():
				return errStopped
			}
		}
	}
}

// report takes what a source of targets gave. With a problem, the targets of before stay.
func (p *pool) report(where string, groups []group, problem string) {
	p.mu.Lock()
	before := p.found[where]
	if problem != "" {
		groups = before.groups
	}
	p.found[where] = finding{groups, problem}
	if groups == nil && problem == "" {
		delete(p.found, where) // a file that is gone; names of files may change for ever
	}
	p.mu.Unlock()
	if problem != "" && problem != before.problem {
		p.log.Warn("targets could not be found", "source", where, "reason", problem)
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// groups puts together what all sources gave, in the library's form, and tells of what cannot be scraped.
func (p *pool) groups() ([]*targetgroup.Group, []query.Target) {
	p.mu.Lock()
	found := maps.Clone(p.found)
	p.mu.Unlock()
	var list []*targetgroup.Group
	var bad []query.Target
	for _, where := range slices.Sorted(maps.Keys(found)) {
		f := found[where]
		if f.problem != "" {
			bad = append(bad, query.Target{Job: p.job.Name, URL: where, Mesh: p.job.Mesh, State: query.Down, Error: f.problem, Interval: p.job.Interval.Seconds()})
		}
		for i, g := range f.groups {
			tg := &targetgroup.Group{Source: fmt.Sprint(where, "#", i)}
			for _, address := range g.Targets {
				set, err := p.label(address, g.Labels)
				if err != nil {
					bad = append(bad, query.Target{
						Job: p.job.Name, URL: address, Mesh: p.job.Mesh, State: query.Down, Interval: p.job.Interval.Seconds(),
						Error: "it is not scraped: " + brief(err.Error()),
					})
					continue
				}
				tg.Targets = append(tg.Targets, set)
			}
			list = append(list, tg)
		}
	}
	return list, bad
}

// label gives a target its labels. One with a label that is not its own to give is refused: half a name is worse.
func (p *pool) label(address string, own map[string]string) (model.LabelSet, error) {
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	all := maps.Clone(p.job.Labels)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, own)
	set := make(model.LabelSet, len(all)+4)
	for name, v := range all {
		if strings.HasPrefix(name, model.MetaLabelPrefix) {
			continue // about how it was found; it may name the node all the same
		}
		if err := checkLabel(name); err != nil {
			return nil, err
		}
		if len(v) > p.job.Limits.LabelValueLength {
			return nil, fmt.Errorf("its label %s is longer than limits.labelValueLength %d", name, p.job.Limits.LabelValueLength)
		}
		set[model.LabelName(name)] = model.LabelValue(v)
	}
	src, err := p.job.source(address, all)
	if err != nil {
		return nil, err
	}
	set[model.AddressLabel] = model.LabelValue(address)
	set[metrics.LabelMesh] = model.LabelValue(p.job.Mesh)
	set[metrics.LabelProxy] = model.LabelValue(src.Proxy)
	if src.Node != "" {
		set[metrics.LabelSourceNode] = model.LabelValue(src.End())
	}
	return set, nil
}

// targets gives the health of all of them.
func (p *pool) targets() []query.Target {
	_, list := p.groups()
	p.mu.Lock()
	manager := p.manager
	p.mu.Unlock()
	if manager == nil {
		return list
	}
	for _, t := range manager.TargetsActive()[p.job.Name] {
		list = append(list, p.tee.state(t).show(p.job, p.tee.wire))
	}
	return list
}

// library gives the job in the library's terms, checked by it.
func (j Job) library() (*promconfig.Config, error) {
	j = j.withDefaults()
	keep, err := relabel.NewRegexp("(?:" + strings.Join(j.Keep, "|") + ")(?:_bucket|_sum|_count)?")
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "scrape job %q: keep: %w", j.Name, err)
	}
	// Who converts classic histograms is a matter of cost alone: of protobuf, which Envoy speaks, the library does it in
	// half the time; of text the tee does, see partRef.
	yes, no, convert := true, false, j.Path == envoyPath
	sc := &promconfig.ScrapeConfig{
		JobName: j.Name, Scheme: j.Scheme, MetricsPath: j.Path, Params: j.Params,
		ScrapeInterval: model.Duration(j.Interval), ScrapeTimeout: model.Duration(j.Timeout),
		// Which format comes first; the last takes what is left.
		ScrapeProtocols: []promconfig.ScrapeProtocol{
			promconfig.PrometheusProto, promconfig.OpenMetricsText1_0_0, promconfig.OpenMetricsText0_0_1,
			promconfig.PrometheusText1_0_0, promconfig.PrometheusText0_0_4,
		},
		ScrapeNativeHistograms: &yes, ConvertClassicHistogramsToNHCB: &convert, AlwaysScrapeClassicHistograms: &no,
		ExtraScrapeMetrics: &yes, EnableCompression: true,
		HonorLabels: false, HonorTimestamps: false, // a target has no say in whose numbers and of when they are
		LabelLimit:            uint(j.Limits.Labels),
		LabelNameLengthLimit:  uint(j.Limits.LabelNameLength),
		LabelValueLengthLimit: uint(j.Limits.LabelValueLength),
		// The tee counts samples: it can end the page at once, where the library reads on.
		SampleLimit: 0, NativeHistogramBucketLimit: uint(j.Limits.Buckets),
		HTTPClientConfig: j.HTTP,
		MetricRelabelConfigs: []*relabel.Config{{
			SourceLabels: model.LabelNames{model.MetricNameLabel}, Regex: keep, Action: relabel.Keep,
			Separator: ";", Replacement: "$1", NameValidationScheme: model.UTF8Validation,
		}},
	}
	set(&sc.BodySizeLimit, j.Limits.BodyBytes)
	cfg, err := promconfig.Load("", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, mesh.Errorf(mesh.Internal, "scrape job %q: %w", j.Name, err)
	}
	if err := sc.Validate(cfg.GlobalConfig); err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "scrape job %q: %w", j.Name, err)
	}
	if _, err := config.NewClientFromConfig(sc.HTTPClientConfig, j.Name); err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "scrape job %q: http: %w", j.Name, err)
	}
	cfg.ScrapeConfigs = []*promconfig.ScrapeConfig{sc}
	return cfg, nil
}

// set gives a number a type that is named in a library of the library.
func set[T ~int64](to *T, v int64) { *to = T(v) }
