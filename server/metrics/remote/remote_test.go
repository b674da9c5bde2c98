package remote

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/metrics/remote/prometheustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what must come.
const patience = 40 * time.Second

// open makes a backend that is closed with the test.
func open(t testing.TB, s Source) *Backend {
	t.Helper()
	b, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// serve runs a server until the test ends.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// observations are what the exporter's histograms have seen.
func observations() []float64 { return []float64{0.02, 0.3, 0.3, 0.7, 1.5, 4, 30} }

// scraped runs an exporter and a real Prometheus that scrapes it each second, and gives Prometheus' URL once it has two
// pages.
func scraped(t *testing.T) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "test_requests_total", Help: "Requests."}, []string{"source", "destination", "code"})
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "test_duration_seconds", Help: "Seconds.", Buckets: []float64{0.1, 0.5, 1, 5}})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "test_native_seconds", Help: "Seconds.", NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(requests, classic, native)
	requests.WithLabelValues("a", `b "quoted" \ ünïcode`, "200").Add(41)
	requests.WithLabelValues("a", "c", "503").Add(2.5)
	for _, v := range observations() {
		classic.Observe(v)
		native.Observe(v)
	}
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(exporter.Close)
	address := prometheustest.Start(t, prometheustest.Config{
		Flags: []string{"--enable-feature=native-histograms"},
		YAML: "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: exporter\n  static_configs: [{targets: [" +
			exporter.Listener.Addr().String() + "]}]\n",
	})
	b := open(t, Source{Name: "waiting", URL: address})
	eventually(t, "two scrapes", func() bool {
		a, err := b.Query(t.Context(), `count_over_time(test_requests_total{code="503"}[1m])`, time.Time{})
		return err == nil && len(a.Vector) == 1 && a.Vector[0].V >= 2
	})
	return address
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
