// Package prometheus answers questions in PromQL in Prometheus' own shapes, so that Grafana, promtool and whatever else
// speaks to a Prometheus can point at Weir. It reads requests and writes answers; what they come to is for the store
// behind Querier. The shapes are those of https://prometheus.io/docs/prometheus/latest/querying/api/.
package prometheus

import (
	"compress/gzip"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
)

// Querier answers questions; the embedded store and every remote backend do. Errors are query.Errors. The lists are
// sorted; warnings say what may be missing or wrong. A selection's zero times are no bounds.
type Querier interface {
	Query(ctx context.Context, expr string, at time.Time) (query.Answer, error)
	QueryRange(ctx context.Context, expr string, r query.Range) (query.Answer, error)
	Series(ctx context.Context, s query.Selection) (found []labels.Labels, warnings []string, err error)
	LabelNames(ctx context.Context, s query.Selection) (names, warnings []string, err error)
	LabelValues(ctx context.Context, label string, s query.Selection) (values, warnings []string, err error)
}

// Options are what a Handler needs.
type Options struct {
	// Querier gives the store that answers, by its source's name; empty: the one that answers when nobody chooses. Its
	// errors are for people. Nil: every question is answered in words that there is none.
	Querier func(source string) (Querier, error)
	Version string           // Weir's own, for buildinfo
	Now     func() time.Time // time.Now when nil
}

// Handler answers requests at Routes.
type Handler struct {
	o       Options
	mux     *http.ServeMux
	writers sync.Pool // of *gzip.Writer
}

// Route is an address that a Handler answers at. A part in braces is a parameter.
type Route struct{ Method, Path, Summary string }

// Routes lists what is answered: what Grafana, promtool and the API clients of the Prometheus project ask for.
func Routes() []Route {
	const post, get = http.MethodPost, http.MethodGet
	return []Route{
		{get, "/api/v1/query", "Answer a question in PromQL at a moment"},
		{post, "/api/v1/query", "Answer a question in PromQL at a moment"},
		{get, "/api/v1/query_range", "Answer a question in PromQL over a range"},
		{post, "/api/v1/query_range", "Answer a question in PromQL over a range"},
		{get, "/api/v1/series", "List series"},
		{post, "/api/v1/series", "List series"},
		{get, "/api/v1/labels", "List the names of labels"},
		{post, "/api/v1/labels", "List the names of labels"},
		{get, "/api/v1/label/{name}/values", "List the values of a label"},
		{get, "/api/v1/metadata", "Describe Weir's own series"},
		{get, "/api/v1/query_exemplars", "List exemplars: none are kept"},
		{post, "/api/v1/query_exemplars", "List exemplars: none are kept"},
		{get, "/api/v1/rules", "List rules: there are none"},
		{get, "/api/v1/alerts", "List alerts: there are none"},
		{get, "/api/v1/status/buildinfo", "Tell which version of Prometheus' interface this is"},
	}
}

// New makes a Handler.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{o: o, mux: http.NewServeMux()}
	h.writers.New = func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil { // the level is one of the package's own
			return gzip.NewWriter(nil)
		}
		return w
	}
	for path, answer := range map[string]func(*request) (data, error){
		"/api/v1/query":               h.query,
		"/api/v1/query_range":         h.queryRange,
		"/api/v1/series":              h.series,
		"/api/v1/labels":              h.labels,
		"/api/v1/label/{name}/values": h.labelValues,
		"/api/v1/metadata":            h.metadata,
		"/api/v1/query_exemplars":     h.exemplars,
		"/api/v1/rules":               h.rules,
		"/api/v1/alerts":              h.alerts,
		"/api/v1/status/buildinfo":    h.buildInfo,
	} {
		h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, answer) })
	}
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }
