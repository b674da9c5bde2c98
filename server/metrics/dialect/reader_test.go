package dialect

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{Only: []string{"istio", "klingon"}}, `dialect "klingon" is not known`},
		{Options{Histograms: "modern"}, `histograms "modern"`},
		{Options{SourceLabels: []string{"pod", "a-b"}}, `source label "a-b"`},
		{Options{Rules: map[string]Rule{"shop": {Match: `cluster=eu`}}}, `rule for mesh "shop"`},
		{Options{Rules: map[string]Rule{"shop": {Match: `a="b"} or up{c="d"`}}}, "not a list of label matchers"},
		{Options{Rules: map[string]Rule{"shop": {Match: `a="b" # `}}}, "not a list of label matchers"},
		{Options{Rules: map[string]Rule{"shop": {Match: `a=~"("`}}}, "not a list of label matchers"},
	} {
		if _, err := New(nil, c.opts); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.opts, err, c.want)
		}
	}
	r, err := New(nil, Options{Rules: map[string]Rule{"": {Match: ` cluster = 'eu', env=~"live|dark" `}}})
	if err != nil || r.rules[""].match != `cluster="eu",env=~"live|dark"` {
		t.Errorf("rule %q, %v", r.rules[""].match, err)
	}
}

func reader(t *testing.T, series string, opts Options) (*Reader, *store) {
	data := promqltest.LoadedStorage(t, series)
	t.Cleanup(func() { data.Close() })
	s := newStore(t, data)
	r, err := New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func TestSpans(t *testing.T) {
	r, _ := reader(t, istioPair, Options{Step: 15 * time.Second})
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, bad := range []mesh.Span{
		{Start: at(600), End: at(300), Step: time.Minute, Window: time.Minute},
		{Start: at(300), End: at(600), Window: time.Minute},
		{End: at(600), Step: time.Minute},
		{Start: at(300), End: at(600), Step: -time.Minute, Window: time.Minute},
	} {
		if _, err := r.Plot(t.Context(), "shop", mesh.Subject{}, bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("plot over %+v: %v", bad, err)
		}
		if _, err := r.Film(t.Context(), "shop", bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("film over %+v: %v", bad, err)
		}
	}
	p, err := r.Plot(t.Context(), "shop", mesh.Subject{From: "a", To: "b"}, mesh.Span{Start: at(0), End: at(86400), Step: time.Second, Window: time.Second})
	if err != nil || len(p.At) > maxPoints || len(p.RequestRate) != len(p.At) {
		t.Fatalf("%d moments, %v", len(p.At), err)
	}
	want := []string{"the step is 8s: a span has at most 11000 moments", "the window is 1m0s: the source has a sample every 15s"}
	if !slices.Equal(p.Notes, want) {
		t.Errorf("notes %q", p.Notes)
	}
	one, err := r.Plot(t.Context(), "shop", mesh.Subject{}, mesh.Span{Start: at(600), End: at(600), Step: time.Second, Window: time.Minute})
	if err != nil || len(one.At) != 1 || math.Abs(one.RequestRate[0]-1) > 1e-9 {
		t.Errorf("one moment of the whole mesh: %+v, %v", one, err)
	}
}

// TestPieces reads a film in several pieces, and one that would have too many numbers by a longer step.
func TestPieces(t *testing.T) {
	r, s := reader(t, istioPair, Options{Step: 15 * time.Second})
	over := mesh.Span{Start: time.Unix(300, 0), End: time.Unix(700, 0), Step: 5 * time.Second, Window: time.Minute}
	f, err := r.Film(t.Context(), "shop", over)
	if err != nil || len(f.At) != 81 || len(f.RequestRate) != 81 || len(f.Edges) != 1 || f.Edges[0].Protocol != mesh.HTTP {
		t.Fatalf("%d moments of %v, %v", len(f.At), f.Edges, err)
	}
	if len(s.asked) < 4 {
		t.Errorf("asked %d times: not in pieces", len(s.asked))
	}
	for i, row := range f.RequestRate {
		if !f.At[i].Equal(over.Start.Add(time.Duration(i)*over.Step)) || math.Abs(row[0]-1) > 1e-9 {
			t.Fatalf("moment %d is %v: %v", i, f.At[i], row)
		}
	}
	r.cells = 20
	f, err = r.Film(t.Context(), "shop", over)
	if err != nil || len(f.At) > 20 || !slices.Contains(f.Notes, "the step is 25s: the film would have too many numbers") {
		t.Fatalf("%d moments, notes %q, %v", len(f.At), f.Notes, err)
	}
	for i, row := range f.RequestRate {
		if math.Abs(row[0]-1) > 1e-9 {
			t.Fatalf("moment %d: %v", i, row)
		}
	}
}

// TestRefusals gives callers their parts of what a pool refused, in every piece of a film and with a longer step.
func TestRefusals(t *testing.T) {
	r, s := reader(t, `
load 5s
  weir_edge_requests_total{mesh="shop",source="a",destination="c",protocol="http",code_class="2"} 0+150x120
  weir_edge_requests_total{mesh="shop",source="b",destination="c",protocol="http",code_class="2"} 0+50x120
  weir_edge_requests_total{mesh="shop",source="a",destination="d",protocol="http",code_class="2"} 0+50x120
  weir_edge_events_total{mesh="shop",source="b",destination="c",protocol="http",event="overflow"} 0+15x120
  weir_edge_events_total{mesh="shop",source="a",destination="c",protocol="http",event="timeout"} 0+5x120
  weir_edge_events_total{mesh="shop",source="a",destination="gone",protocol="http",event="overflow"} 0+5x120
  weir_node_events_total{mesh="shop",node="c",protocol="http",event="overflow"} 0+40x120
  weir_node_events_total{mesh="shop",node="d",protocol="http",event="no_route"} 0+40x120
  weir_node_events_total{mesh="other",node="d",protocol="http",event="overflow"} 0+40x120
`, Options{})
	over := mesh.Span{Start: time.Unix(300, 0), End: time.Unix(500, 0), Step: 5 * time.Second, Window: time.Minute}
	for cells, moments := range map[int]int{maxCells: 41, 60: 14} {
		r.cells = cells
		f, err := r.Film(t.Context(), "shop", over)
		if err != nil || len(f.At) != moments || len(f.Edges) != 3 || f.Partial {
			t.Fatalf("%d moments of %v, %v %v", len(f.At), f.Edges, f.Notes, err)
		}
		for i, row := range f.Refused {
			if math.Abs(row[0]-6) > 1e-9 || !math.IsNaN(row[1]) || math.Abs(row[2]-3) > 1e-9 {
				t.Fatalf("moment %d: %v refused", i, row)
			}
		}
	}
	for _, expr := range s.asked {
		if strings.Contains(expr, "events") && !strings.Contains(expr, "weir_edge_events_total|weir_node_events_total") {
			t.Errorf("a question more than is needed: %s", expr)
		}
	}
}

// names is a source that only has names of metrics.
type names struct {
	list  []string
	asked int
	err   error
}

func (n *names) LabelValues(_ context.Context, _ string, among query.Selection) ([]string, []string, error) {
	n.asked++
	return n.list, nil, n.err // whatever was asked for, as a store that ignores matchers
}

func (n *names) Query(context.Context, string, time.Time) (query.Answer, error) {
	return query.Answer{Kind: query.Vector}, nil
}

func (n *names) QueryRange(context.Context, string, query.Range) (query.Answer, error) {
	return query.Answer{Kind: query.Matrix}, nil
}

// TestDetectAgain sees a product appear: what was not there is looked for again soon, what was is remembered.
func TestDetectAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{}
		r, err := New(n, Options{})
		if err != nil {
			t.Fatal(err)
		}
		uses := func(at time.Time) (list []string) {
			found, err := r.Detect(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Used {
					list = append(list, f.Dialect)
				}
			}
			return list
		}
		now := time.Now()
		if got := uses(now); len(got) != 0 {
			t.Fatal("found", got)
		}
		n.list = []string{"istio_requests_total", "something_else"}
		time.Sleep(retry)
		if got := uses(now); !slices.Equal(got, []string{"istio"}) {
			t.Fatal("found", got)
		}
		asked := n.asked
		uses(now)
		if n.asked != asked {
			t.Error("what was found is not remembered")
		}
		n.list = append(n.list, "response_total")
		time.Sleep(refresh)
		if got := uses(now); !slices.Equal(got, []string{"istio", "linkerd"}) {
			t.Error("found", got)
		}
		past := now.Add(-48 * time.Hour)
		uses(past)
		asked = n.asked
		time.Sleep(24 * time.Hour)
		uses(past)
		if n.asked != asked {
			t.Error("a period that has passed is looked at again")
		}
		n.err = errors.New("it answers HTML")
		if _, err := r.Detect(t.Context(), now.Add(72*time.Hour)); mesh.CodeOf(err) != mesh.Unavailable {
			t.Error("a source that cannot be asked:", err)
		}
	})
}

