package remote

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// maxPoints is how many instants of a range Prometheus answers for; it refuses more.
const maxPoints = 11_000

// Backend is one server, ready to be asked. Its methods may be called at any time from anywhere; their errors are
// query.Errors that name the source.
type Backend struct {
	source Source
	client *http.Client
	idle   func()
	slots  chan struct{}
	get    atomic.Bool // it does not take POST

	mu     sync.Mutex
	health health
}

// New prepares a source's client, and validates the source. It asks the server nothing: one that cannot be reached yet
// is no error. Close the backend after use.
func New(s Source) (*Backend, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	client, idle, err := newClient(s)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "metrics source %q: http: %s", s.Name, excerpt(err.Error(), s))
	}
	return &Backend{
		source: s, client: client, idle: idle, slots: make(chan struct{}, s.Concurrency),
		health: health{state: query.Idle, since: time.Now()},
	}, nil
}

// Close closes the connections that are not in use.
func (b *Backend) Close() { b.idle() }

// Native tells whether the server keeps native histograms; classic buckets are asked for otherwise.
func (b *Backend) Native() bool { return b.source.Native() }

// Interval is how often the live graph is read from it.
func (b *Backend) Interval() time.Duration { return time.Duration(b.source.Interval) }

// Status says how the server does, by the questions until now. What it speaks is for whoever detects dialects.
func (b *Backend) Status() query.Source {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health.source(b.source)
}

// Query asks for an expression's value at an instant; the zero time is the server's now.
func (b *Backend) Query(ctx context.Context, expr string, at time.Time) (query.Answer, error) {
	params := url.Values{"query": {expr}}
	if !at.IsZero() {
		params.Set("time", seconds(at))
	}
	return b.evaluate(ctx, "/api/v1/query", params)
}

// QueryRange asks for an expression's values at the instants of a range.
func (b *Backend) QueryRange(ctx context.Context, expr string, r query.Range) (query.Answer, error) {
	switch {
	case r.Step < time.Millisecond:
		return query.Answer{}, query.Errorf(query.BadData, "the step is %s: give one of at least 1ms", r.Step)
	case r.End.Before(r.Start):
		return query.Answer{}, query.Errorf(query.BadData, "the range ends (%s) before it starts (%s)", r.End.UTC().Format(time.RFC3339), r.Start.UTC().Format(time.RFC3339))
	case r.End.Sub(r.Start)/r.Step >= maxPoints:
		return query.Answer{}, query.Errorf(query.BadData, "the range has more than %d steps: take a larger step or a shorter range", maxPoints)
	}
	return b.evaluate(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {seconds(r.Start)}, "end": {seconds(r.End)},
		"step": {strconv.FormatFloat(r.Step.Seconds(), 'f', -1, 64)},
	})
}

func (b *Backend) evaluate(ctx context.Context, path string, params url.Values) (query.Answer, error) {
	params.Set("timeout", fmt.Sprintf("%ds", int(math.Ceil(time.Duration(b.source.Timeout).Seconds()))))
	if b.source.Kind == VictoriaMetrics {
		// It hides the newest 30 s and moves the ends of ranges to fit its cache, unless told.
		params.Set("latency_offset", "1s")
		params.Set("nocache", "1")
	}
	var d result
	got, err := b.ask(ctx, question{path: path, params: params, data: func(iter *jsoniter.Iterator) {
		d = result{}
		d.read(iter)
	}})
	if err != nil {
		return query.Answer{}, err
	}
	a := d.answer
	a.Warnings, a.Infos, a.Partial, a.Took = got.warnings, got.infos, got.partial, got.took
	return a, nil
}

// Series gives the labels of the series that a selection chooses, sorted.
func (b *Backend) Series(ctx context.Context, s query.Selection) (found []labels.Labels, warnings []string, err error) {
	if len(s.Match) == 0 {
		return nil, nil, query.Errorf(query.BadData, "series are chosen by at least one matcher, such as {job=\"envoy\"}")
	}
	got, err := b.ask(ctx, question{path: "/api/v1/series", params: b.selection(s), data: func(iter *jsoniter.Iterator) {
		found = nil
		var builder labels.ScratchBuilder
		each(iter, func() { found = append(found, readLabels(iter, &builder)) })
	}})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(found, labels.Compare)
	found, warnings = cut(found, s.Limit, got.warnings)
	return found, warnings, nil
}

