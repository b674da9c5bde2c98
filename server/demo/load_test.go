package demo

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The generator keeps its rate although the server does not keep up, and holds no more than its bound.
func TestLoadIsOpenAndBounded(t *testing.T) {
	var inside, most atomic.Int64
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := inside.Add(1)
		defer inside.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer s.Close()
	l := newLoad(maxRate, 1, []visit{{url: s.URL, share: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx) }()
	until(t, "requests are dropped", func() bool { return l.counts().Dropped > 0 })
	until(t, "all that may wait do", func() bool { return inside.Load() == maxInFlight })
	cancel()
	close(release)
	<-done
	c := l.counts()
	// One that was decided on before the end may come after the others.
	if most.Load() != maxInFlight || c.Sent < maxInFlight || c.Sent > maxInFlight+1 || c.Failed != c.Sent {
		t.Errorf("%d were waiting, %+v; want %d of each", most.Load(), c, maxInFlight)
	}
}

func TestLoadMixesVisits(t *testing.T) {
	d := newDemo(t, Options{Seed: 7})
	seen := map[string]float64{}
	for range 10000 {
		seen[d.load.pick().service] += 1.0 / 10000
	}
	for _, v := range d.visits() {
		if math.Abs(seen[v.service]-v.share) > 0.03 {
			t.Errorf("%s: %.3f of the visits, want %.2f", v.service, seen[v.service], v.share)
		}
	}
}

// Every failure is kept with what its proxy or application said, through all who passed it on, and is told from a timeout.
func TestFailuresSayWhy(t *testing.T) {
	answer := func(status int, node, text string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if node != "" {
				w.Header().Set(NodeHeader, node)
			}
			http.Error(w, text, status)
		}))
		t.Cleanup(s.Close)
		return s
	}
	a := testApp(t, "cart")
	a.egress = answer(http.StatusServiceUnavailable, "", "no healthy upstream").URL
	through := httptest.NewServer(a)
	t.Cleanup(through.Close)
	for _, c := range []struct {
		url, want string
		fails     bool
		late      bool
	}{
		{through.URL, "status 502: cart: payment answered 503 of a proxy: no healthy upstream", true, false},
		{answer(http.StatusGatewayTimeout, "", "upstream request timeout").URL, "status 504 of a proxy: upstream request timeout", true, true},
		{answer(http.StatusInternalServerError, "b", "").URL, "status 500", true, false},
		{answer(http.StatusNotFound, "", "").URL, "status 404 of a proxy", false, false},
	} {
		l := newLoad(1, 1, nil)
		err := l.ask(t.Context(), visit{url: c.url})
		l.client.CloseIdleConnections()
		if err == nil || err.Error() != c.want || failure(err) != c.fails || (Failure{Why: c.want}).Late() != c.late {
			t.Errorf("got %v, which fails: %v; want %s", err, failure(err), c.want)
		}
	}
	a.client.CloseIdleConnections()
	if f := (Failure{URL: "http://b", Why: context.DeadlineExceeded.Error()}); !f.Late() || !strings.HasSuffix(f.String(), "http://b after 0s: context deadline exceeded") {
		t.Errorf("%s", f)
	}
	if failure(nil) || !failure(errors.New("connection refused")) {
		t.Error("what fails is told wrongly")
	}
}
