// Package dialect knows how the series of each mesh product become edges: Weir's own rollups, plain Envoy, Istio, Linkerd,
// Kuma, Consul, App Mesh, OpenTelemetry service graphs and Cilium Hubble, a file each. A Reader finds out which of them a
// store of metrics speaks, asks it in PromQL, and answers with what was seen of a mesh at a moment or over a span.
//
// It stores nothing and judges nothing; the store behind it is anything that answers PromQL.
package dialect

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Querier answers questions in PromQL: the embedded store or a remote one. Errors are query.Errors.
type Querier interface {
	// Query answers at one moment.
	Query(ctx context.Context, expr string, at time.Time) (query.Answer, error)
	// QueryRange answers at every moment of a range.
	QueryRange(ctx context.Context, expr string, over query.Range) (query.Answer, error)
	// LabelValues gives the values of a label among the chosen series, and warnings.
	LabelValues(ctx context.Context, name string, among query.Selection) ([]string, []string, error)
}

// Histograms says how latencies are read.
type Histograms string

// The ways to read latencies.
const (
	// Auto lets the store work out quantiles: of native histograms where there are some, of classic ones otherwise.
	Auto Histograms = ""
	// Native fetches native histograms and works out all quantiles here in one pass: right for a store in this process.
	Native Histograms = "native"
	// Classic uses classic buckets even where native histograms are stored too.
	Classic Histograms = "classic"
)

// Rule says which series are a mesh's, where the products' own labels do not.
type Rule struct {
	// Match is more label matchers for every question about the mesh, as in `cluster="eu",env=~"live|dark"`.
	Match string
	// Namespace is the one whose workloads are called by their plain names.
	Namespace string
}

// Options says how a source is read. Zero fields mean the defaults.
type Options struct {
	// Rules by mesh name; that of "" is for all meshes that have none. Without one, all series of dialects that do not
	// know meshes (Istio, Linkerd, Consul, OpenTelemetry, Hubble) are taken for those of any mesh that is asked for.
	Rules map[string]Rule
	// Only names the dialects that may be used; empty means all, as they are found.
	Only []string
	// Histograms is how latencies are read.
	Histograms Histograms
	// Step is the time between two samples of a series: 5 s. Windows are at least four steps.
	Step time.Duration
	// SourceLabels are the labels that name the proxy's own node in series of plain Envoys, the best first. Default:
	// source_node, appmesh_virtual_node, workload, deployment, app, app_kubernetes_io_name, service, proxy, pod, instance, job.
	SourceLabels []string
	// Known gives the graph's id of a name that the mesh's configuration knows: of a virtual node or virtual gateway. Nil:
	// it knows none.
	Known func(mesh, name string) (id string, ok bool)
	// MaxEdges bounds an answer: 20000. Edges beyond it are left out, and that is said.
	MaxEdges int
	// Logger gets what was found when that changes. Nil: nobody.
	Logger *slog.Logger
}

// The defaults, and the bounds of every source.
const (
	defaultStep  = 5 * time.Second
	defaultEdges = 20000
	maxLabel     = 256       // bytes of a name; a longer one is cut
	maxPoints    = 11000     // moments of a range, as in Prometheus
	maxCells     = 2_000_000 // edges times moments of a film
)

// Reader reads what was seen of meshes from one source of stored metrics. It is safe for concurrent use.
type Reader struct {
	q        Querier
	opts     Options
	rules    map[string]rule
	dialects []dialect

	mu     sync.Mutex
	seen   map[periods]finding // what was found
	spoken string              // what was last logged
	cells  int                 // maxCells
}

// rule is a Rule in PromQL's own spelling.
type rule struct {
	match     string
	namespace string
}

// New makes a reader. It refuses rules that are not matchers, label names that are none, and dialects nobody speaks.
func New(q Querier, opts Options) (*Reader, error) {
	r := &Reader{q: q, opts: opts, rules: make(map[string]rule), dialects: all(), seen: make(map[periods]finding), cells: maxCells}
	if r.opts.Step <= 0 {
		r.opts.Step = defaultStep
	}
	if r.opts.MaxEdges <= 0 {
		r.opts.MaxEdges = defaultEdges
	}
	if r.opts.Known == nil {
		r.opts.Known = func(string, string) (string, bool) { return "", false }
	}
	if r.opts.Logger == nil {
		r.opts.Logger = slog.New(slog.DiscardHandler)
	}
	switch opts.Histograms {
	case Auto, Native, Classic:
	default:
		return nil, mesh.Errorf(mesh.Invalid, "histograms %q: write native, classic, or nothing to let it be found out", opts.Histograms)
	}
	if len(opts.SourceLabels) == 0 {
		r.opts.SourceLabels = []string{
			"source_node", "appmesh_virtual_node", "workload", "deployment", "app", "app_kubernetes_io_name", "service", "proxy",
			"pod", "instance", "job",
		}
	}
	for _, name := range r.opts.SourceLabels {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return nil, mesh.Errorf(mesh.Invalid, "source label %q: a label's name has letters, digits and _, and does not begin with a digit", name)
		}
	}
	for _, name := range opts.Only {
		if !slices.Contains(Names(), name) {
			return nil, mesh.Errorf(mesh.Invalid, "dialect %q is not known: choose among %s", name, strings.Join(Names(), ", "))
		}
	}
	for name, given := range opts.Rules {
		match, err := normal(given.Match)
		if err != nil {
			return nil, mesh.Errorf(mesh.Invalid, "rule for mesh %q: match %q is not a list of label matchers such as cluster=\"eu\": %v", name, given.Match, err)
		}
		r.rules[name] = rule{match, given.Namespace}
	}
	return r, nil
}

// normal reads matchers and writes them again, so that nothing but matchers gets into a question.
func normal(match string) (string, error) {
	if strings.TrimSpace(match) == "" {
		return "", nil
	}
	found, err := parser.NewParser(parser.Options{}).ParseMetricSelector(`{__name__!="",` + match + `}`)
	if err != nil {
		return "", err
	}
	var list []string
	for _, m := range found[1:] {
		list = append(list, m.String())
	}
	return strings.Join(list, ","), nil
}

// Names lists the dialects in the order in which they are looked for.
func Names() []string {
	var names []string
	for _, d := range all() {
		names = append(names, d.name)
	}
	return names
}

// Metrics lists the names of the metrics that a dialect reads; none when nobody speaks it.
func Metrics(name string) []string {
	for _, d := range all() {
		if d.name == name {
			return slices.Clone(d.names)
		}
	}
	return nil
}

// dialect is how one product's series become edges.
type dialect struct {
	name    string
	names   []string // of all metrics that it asks for; they are looked for among the series that its guards select
	anchors []string // those that make it: without any of them the others mean nothing
	guards  []string // matchers, of which one must match; empty: none
	told    string   // the guards in words
	yields  []string // the dialects that count the same requests better: with one of them there this one is not used
	rest    string   // matchers of the series that those do not count: for them it is used all the same
	caveat  string   // what its numbers are not, said where it is found
	whole   bool     // all of its metrics may be asked for once one is there: a moment after the start some have not come yet
	asks    func(*scope) []ask
}

// all lists the dialects: those that claim part of Envoy's series before the one that takes what is left.
func all() []dialect {
	return []dialect{consul(), kuma(), appmesh(), weir(), istio(), linkerd(), envoy(), hubble(), otel()}
}
