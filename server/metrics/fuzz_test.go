package metrics

import (
	"math"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// FuzzPush says that no message makes the aggregator panic or answer with what is not a number.
func FuzzPush(f *testing.F) {
	for _, family := range recorded(f)[12].families[:20] {
		data, err := proto.Marshal(family)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, int64(500))
	}
	f.Fuzz(func(t *testing.T, data []byte, ms int64) {
		family := &dto.MetricFamily{}
		if proto.Unmarshal(data, family) != nil {
			return
		}
		l := New(Options{SeriesLimit: 20})
		at := begin()
		for range 3 {
			l.Push(front, at, []*dto.MetricFamily{family})
			at = at.Add(time.Duration(ms%100_000_000) * time.Millisecond)
		}
		l.Gone(front)
		o := l.Observe("demo", time.Minute, at)
		for _, e := range o.Edges {
			for _, v := range append(e.Classes[:], e.RequestRate, e.ErrorRatio, e.BytesRate, e.Active, e.Connections, e.Healthy) {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					t.Fatalf("%+v", e)
				}
			}
		}
		l.Counts("demo")
	})
}
