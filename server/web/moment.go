package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/page"
)

// What the numbers of a moment are taken over.
const (
	defaultWindow = 30 * time.Second
	minWindow     = time.Second
	maxWindow     = time.Hour
)

// clockSkew is how far a moment may lie ahead, because the browser's clock is another.
const clockSkew = 5 * time.Second

// moment is which moment a page is about; without a time it is the present.
type moment struct {
	at     time.Time
	window time.Duration
}

// readMoment reads the moment and the window of an address.
func (w *Web) readMoment(c *gin.Context, now time.Time) (moment, error) {
	m := moment{window: defaultWindow}
	var err error
	if m.at, err = parseMoment("at", c.Query("at"), now); err != nil {
		return m, err
	}
	if m.window, err = parseWindow(c.Query("window")); err != nil {
		return m, err
	}
	if w.Timeline == nil && !m.at.IsZero() {
		return m, mesh.Errorf(mesh.Unavailable, "this Weir keeps no history, so that it can only show the present")
	}
	return m, nil
}

// parseMoment reads a moment as the API does, or as a browser's field of date and time writes it, which is in UTC.
// An empty one, and "now", is the zero time. name is the field's.
func parseMoment(name, text string, now time.Time) (time.Time, error) {
	if text == "" || text == "now" {
		return time.Time{}, nil
	}
	at, err := timeline.ParseMoment(name, text, "", now)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if field, problem := time.ParseInLocation(layout, text, time.UTC); problem == nil {
			at, err = field, nil
		}
	}
	if err == nil && at.After(now.Add(clockSkew)) {
		return at, mesh.Errorf(mesh.Invalid, "%s %s lies in the future: it is %s now", name, page.ISO(at), now.UTC().Format(time.RFC3339))
	}
	return at.UTC(), err
}

func parseWindow(text string) (time.Duration, error) {
	if text == "" {
		return defaultWindow, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < minWindow || d > maxWindow {
		return defaultWindow, mesh.Errorf(mesh.Invalid, "window %.20q: from 1s to 1h, as in 30s", text)
	}
	return d, nil
}

// canonical is the same address with its moment as the API and the islands write it; "" when it is so already. A browser's
// field of date and time names no zone.
func canonical(c *gin.Context, v *view, m moment) string {
	asked := c.Query("at")
	switch {
	case m.at.IsZero() && asked != "":
		return v.Without("at")
	case asked != "" && asked != page.ISO(m.at):
		return v.With("at", page.ISO(m.at))
	}
	return ""
}

// past puts the moment that a page is about on it.
func (v *view) past(m moment) {
	p := &page.Past{On: !m.at.IsZero(), Window: m.window.String(), Live: v.Without("at")}
	if p.On {
		p.ISO = page.ISO(m.at)
		p.Text = v.L.T("past.banner", "moment", v.When(m.at), "ago", v.Ago(m.at))
	}
	v.Past = p
}

// goBack replaces the picture by the one of a moment. The configuration of now says nothing about it, so only the
// mesh's name is kept.
func (w *Web) goBack(c *gin.Context, v *view, m moment) error {
	g, err := w.Timeline.At(c.Request.Context(), v.Mesh, m.at, m.window)
	if err != nil {
		g = graph.Graph{Mesh: v.Mesh, At: m.at}
	}
	v.graph = g
	v.current.Mesh = mesh.Mesh{Name: v.Mesh}
	v.nodes = make(map[string]graph.Node, len(g.Nodes))
	for _, n := range g.Nodes {
		v.nodes[n.ID] = n
	}
	return err
}

// statusOf is the status of a page that shows an error beside what it can show.
func statusOf(err error) int {
	switch mesh.CodeOf(err) {
	case mesh.NotFound:
		return http.StatusNotFound
	case mesh.Invalid:
		return http.StatusUnprocessableEntity
	case mesh.Conflict:
		return http.StatusConflict
	case mesh.Denied:
		return http.StatusForbidden
	case mesh.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
