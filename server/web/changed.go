package web

import (
	"maps"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// The plots of a change show the time around it: what was before, and what came of it.
const (
	beforeChange = 5 * time.Minute
	afterChange  = 10 * time.Minute
)

// changeReach is the time that the plots of a change show. While it is young they begin at the same moment and grow.
func changeReach(c *gin.Context, at, now time.Time) (reach, error) {
	if c.Query("from") != "" {
		return readReach(c, now)
	}
	step := plotStep(beforeChange + afterChange)
	end := at.Add(afterChange)
	live := now.Before(end)
	if live {
		end = now
	}
	return reach{over: spanOf(at.Add(-beforeChange).Truncate(step), end.Truncate(step), step), live: live}, nil
}

// changePlots are the figures of what a change touches: old against new version, and how the observed share comes to be
// the configured one; of a change that touches no version, the whole mesh.
func (w *Web) changePlots(c *gin.Context, v view, entry change.Change) (component.Plots, error) {
	r, err := changeReach(c, entry.At, v.Now)
	if err != nil {
		return component.Plots{}, err
	}
	nodes, wanted := v.versionsOf(entry)
	p := component.Plots{List: true}
	if len(nodes) == 0 {
		p.Figures = v.SubjectFigures()
		return w.plots(c, v, r, p), nil
	}
	p.Figures = v.versionFigures(nodes)
	if len(wanted) > 1 {
		share := component.Figure{Title: v.L.T("plot.share"), Unit: component.PlotRatio}
		for i, name := range first(nodes, shownVersions) {
			share.Lines = append(share.Lines, component.PlotLine{
				Name: v.name(name), Column: "share", Node: name, Series: i, Dash: i, Goal: wanted[name],
			})
		}
		// What a pool holds is another question than how traffic is split.
		p.Figures = append([]component.Figure{share}, p.Figures[:3]...)
	}
	return w.plots(c, v, r, p), nil
}

// versionsOf are the versions that a change concerns, and what it wants each to get of the traffic: nothing, where it sets
// no weights. What was measured says what it was; before that, what is configured does.
func (v view) versionsOf(entry change.Change) (nodes []string, wanted map[string]float64) {
	wanted = make(map[string]float64)
	add := func(name string) {
		if name != "" && !slices.Contains(nodes, name) {
			nodes = append(nodes, name)
		}
	}
	for _, ref := range entry.Objects {
		switch ref.Kind {
		case mesh.KindNode:
			add(ref.Name)
		case mesh.KindService:
			s, _ := v.service(ref.Name)
			for _, name := range v.versionNames(s, v.routes(s.Router)) {
				add(name)
			}
		case mesh.KindRoute:
			for _, r := range v.current.Mesh.Routes {
				if r.Ref() == ref && len(entry.Objects) == 1 {
					for _, t := range r.Targets {
						add(t.Node)
					}
					maps.Copy(wanted, r.Shares())
				}
			}
		case mesh.KindSplit:
			if s, ok := v.current.Mesh.Split(ref.Name); ok {
				for _, t := range s.Targets {
					add(t.Node)
				}
			}
		case mesh.KindMesh, mesh.KindRouter, mesh.KindGateway, mesh.KindGatewayRoute:
		}
	}
	if entry.Observed != nil && len(entry.Observed.Shares) > 0 {
		wanted = make(map[string]float64)
		for _, name := range slices.Sorted(maps.Keys(entry.Observed.Shares)) {
			add(name)
			wanted[name] = entry.Observed.Shares[name].Want
		}
	}
	return nodes, wanted
}