// TestGivenUp asks for somebody who went away.
func TestGivenUp(t *testing.T) {
	r, _ := reader(t, istioPair, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Observe(ctx, "shop", time.Unix(600, 0), time.Minute); err == nil {
		t.Error("no error")
	}
}

// TestNamespaces reads workloads of one name in two namespaces, where the configuration knows the plain name.
func TestNamespaces(t *testing.T) {
	series := `
load 15s
  istio_requests_total{reporter="source",source_workload="web",source_workload_namespace="one",destination_workload="cart",destination_workload_namespace="one",response_code="200"} 0+15x60
  istio_requests_total{reporter="source",source_workload="web",source_workload_namespace="two",destination_workload="cart",destination_workload_namespace="two",response_code="200"} 0+15x60
`
	known := func(_, name string) (string, bool) {
		return name, name == "cart" || name == "web_two"
	}
	observe := func(rule Rule) mesh.Observation {
		r, _ := reader(t, series, Options{Known: known, Rules: map[string]Rule{"shop": rule}})
		o, err := r.Observe(t.Context(), "shop", time.Unix(600, 0), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	ids := func(o mesh.Observation) (list []string) {
		for _, e := range o.Edges {
			list = append(list, e.From+"→"+e.To)
		}
		return list
	}
	if o := observe(Rule{}); !slices.Equal(ids(o), []string{"web.one→cart", "web_two→cart"}) || len(o.Notes) != 1 {
		t.Error(ids(o), o.Notes)
	}
	if o := observe(Rule{Namespace: "two"}); !slices.Equal(ids(o), []string{"web→cart", "web.one→cart.one"}) || len(o.Notes) != 0 {
		t.Error(ids(o), o.Notes)
	}
	if o := observe(Rule{Match: `source_workload_namespace="two"`}); !slices.Equal(ids(o), []string{"web_two→cart"}) {
		t.Error(ids(o), o.Notes)
	}
}

// TestSilence tells a source that has nothing about a mesh from one that could not be read whole.
func TestSilence(t *testing.T) {
	at := time.Unix(600, 0)
	over := mesh.Span{Start: time.Unix(300, 0), End: at, Step: time.Minute, Window: 30 * time.Second}
	for _, c := range []struct {
		name, series string
		silent       bool
	}{
		{"another mesh's", "load 15s\n  weir_edge_requests_total{mesh=\"other\",source=\"a\",destination=\"b\",code_class=\"2\"} 0+15x60", true},
		{"nobody's", "load 15s\n  up 1x60", true},
		{"the mesh's", istioPair, false},
	} {
		r, s := reader(t, c.series, Options{Step: 15 * time.Second})
		o, err := r.Observe(t.Context(), "shop", at, time.Minute)
		if err != nil || o.Silent != c.silent {
			t.Errorf("%s: silent %v, %v", c.name, o.Silent, err)
		}
		f, err := r.Film(t.Context(), "shop", over)
		if err != nil || f.Silent != c.silent || f.Window != time.Minute {
			t.Errorf("%s: film silent %v, over %v, %v", c.name, f.Silent, f.Window, err)
		}
		s.fail = func(expr string) error {
			if strings.Contains(expr, "duration") {
				return errors.New("gone")
			}
			return nil
		}
		if o, err := r.Observe(t.Context(), "shop", at, time.Minute); err != nil || o.Silent && c.name != "nobody's" {
			t.Errorf("%s: silent although questions failed: %v", c.name, err)
		}
	}
}
