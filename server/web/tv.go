package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/ui/page"
)

// What a wall display does when its address does not say.
const (
	tvPaths   = 8  // problems that can be read from afar
	tvRefresh = 10 // seconds, without script
	tvRotate  = 30 // seconds for each mesh
	tvLeast   = 5
	tvMost    = 3600
)

// tv is the wall display of a mesh, or of all of them in turn.
func (w *Web) tv(c *gin.Context) error {
	v, err := w.look(c, "tv", "tv.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.TV{Topology: page.Topology{Shell: v.Shell, View: string(graph.ViewProblems), Hops: 1}, Counts: v.counts()}
	if p.Theme == "" {
		p.Theme = "dark"
	}
	p.Refresh = tvRefresh
	scene := graph.Choose(v.graph, graph.Wish{View: graph.ViewProblems}, nil)
	p.Caption, p.Problems = v.caption(scene), scene.Problems
	p.Verdict = verdict(p.Counts)
	p.Paths = v.paths(&p.Topology, scene.Paths)
	p.More = max(len(p.Paths)-tvPaths, 0) + max(len(scene.Paths)-len(p.Paths), 0)
	p.Paths = p.Paths[:min(len(p.Paths), tvPaths)]
	p.Shifts = v.shifts(&p.Topology, scene.Shifts)
	p.Empty, p.Edges.Total = v.empty(), len(v.graph.Edges)
	if seconds, asked := rotation(c); asked && len(v.Meshes) > 1 {
		next := v.Meshes[(slices.Index(v.Meshes, v.Mesh)+1)%len(v.Meshes)]
		p.Rotate, p.Refresh = seconds, seconds
		p.Next = "/tv?" + url.Values{"mesh": {next}, "rotate": {strconv.Itoa(seconds)}}.Encode()
	}
	return w.render(c, http.StatusOK, page.TVPage(p))
}

// rotation is how many seconds each mesh is shown.
func rotation(c *gin.Context) (seconds int, asked bool) {
	text, asked := c.GetQuery("rotate")
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds <= 0 {
		seconds = tvRotate
	}
	return min(max(seconds, tvLeast), tvMost), asked && text != "0"
}
