package server

import (
	"net"
	"net/http"
	"strings"
)

// nothing is what browsers may do with an answer that has no policy of its own. The console's pages and the API replace it.
const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// onlyEncrypted has browsers call this host and those below it encrypted for a year (RFC 6797).
const onlyEncrypted = "max-age=31536000; includeSubDomains"

// answers sets what every answer carries, whoever gives it: probes, redirects and refusals as well as pages.
func (s *Server) answers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", nothing)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // assets replace it
		encrypted := r.TLS != nil || s.gate != nil && s.gate.Encrypted(r)
		if encrypted && !ownMachine(r.Host) {
			h.Set("Strict-Transport-Security", onlyEncrypted)
		}
		next.ServeHTTP(w, r)
	})
}

// ownMachine tells whether browsers share a name among all that runs on a machine: what is asked for under it would bind
// other people's servers.
func ownMachine(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
