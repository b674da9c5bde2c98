package live

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/graph"
)

// sceneEvery is how long a scene stands at least when only its numbers and the order of its lists changed; what it shows
// and what is wrong is sent at once.
const sceneEvery = 5 * time.Second

// sceneDeadband is how far a number of a scene may be from the one last sent.
const sceneDeadband = 0.05

// stage is the scene that a topic's viewers have.
type stage struct {
	scene graph.Scene
	body  json.RawMessage // nil: none yet
	shape []byte          // what is sent at once when it changes
	at    time.Time
}

// take gives the scene's new bytes, nil when viewers can go on with what they have.
func (s *stage) take(next graph.Scene, now time.Time) (json.RawMessage, error) {
	next.Nodes, next.Edges, next.Chosen = nil, nil, nil
	next = settled(next, s.scene)
	body, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode the scene of view %s: %w", next.View, err)
	}
	if bytes.Equal(body, s.body) {
		return nil, nil
	}
	shape, err := json.Marshal(shapeOf(next))
	if err != nil {
		return nil, fmt.Errorf("encode the scene of view %s: %w", next.View, err)
	}
	if s.body != nil && bytes.Equal(shape, s.shape) && now.Sub(s.at) < sceneEvery {
		return nil, nil
	}
	s.scene, s.body, s.shape, s.at = next, body, shape, now
	return body, nil
}

// settled rounds a scene's numbers and keeps those that are near the ones last sent.
func settled(next, sent graph.Scene) graph.Scene {
	if len(next.More) > 0 {
		more := make(map[string]graph.More, len(next.More))
		for side, m := range next.More {
			was := sent.More[side]
			m.RequestRate, m.ErrorRatio, m.P95 = settle(m.RequestRate, was.RequestRate), settle(m.ErrorRatio, was.ErrorRatio), settle(m.P95, was.P95)
			more[side] = m
		}
		next.More = more
	}
	next.Shifts = slices.Clone(next.Shifts)
	for i := range next.Shifts {
		s := &next.Shifts[i]
		var was graph.Shift
		for _, old := range sent.Shifts {
			if old.From == s.From && old.To == s.To && old.What == s.What {
				was = old
			}
		}
		s.Before, s.After = settle(s.Before, was.Before), settle(s.After, was.After)
	}
	if next.Groups != nil {
		g := settledGroups(*next.Groups, sent.Groups)
		next.Groups = &g
	}
	return next
}

func settledGroups(next graph.Groups, sent *graph.Groups) graph.Groups {
	if sent == nil || sent.By != next.By || !slices.EqualFunc(sent.List, next.List, func(a, b graph.Group) bool {
		return a.Name == b.Name && a.Kind == b.Kind
	}) {
		sent = &graph.Groups{List: make([]graph.Group, len(next.List))}
	}
	next.List, next.Cells = slices.Clone(next.List), slices.Clone(next.Cells)
	for i := range next.List {
		next.List[i].RequestRate = settle(next.List[i].RequestRate, sent.List[i].RequestRate)
	}
	for i := range next.Cells {
		c := &next.Cells[i]
		var was graph.Cell
		if k, ok := slices.BinarySearchFunc(sent.Cells, *c, byGroups); ok {
			was = sent.Cells[k]
		}
		c.RequestRate, c.ErrorRatio = settle(c.RequestRate, was.RequestRate), settle(c.ErrorRatio, was.ErrorRatio)
	}
	return next
}

func byGroups(a, b graph.Cell) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}

// settle keeps a number that was sent while it is near, and gives three digits of another.
func settle(now, sent float64) float64 {
	if now != 0 && sent != 0 && math.Abs(now-sent) <= sceneDeadband*math.Abs(sent) {
		return sent
	}
	return roundTo(now, 3)
}

// shapeOf is a scene without what may wait.
func shapeOf(s graph.Scene) graph.Scene {
	if len(s.More) > 0 {
		more := make(map[string]graph.More, len(s.More))
		for side, m := range s.More {
			more[side] = graph.More{Units: m.Units, Health: m.Health}
		}
		s.More = more
	}
	s.Paths, s.Shifts = slices.Clone(s.Paths), slices.Clone(s.Shifts)
	slices.SortFunc(s.Paths, func(a, b graph.Path) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	for i := range s.Paths {
		s.Paths[i].Units = nil // whether they are shown is said by shown
	}
	for i := range s.Shifts {
		s.Shifts[i] = graph.Shift{}
	}
	s.Lines = 0
	if s.Groups == nil {
		return s
	}
	g := *s.Groups
	g.List, g.Cells = slices.Clone(g.List), slices.Clone(g.Cells)
	for i := range g.List {
		g.List[i].RequestRate = 0
	}
	for i := range g.Cells {
		c := &g.Cells[i]
		c.RequestRate, c.ErrorRatio = 0, 0
	}
	s.Groups = &g
	return s
}

// advanceScene adds the scene and the order of a page to a frame, when they changed.
func (t *topic) advanceScene(p content, f *Frame, now time.Time) error {
	if p.scene == nil {
		return nil
	}
	body, err := t.stage.take(*p.scene, now)
	if err != nil {
		return err
	}
	f.Scene = body
	if t.view.page == nil {
		return nil
	}
	page := make([]int, 0, len(p.order))
	for _, ends := range p.order {
		if sent := t.lines[ends]; sent != nil {
			page = append(page, sent.id)
		}
	}
	if !slices.Equal(page, t.page) {
		f.Order, t.page = page, page
	}
	return nil
}
