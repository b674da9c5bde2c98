package history

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// commitMarker names the one series that the store writes itself: its sample ends every batch in the log.
const commitMarker = "weir_history_commit"

// errLimit is why the library does not create a series.
var errLimit = errors.New("a limit of the metrics store")

// limits decides which new series there may be. The library asks it once for each series that it does not know yet, so
// that samples of known series cost nothing here.
type limits struct {
	series, values int
	tally          *tally

	mu       sync.Mutex
	loading  bool // series out of the log are let in whatever they are: they were let in before
	count    int
	byMetric map[string]*spread
}

// spread counts the series of a metric. Values are kept of a metric that has more series than a label may have values,
// because no other can break that bound; they are forgotten with every clean-up of the memory, so that those of pods
// that are gone do not count for ever.
type spread struct {
	series int
	values map[string]map[uint64]struct{}
}

func newLimits(series, values int, t *tally) *limits {
	return &limits{series: series, values: values, tally: t}
}

// reset begins anew for an instance that is about to load its log.
func (l *limits) reset() tsdb.SeriesLifecycleCallback {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loading, l.count, l.byMetric = true, 0, map[string]*spread{}
	return l
}

// enforce ends the time of loading.
func (l *limits) enforce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loading = false
}

// number is how many series there are.
func (l *limits) number() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// PreCreation refuses a series that would break a limit, and counts it.
func (l *limits) PreCreation(series labels.Labels) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loading || series.Get(model.MetricNameLabel) == commitMarker {
		return nil
	}
	if reason, words := l.breaks(series); words != nil {
		l.tally.drop(reason, words)
		return errLimit
	}
	return nil
}

// breaks tells which limit a new series would break, and how to say so in words; they are nil when it breaks none.
func (l *limits) breaks(series labels.Labels) (reason int, words func() string) {
	if n := l.count; n >= l.series {
		return overSeries, func() string {
			return fmt.Sprintf("there are %d series, the limit: new ones are dropped; raise the limit, collect less, or use a Prometheus of your own", n)
		}
	}
	metric := series.Get(model.MetricNameLabel)
	if n := series.Len(); n > maxLabels {
		return overLabel, func() string {
			return fmt.Sprintf("a series of %s has %d labels, at most %d: it is dropped", brief(metric), n, maxLabels)
		}
	}
	known := l.byMetric[metric]
	series.Range(func(label labels.Label) {
		switch {
		case words != nil:
		case len(label.Name) > maxLabelName || len(label.Value) > maxLabelValue:
			reason, words = overLabel, func() string {
				return fmt.Sprintf("label %s of %s is %d bytes long, at most %d for a name and %d for a value: the series is dropped",
					brief(label.Name), brief(metric), max(len(label.Name), len(label.Value)), maxLabelName, maxLabelValue)
			}
		case known != nil && known.full(label, l.values):
			reason, words = overValues, func() string {
				return fmt.Sprintf("label %s of %s has more than %d values: series with further ones are dropped; take the label away where the metric is made",
					label.Name, brief(metric), l.values)
			}
		}
	})
	return reason, words
}

func (s *spread) full(label labels.Label, limit int) bool {
	values := s.values[label.Name]
	if len(values) < limit {
		return false
	}
	_, known := values[xxhash.Sum64String(label.Value)]
	return !known
}

// PostCreation counts a series.
func (l *limits) PostCreation(series labels.Labels) {
	l.mu.Lock()
	defer l.mu.Unlock()
	metric := series.Get(model.MetricNameLabel)
	if metric == commitMarker {
		return
	}
	l.count++
	s := l.byMetric[metric]
	if s == nil {
		s = &spread{}
		l.byMetric[metric] = s
	}
	s.series++
	if s.series <= l.values || l.loading {
		return
	}
	if s.values == nil {
		s.values = map[string]map[uint64]struct{}{}
	}
	series.Range(func(label labels.Label) {
		values := s.values[label.Name]
		if values == nil {
			values = map[uint64]struct{}{}
			s.values[label.Name] = values
		}
		values[xxhash.Sum64String(label.Value)] = struct{}{}
	})
}

// PostDeletion forgets series that ended long enough ago to be in blocks only.
func (l *limits) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, series := range gone {
		metric := series.Get(model.MetricNameLabel)
		s := l.byMetric[metric]
		if s == nil {
			continue
		}
		l.count--
		s.values = nil
		if s.series--; s.series <= 0 {
			delete(l.byMetric, metric)
		}
	}
}

// brief is a name that may have been made to be long.
func brief(name string) string {
	const most = 80
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}
