package server

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// patience is how long a request may wait for what it needs: a database that has stopped answering would otherwise hold every
// request for as long as all those before it. Whoever waits for it longer is told to come again.
const patience = 30 * time.Second

// deed is the same for requests that change something: they wait for each other.
const deed = 25 * time.Second

// waiting is for requests that take long by what they are: a long poll, a change that is to be told of once it has landed, a
// whole ledger.
const waiting = 45 * time.Second

// bounded gives a request its patience. What streams, and what has a limit of its own, has none here.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := patienceFor(r)
		if limit == 0 {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func patienceFor(r *http.Request) time.Duration {
	path, api := strings.CutPrefix(r.URL.Path, "/api/")
	switch {
	case r.Header.Get("Upgrade") != "", api && strings.HasSuffix(path, "/stream"), strings.HasPrefix(r.URL.Path, "/prometheus/"):
		return 0
	case strings.Contains(r.URL.RawQuery, "wait"), strings.HasSuffix(path, "/live/poll"), strings.HasSuffix(path, "/export"):
		return waiting
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return deed
	}
	return patience
}
