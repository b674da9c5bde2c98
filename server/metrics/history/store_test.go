package history

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

func TestAnswers(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	start := c.now()
	for i := range 25 {
		at := start.Add(time.Duration(i) * 5 * time.Second)
		appendAll(t, s,
			floatOf(at, float64(10*i), "__name__", "requests_total", "code", "200"),
			floatOf(at, float64(i), "__name__", "requests_total", "code", "500"),
			latency(at, int64(i), "__name__", "duration_seconds"))
		c.move(5 * time.Second)
	}
	end := start.Add(2 * time.Minute)
	want(t, s, `sum(rate(requests_total[1m]))`, end, 2.2)
	want(t, s, `requests_total{code="500"} @ `+"1772366400"+` + 1`, end, 1)
	want(t, s, `requests_total{code="500"} offset -5s`, start, 1)
	want(t, s, `histogram_quantile(1, rate(duration_seconds[1m]))`, end, 1)
	want(t, s, `histogram_quantile(0.5, rate(duration_seconds[1m]))`, end, 0.55)
	want(t, s, `sum(histogram_quantiles(duration_seconds, "q", 0.5, 1))`, end, 1.55)
	want(t, s, `scalar(requests_total{code="200"})`, end, 240)

	answer, err := s.QueryRange(t.Context(), `duration_seconds`, query.Range{Start: start, End: start.Add(20 * time.Second), Step: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Kind != query.Matrix || len(answer.Matrix) != 1 || len(answer.Matrix[0].Points) != 3 {
		t.Fatalf("a range of three points came back as %+v", answer)
	}
	last := answer.Matrix[0].Points[2]
	if last.H == nil || last.H.Count != 12 || !slices.Equal(last.H.CustomValues, []float64{0.1, 1}) || last.T != start.Add(20*time.Second).UnixMilli() {
		t.Errorf("the last histogram is %v at %d", last.H, last.T)
	}
	text, err := s.Query(t.Context(), `"hello"`, end)
	if err != nil || text.Kind != query.String || text.Text != "hello" {
		t.Errorf("a string came back as %+v, %v", text, err)
	}
	hinted, err := s.Query(t.Context(), `rate(duration_seconds[1m]) + on() group_left rate(requests_total{code="500"}[1m])`, end)
	if err != nil || len(hinted.Infos)+len(hinted.Warnings) == 0 {
		t.Errorf("adding a number to a histogram was not remarked upon: %+v, %v", hinted, err)
	}
	s.tend(t.Context())
	if status := s.Status(); status.State != query.OK || status.Store.Samples != 75 || status.Store.Series != 3 || status.LastSuccess.IsZero() ||
		!status.Store.Oldest.Equal(start) || !status.Store.Newest.Equal(end) || status.Store.Bytes == 0 {
		t.Errorf("status is %+v, %+v", status, status.Store)
	}
}

func TestGapsShow(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	start := c.now()
	appendAll(t, s, floatOf(start, 1, "__name__", "up", "job", "a"), floatOf(start, 1, "__name__", "up", "job", "b"))
	c.move(10 * time.Second)
	appendAll(t, s, floatOf(c.now(), math.Float64frombits(value.StaleNaN), "__name__", "up", "job", "b"))
	want(t, s, `sum(up)`, start.Add(9*time.Second), 2)
	want(t, s, `sum(up)`, start.Add(59*time.Second), 1) // b has ended
	if _, there := valueOf(t, s, `sum(up)`, start.Add(61*time.Second)); there {
		t.Error("a sample still counted after the lookback of a minute")
	}
}

func TestNamesAndSeries(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	at := c.now()
	appendAll(t, s, floatOf(at, 1, "__name__", "up", "job", "a"), floatOf(at, 1, "__name__", "up", "job", "b"), floatOf(at, 1, "__name__", "down", "why", "c"))
	series, warnings, err := s.Series(t.Context(), query.Selection{Match: []string{`up`, `{why!=""}`, `up{job="a"}`}, Start: at, End: at})
	if err != nil || len(warnings) != 0 {
		t.Fatal(warnings, err)
	}
	var got []string
	for _, l := range series {
		got = append(got, l.String())
	}
	if diff := cmp.Diff([]string{`{__name__="down", why="c"}`, `{__name__="up", job="a"}`, `{__name__="up", job="b"}`}, got); diff != "" {
		t.Error(diff)
	}
	series, warnings, err = s.Series(t.Context(), query.Selection{Match: []string{`up`}, Limit: 1})
	if err != nil || len(series) != 1 || len(warnings) != 1 {
		t.Errorf("a cut list is %v with the warnings %v, %v", series, warnings, err)
	}
	values, _, err := s.LabelValues(t.Context(), "job", query.Selection{Match: []string{`up`}})
	if diff := cmp.Diff([]string{"a", "b"}, values); diff != "" || err != nil {
		t.Error(diff, err)
	}
	names, _, err := s.LabelNames(t.Context(), query.Selection{Match: []string{`down`}})
	if diff := cmp.Diff([]string{"__name__", "why"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for name, ask := range map[string]func() error{
		"no matcher": func() error { _, _, err := s.Series(t.Context(), query.Selection{}); return err },
		"broken": func() error {
			_, _, err := s.LabelNames(t.Context(), query.Selection{Match: []string{"{"}})
			return err
		},
		"no label": func() error { _, _, err := s.LabelValues(t.Context(), "", query.Selection{}); return err },
		"wrong way": func() error {
			_, _, err := s.LabelNames(t.Context(), query.Selection{Start: at, End: at.Add(-1)})
			return err
		},
	} {
		if err := ask(); query.FaultOf(err) != query.BadData {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReferencesOutliveOpeningAgain(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	first, second := floatOf(c.now(), 1, "__name__", "first"), floatOf(c.now(), 2, "__name__", "second")
	appendAll(t, s, first)
	ref := storage.SeriesRef(0)
	write := func(x sample, v float64) {
		t.Helper()
		app := s.Appendable().AppenderV2(t.Context())
		var err error
		if ref, err = app.Append(ref, x.labels, 0, c.now().UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	write(second, 2)
	stale := s.Appendable().AppenderV2(t.Context())
	s.upkeep.Lock()
	err := s.reopen(t.Context(), func() error { return s.setAside("test", "wal", "wbl", "chunks_head") })
	s.upkeep.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := stale.Append(ref, second.labels, 0, c.now().UnixMilli(), 3, nil, nil, storage.AOptions{}); got != 0 || err != nil {
		t.Errorf("a batch that was begun before gave %d, %v", got, err)
	}
	if err := stale.Commit(); err == nil || !strings.Contains(err.Error(), "opened again") {
		t.Errorf("a batch that was begun before ended with %v", err)
	}
	c.move(time.Second)
	// The reference is what the new instance would give the first series it sees.
	write(second, 4)
	write(second, 4)
	want(t, s, `second`, c.now(), 4)
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Options{Dir: dir})
	_, err := Open(context.Background(), Options{Dir: dir})
	if mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second store in the same directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), "up", time.Now()); query.FaultOf(err) != query.Unavailable {
		t.Errorf("a closed store answered %v", err)
	}
	if err := tryAppend(s, floatOf(time.Now(), 1, "__name__", "up")); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("a closed store took a sample: %v", err)
	}
	if s.Status().State != query.Down {
		t.Error("a closed store is not down")
	}
	if err := openStore(t, Options{Dir: dir}).Close(); err != nil {
		t.Errorf("the directory could not be used again: %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: t.TempDir(), Retention: time.Minute}, {Dir: t.TempDir(), SeriesLimit: -1}} {
		if _, err := Open(context.Background(), o); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%+v was taken: %v", o, err)
		}
	}
}

func TestOwnMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	s := openStore(t, Options{Registerer: registry})
	appendAll(t, s, floatOf(time.Now(), 1, "__name__", "up"))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
	}
	if got["weir_history_samples_total"] != 1 || got["prometheus_tsdb_head_series"] != 2 {
		t.Errorf("metrics are %v", got)
	}
	if _, there := got["prometheus_engine_queries"]; !there {
		t.Error("the engine's metrics are missing")
	}
}