// LabelNames gives the names of the labels of the series that a selection chooses, sorted.
func (b *Backend) LabelNames(ctx context.Context, s query.Selection) (names, warnings []string, err error) {
	return b.list(ctx, question{path: "/api/v1/labels", params: b.selection(s)}, s.Limit)
}

// LabelValues gives the values that a label has in the series that a selection chooses, sorted.
func (b *Backend) LabelValues(ctx context.Context, label string, s query.Selection) (values, warnings []string, err error) {
	if label == "" {
		return nil, nil, query.Errorf(query.BadData, "a label's values are asked for by its name")
	}
	if !model.LegacyValidation.IsValidLabelName(label) {
		label = model.EscapeName(label, model.ValueEncodingEscaping)
	}
	path := "/api/v1/label/" + url.PathEscape(label) + "/values"
	return b.list(ctx, question{path: path, params: b.selection(s), get: true}, s.Limit)
}

func (b *Backend) list(ctx context.Context, q question, limit int) (all, warnings []string, err error) {
	q.data = func(iter *jsoniter.Iterator) { all = readStrings(iter) }
	got, err := b.ask(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(all)
	all, warnings = cut(all, limit, got.warnings)
	return all, warnings, nil
}

// selection writes a selection as parameters. One more than the limit is asked for: servers cut without a word.
func (b *Backend) selection(s query.Selection) url.Values {
	params := url.Values{}
	for _, m := range s.Match {
		params.Add("match[]", m)
	}
	if !s.Start.IsZero() {
		params.Set("start", seconds(s.Start))
	}
	if !s.End.IsZero() {
		params.Set("end", seconds(s.End))
	}
	if s.Limit > 0 {
		params.Set("limit", strconv.Itoa(s.Limit+1))
	}
	return params
}

func cut[T any](all []T, limit int, warnings []string) (rest []T, warned []string) {
	if limit <= 0 || len(all) <= limit {
		return all, warnings
	}
	return all[:limit], append(warnings, fmt.Sprintf("only the first %d are given: choose fewer", limit))
}

// seconds writes a time as the API takes it, exactly to the ms.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// note remembers how a question went.
func (b *Backend) note(o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.health = b.health.next(o, time.Duration(b.source.Timeout))
}

// fail words a failure with the source's name.
func (b *Backend) fail(f failure, err error) error {
	return &query.Error{Fault: f.fault, Err: named{fmt.Sprintf("metrics source %q (%s) %s", b.source.Name, b.source.URL, f.what), err}}
}

// named is an error whose text is for people and whose cause is kept for programs.
type named struct {
	text  string
	cause error
}

func (n named) Error() string { return n.text }
func (n named) Unwrap() error { return n.cause }

// split sorts what Prometheus says about a question: some versions send infos as warnings.
func split(warnings []string) (grave, infos []string) {
	for _, w := range warnings {
		if strings.HasPrefix(w, "PromQL info") {
			infos = append(infos, w)
		} else {
			grave = append(grave, w)
		}
	}
	return grave, infos
}

// incomplete tells from warnings whether data are missing: Thanos' stores, Mimir's ingesters and remote reads warn when
// they do not answer. What PromQL says about the expression, and a limit that was asked for, are not that.
func incomplete(warnings []string) bool {
	return slices.ContainsFunc(warnings, func(w string) bool {
		return !strings.HasPrefix(w, "PromQL warning") && !strings.Contains(w, "truncated due to limit")
	})
}

// stopped tells whether whoever asked went away or had less time than the source has.
func stopped(ctx context.Context) (query.Fault, bool) {
	switch err := ctx.Err(); {
	case err == nil:
		return "", false
	case errors.Is(err, context.DeadlineExceeded):
		return query.Timeout, true
	default:
		return query.Canceled, true
	}
}
