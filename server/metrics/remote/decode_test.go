package remote

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/util/jsonutil"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/metrics/query"
)

// answerOf decodes a body that arrives a byte at a time, so that every value crosses a boundary of the buffer.
func answerOf(body string) (query.Answer, error) {
	var d result
	_, err := decode(iotest.OneByteReader(strings.NewReader(body)), d.read)
	return d.answer, err
}

func TestMatrix(t *testing.T) {
	a, err := answerOf(`{"data":{"result":[{"values":[[1,"1"],[2.001,"-0.5"],[4,"NaN"]],
		"histograms":[[3,{"count":"2","sum":"3","buckets":[[0,"1","2","2"]]}]],"metric":{"b":"","é":"\u00e9\"\\"},"new":{"x":[1]}}],
		"stats":{},"resultType":"matrix"},"status":"success","new":[null]}`)
	if err != nil || len(a.Matrix) != 1 {
		t.Fatal(a, err)
	}
	s := a.Matrix[0]
	var times []int64
	for _, p := range s.Points {
		times = append(times, p.T)
	}
	if !labels.Equal(s.Labels, labels.FromStrings("é", `é"\`)) || !slices.Equal(times, []int64{1000, 2001, 3000, 4000}) ||
		s.Points[1].V != -0.5 || s.Points[2].H == nil || s.Points[2].H.Count != 2 || !math.IsNaN(s.Points[3].V) {
		t.Errorf("%+v", s)
	}
	for name, result := range map[string]string{
		"out of order":  `[{"values":[[2,"1"],[1,"1"]]}]`,
		"twice":         `[{"values":[[2,"1"],[2,"1"]]}]`,
		"three parts":   `[{"values":[[2,"1",3]]}]`,
		"one part":      `[{"values":[[2]]}]`,
		"no parts":      `[{"values":[[]]}]`,
		"a bare number": `[{"values":[[2,1]]}]`,
		"a far time":    `[{"values":[[1e300,"1"]]}]`,
		"no array":      `{"values":[]}`,
		"overlapping":   `[{"histograms":[[1,{"buckets":[[0,"1","3","1"],[0,"2","4","1"]]}]]}]`,
		"not ordered":   `[{"histograms":[[1,{"buckets":[[0,"2","4","1"],[0,"1","2","1"]]}]]}]`,
		"NaN bounds":    `[{"histograms":[[1,{"buckets":[[0,"NaN","4","1"]]}]]}]`,
		"three numbers": `[{"histograms":[[1,{"buckets":[[0,"2","4"]]}]]}]`,
	} {
		if a, err := answerOf(`{"status":"success","data":{"resultType":"matrix","result":` + result + `}}`); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a, err := answerOf(`{"status":"success","data":{"resultType":"vector","result":null}}`); err != nil || len(a.Vector) != 0 {
		t.Errorf("null: %+v, %v", a, err)
	}
}

// written gives a histogram as Prometheus writes it into an answer.
func written(h *histogram.FloatHistogram) string {
	stream := jsoniter.NewStream(jsoniter.ConfigDefault, nil, 256)
	jsonutil.MarshalHistogram(h, stream)
	return `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,` + string(stream.Buffer()) + `]}]}}`
}

// TestHistograms reads what Prometheus wrote: exponential histograms come back the same, custom ones with the same
// observations between the same bounds.
func TestHistograms(t *testing.T) {
	for name, h := range map[string]*histogram.FloatHistogram{
		"empty":        {},
		"exponential":  {Schema: 3, Count: 9, Sum: 12.5, PositiveSpans: []histogram.Span{{Offset: -5, Length: 2}, {Offset: 3, Length: 1}}, PositiveBuckets: []float64{4, 3, 2}},
		"coarse":       {Schema: -4, Count: 3, Sum: 1e9, PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []float64{1, 2}},
		"fine":         {Schema: 8, Count: 3, Sum: 1, PositiveSpans: []histogram.Span{{Offset: 1000, Length: 2}}, PositiveBuckets: []float64{1, 2}},
		"around zero":  {Schema: 1, Count: 10, ZeroThreshold: 0.001, ZeroCount: 3, PositiveSpans: []histogram.Span{{Offset: 1, Length: 2}}, PositiveBuckets: []float64{1, 2}, NegativeSpans: []histogram.Span{{Offset: -2, Length: 1}, {Offset: 1, Length: 1}}, NegativeBuckets: []float64{1.5, 2.5}},
		"zero itself":  {Schema: 0, Count: 4, ZeroCount: 3, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []float64{1}},
		"custom":       {Schema: histogram.CustomBucketsSchema, Count: 6, Sum: 3, CustomValues: []float64{0.5, 1, 5}, PositiveSpans: []histogram.Span{{Length: 4}}, PositiveBuckets: []float64{1, 2, 1, 2}},
		"custom, gaps": {Schema: histogram.CustomBucketsSchema, Count: 4, Sum: 3, CustomValues: []float64{-3, 0.5, 1, 5, 7}, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}, {Offset: 2, Length: 1}}, PositiveBuckets: []float64{1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := answerOf(written(h))
			if err != nil || len(a.Vector) != 1 {
				t.Fatal(a, err)
			}
			got := a.Vector[0].H
			if err := got.Validate(); err != nil || got.Count != h.Count || got.Sum != h.Sum {
				t.Errorf("%v, %v, want %v", got, err, h)
			}
			if !h.UsesCustomBuckets() {
				if !got.Equals(h) {
					t.Errorf("%v, want %v", got, h)
				}
				return
			}
			if again := written(got); again != written(h) {
				t.Errorf("%s, want %s", again, written(h))
			}
		})
	}
}

// TestAnyHistogram does it with many, whose schemas and indexes are drawn.
func TestAnyHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &histogram.FloatHistogram{Schema: rapid.Int32Range(-4, 8).Draw(t, "schema"), Sum: 1}
		side := func(name string) (all []histogram.Span, counts []float64) {
			scale := math.Ldexp(1, int(h.Schema))
			first := int32(rapid.Float64Range(-300, 300).Draw(t, name) * scale)
			for i := range rapid.IntRange(0, 4).Draw(t, name+" spans") {
				length := rapid.Uint32Range(1, 3).Draw(t, name+" length")
				offset := rapid.Int32Range(1, 3).Draw(t, name+" gap")
				if i == 0 {
					offset = first
				}
				all = append(all, histogram.Span{Offset: offset, Length: length})
				for range length {
					counts = append(counts, rapid.Float64Range(0.5, 1e6).Draw(t, name+" count"))
				}
			}
			return all, counts
		}
		h.PositiveSpans, h.PositiveBuckets = side("positive")
		h.NegativeSpans, h.NegativeBuckets = side("negative")
		if len(h.PositiveSpans)+len(h.NegativeSpans) == 0 {
			h.Schema = 0 // an empty one does not tell
		}
		a, err := answerOf(written(h))
		if err != nil || !a.Vector[0].H.Equals(h) {
			t.Fatalf("%v, %v, want %v", a.Vector, err, h)
		}
	})
}

// FuzzDecode holds the decoder to: no panic, nothing out of order, and agreement with encoding/json on what an answer is.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(one))
	f.Add(page(2))
	f.Add([]byte(written(&histogram.FloatHistogram{Schema: 1, Count: 1, ZeroThreshold: 1, ZeroCount: 1, PositiveSpans: []histogram.Span{{Offset: 3, Length: 1}}, PositiveBuckets: []float64{1}})))
	f.Add([]byte(`{"status":"success","data":{"result":[{"values":[[1,"1"],[2,"2"]],"histograms":[[3,{"count":"2","buckets":[[1,"-2","-1","2"],[3,"-1","1","2"]]}]]}],"resultType":"matrix"}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["a"],"infos":null,"isPartial":true}`))
	f.Add([]byte(`{"status":"error","errorType":"bad_data","error":"no"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d result
		if _, err := decode(bytes.NewReader(body), d.read); err != nil {
			return
		}
		for _, s := range d.answer.Vector {
			sound(t, s.Labels, []query.Point{s.Point})
		}
		for _, s := range d.answer.Matrix {
			sound(t, s.Labels, s.Points)
		}
		var outer struct {
			Data struct {
				Result []json.RawMessage `json:"result"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &outer) == nil && d.answer.Kind == query.Vector && bytes.Count(body, []byte(`"result"`)) == 1 &&
			len(outer.Data.Result) != len(d.answer.Vector) {
			t.Fatalf("%d samples of %d", len(d.answer.Vector), len(outer.Data.Result))
		}
	})
}

func sound(t *testing.T, ls labels.Labels, points []query.Point) {
	t.Helper()
	if name, twice := ls.HasDuplicateLabelNames(); twice {
		t.Fatalf("label %q twice", name)
	}
	last := int64(math.MinInt64)
	for _, p := range points {
		if p.T < last {
			t.Fatalf("%d after %d", p.T, last)
		}
		last = p.T
		if p.H != nil {
			if err := p.H.Validate(); err != nil {
				t.Fatalf("%v: %v", p.H, err)
			}
		}
	}
}
