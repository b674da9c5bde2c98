package record

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/weirmesh/weir/server/mesh"
)

// TestPage holds what is stored of a real Envoy's pushes against its own Prometheus page: the same names, the same labels
// and the same values.
func TestPage(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	f, err := os.Open("../testdata/flushes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src := mesh.Source{Mesh: "demo", Proxy: "front-1", Node: "front"}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var at time.Time
	for lines.Scan() {
		var line struct {
			At       int64
			Families []json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		var families []*dto.MetricFamily
		for _, raw := range line.Families {
			family := &dto.MetricFamily{}
			if err := protojson.Unmarshal(raw, family); err != nil {
				t.Fatal(err)
			}
			families = append(families, family)
		}
		if next := time.UnixMilli(line.At); at.Unix() != next.Unix() && !at.IsZero() {
			w.write(t.Context(), next.Truncate(time.Second).UnixMilli(), false)
		}
		at = time.UnixMilli(line.At)
		w.Push(src, at, families)
	}
	at = at.Add(time.Second)
	w.write(t.Context(), at.UnixMilli(), false)
	compared := 0
	page := onPage(t)
	for _, s := range w.all(at, `{__name__=~"envoy_.+", __name__!~"envoy_server_.+"}`) {
		if v, ok := page[s.key]; !ok || v != s.v {
			t.Errorf("%s is %v, on the page %v (%v)", s.key, s.v, v, ok)
		}
		compared++
	}
	if compared < 100 {
		t.Errorf("%d series compared", compared)
	}
}

// onPage reads the recorded page: value, or count, by name and labels.
func onPage(t *testing.T) map[string]float64 {
	t.Helper()
	f, err := os.Open("../testdata/page.prom")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(f)
	if err != nil {
		t.Fatal(err)
	}
	page := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			of := map[string]string{}
			for _, p := range m.GetLabel() {
				of[p.GetName()] = p.GetValue()
			}
			page[keyOf(name, of)] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return page
}

func keyOf(name string, of map[string]string) string {
	list := []string{name}
	for _, k := range slices.Sorted(maps.Keys(of)) {
		list = append(list, k+"="+of[k])
	}
	return strings.Join(list, " ")
}

type found struct {
	key string  // without what Weir adds
	v   float64 // or count
}

// all asks for any number of series.
func (a asker) all(at time.Time, question string) []found {
	a.t.Helper()
	q, err := a.engine.NewInstantQuery(context.Background(), a.db, nil, question, at)
	if err != nil {
		a.t.Fatal(err)
	}
	defer q.Close()
	list, err := q.Exec(context.Background()).Vector()
	if err != nil {
		a.t.Fatal(err)
	}
	var all []found
	for _, s := range list {
		of := map[string]string{}
		s.Metric.Range(func(l labels.Label) { of[l.Name] = l.Value })
		if of["mesh"] != "demo" || of["source_node"] != "front" || of["proxy"] != "front-1" {
			a.t.Errorf("%s does not say whose it is", s.Metric)
		}
		name := of[model.MetricNameLabel]
		for _, l := range []string{"mesh", "source_node", "proxy", model.MetricNameLabel} {
			delete(of, l)
		}
		f := found{keyOf(name, of), s.F}
		if s.H != nil {
			f.v = s.H.Count
		}
		all = append(all, f)
	}
	return all
}
