package web

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// policy allows what is served from this origin and nothing else. No page holds inline script or style. The one policy for
// trusted types lets a worker be started from an asset.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
	"trusted-types weir"

// secured sets the headers that every answer of the console carries. Pages are about the present, so they are never
// stored; assets replace that header with their own.
func (w *Web) secured(c *gin.Context) {
	h := c.Writer.Header()
	csp := policy
	if w.Admission != nil && w.Admission.Provider != nil {
		csp = policyWith(w.Admission.Provider.Origins())
	}
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", strings.Join([]string{"camera=()", "microphone=()", "geolocation=()", "payment=()"}, ", "))
	h.Set("Cache-Control", "no-store")
	c.Next()
}
