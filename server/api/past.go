package api

import (
	"context"
	"net/http"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

type compareInput struct {
	InMesh
	From   string `query:"from" required:"true" maxLength:"40" doc:"The earlier moment: RFC 3339, or how long ago as in -1h."`
	To     string `query:"to" maxLength:"40" doc:"The later moment, likewise. Left out: now."`
	Window string `query:"window" maxLength:"20" doc:"What the numbers of either are taken over; 5s to 24h. Left out: 30s."`
}

// Spanning is what a request about a span of time says.
type Spanning struct {
	Start  string `query:"start" maxLength:"40" doc:"The first moment: RFC 3339, or how long ago as in -3h. Left out: an hour ago."`
	End    string `query:"end" maxLength:"40" doc:"The last moment, likewise. Left out: now."`
	Step   string `query:"step" maxLength:"20" doc:"How far the moments are apart; at least 1s, and at most 720 moments. Left out: chosen to make some 240."`
	Window string `query:"window" maxLength:"20" doc:"What each moment's numbers are taken over, up to it; 5s to 24h. Left out: the step, at least 30s."`
}

type framesInput struct {
	InMesh
	Spanning
}

type plotInput struct {
	InMesh
	Spanning
	Source      string `query:"source" maxLength:"512" doc:"Of an edge: where it begins, as an id of the graph."`
	Destination string `query:"destination" maxLength:"512" doc:"Of an edge: where it leads."`
	Node        string `query:"node" maxLength:"512" doc:"All that arrives at a node, by its id in the graph; instead of an edge. With neither: the whole mesh."`
}

func (a *API) compareGraphs(ctx context.Context, in *compareInput) (*answer[timeline.Comparison], error) {
	c, err := a.compare(ctx, in)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[timeline.Comparison]{Status: http.StatusOK, Body: c}, nil
}

func (a *API) compare(ctx context.Context, in *compareInput) (timeline.Comparison, error) {
	now := time.Now()
	from, err := timeline.ParseMoment("from", in.From, "", now)
	if err != nil {
		return timeline.Comparison{}, err
	}
	to, err := timeline.ParseMoment("to", in.To, "now", now)
	if err != nil {
		return timeline.Comparison{}, err
	}
	window, err := timeline.ParseLength("window", in.Window)
	if err != nil {
		return timeline.Comparison{}, err
	}
	past, err := a.past()
	if err != nil {
		return timeline.Comparison{}, err
	}
	return past.Compare(ctx, in.Mesh, from, to, window)
}

// span reads a span of time.
func (in Spanning) span(now time.Time) (s mesh.Span, err error) {
	if s.Start, err = timeline.ParseMoment("start", in.Start, "-1h", now); err != nil {
		return s, err
	}
	if s.End, err = timeline.ParseMoment("end", in.End, "now", now); err != nil {
		return s, err
	}
	if s.Step, err = timeline.ParseLength("step", in.Step); err != nil {
		return s, err
	}
	s.Window, err = timeline.ParseLength("window", in.Window)
	return s, err
}

func (a *API) getFrames(ctx context.Context, in *framesInput) (*answer[timeline.Frames], error) {
	over, err := in.span(time.Now())
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	past, err := a.past()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	f, err := past.Frames(ctx, in.Mesh, over)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[timeline.Frames]{Status: http.StatusOK, Body: f}, nil
}

func (a *API) getPlot(ctx context.Context, in *plotInput) (*answer[timeline.Plot], error) {
	p, err := a.plot(ctx, in)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[timeline.Plot]{Status: http.StatusOK, Body: p}, nil
}

func (a *API) plot(ctx context.Context, in *plotInput) (timeline.Plot, error) {
	of := mesh.Subject{From: in.Source, To: in.Destination}
	switch {
	case in.Node != "" && of != (mesh.Subject{}):
		return timeline.Plot{}, mesh.Errorf(mesh.Invalid, "node and an edge: give either node, or source and destination")
	case (of.From == "") != (of.To == ""):
		return timeline.Plot{}, mesh.Errorf(mesh.Invalid, "an edge has two ends: give source and destination, or node for all that arrives there")
	case in.Node != "":
		of.To = in.Node
	}
	over, err := in.span(time.Now())
	if err != nil {
		return timeline.Plot{}, err
	}
	past, err := a.past()
	if err != nil {
		return timeline.Plot{}, err
	}
	return past.Plot(ctx, in.Mesh, of, over)
}
