package remote

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// page is an answer about n edges, with the labels that Istio's series have after a sum.
func page(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"success","data":{"resultType":"vector","result":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"metric":{"destination_service_name":"reviews-%d","destination_service_namespace":"bookinfo",`+
			`"destination_workload":"reviews-v2","reporter":"source","request_protocol":"http","response_code":"200",`+
			`"source_workload":"productpage-%d","source_workload_namespace":"bookinfo"},"value":[1700000000.781,"%d.25"]}`, i, i%40, i)
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

// canned answers every request with one body.
type canned []byte

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c)), Header: http.Header{}, Request: req}, nil
}

// BenchmarkQuery compares this package with client_golang on one answer of 1,000 rows, without a network.
func BenchmarkQuery(b *testing.B) {
	const rows = 1000
	body := canned(page(rows))
	b.Run("weir", func(b *testing.B) {
		backend := open(b, Source{Name: "bench", URL: "http://127.0.0.1:9090"})
		backend.client.Transport = body
		for b.Loop() {
			if a, err := backend.Query(b.Context(), "up", time.Time{}); err != nil || len(a.Vector) != rows {
				b.Fatal(err, len(a.Vector))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/rows, "µs/row")
	})
	b.Run("client_golang", func(b *testing.B) {
		client, err := api.NewClient(api.Config{Address: "http://127.0.0.1:9090", RoundTripper: body})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			v, _, _, err := promv1.NewAPI(client).Query(b.Context(), "up", time.Time{})
			if err != nil || len(v.(model.Vector)) != rows {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/rows, "µs/row")
	})
}
